"""Decode formats other than JPEG strictly: WebP and 16 bits through OpenCV, the rest through Pillow.

OpenCV takes half the time and a third of the memory for WebP, where Pillow goes through its reader of animations.
"""

from __future__ import annotations

import ctypes
import importlib.util
import io
import struct
import threading
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from million_ird.pixels.model import Header

if TYPE_CHECKING:
    from PIL import ImageFile

_STRIP_PIXELS = 1_000_000
_PILLOW = threading.Lock()
"""Pillow's leniency and Python's warning filters are global; whoever changes them holds this."""

_SMALL = 1_048_576
"""A limit below this would only forbid the padding of small pictures."""


class BrokenPictureError(ValueError):
    """The picture cannot be decoded; `reason` is the rejection's."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


def open_still(data: bytes, header: Header) -> npt.NDArray[np.uint8]:
    """Decode the first frame: (H, W, n), n = 1 grey, 2 grey + alpha, 3 RGB, 4 RGBA (or CMYK, 255 = full ink).

    Raises:
        BrokenPictureError: damaged, truncated, or not supported by this build of Pillow.
    """
    if header.format == "tiff":
        _silence_libtiff()
    with strict_pillow(header.pixels):
        try:
            picture = _open(data, header.format)
            _check_coverage(picture, header)
            picture.load()
            return _to_array(picture, _target_mode(picture.mode, header))
        except BrokenPictureError:
            raise
        except _damage() as error:
            reason = "truncated" if "truncated" in str(error).lower() else "damaged"
            raise BrokenPictureError(reason, _first_line(error)) from None


def open_webp(data: bytes, header: Header) -> npt.NDArray[np.uint8]:
    """Decode a WebP that is no animation: (H, W, 3) RGB, or (H, W, 4) RGBA if it can hold transparency.

    Raises:
        BrokenPictureError: damaged, or its parts disagree on transparency.
    """
    import cv2

    how = cv2.IMREAD_UNCHANGED if header.has_alpha else cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        with _silent_opencv():
            pixels = cv2.imdecode(np.frombuffer(data, np.uint8), how)
    except cv2.error as error:
        raise BrokenPictureError("damaged", _first_line(error)) from None
    if pixels is None or pixels.dtype != np.uint8 or pixels.ndim != 3:
        raise BrokenPictureError("damaged", "the coded data does not decode")
    if header.has_alpha:
        if pixels.shape[2] != 4:
            raise BrokenPictureError("alpha", "transparency that the file's own header denies")
        pixels = cv2.cvtColor(pixels, cv2.COLOR_BGRA2RGBA)
    return np.asarray(pixels)


def open_still_16(data: bytes) -> npt.NDArray[np.uint16]:
    """Decode 16 bits per channel (PNG, TIFF): (H, W, n) uint16, RGB or RGBA order.

    Raises:
        BrokenPictureError: damaged, or something else came out.
    """
    import cv2

    try:
        with _silent_opencv():
            pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise BrokenPictureError("damaged", _first_line(error)) from None
    if pixels is None or pixels.dtype != np.uint16:
        raise BrokenPictureError("damaged", "no 16-bit pixels came out")
    wide: npt.NDArray[np.uint16] = np.asarray(pixels, np.uint16)
    return wide[:, :, None] if wide.ndim == 2 else wide[:, :, [2, 1, 0, 3][: wide.shape[2]]]


@cache
def _silence_libtiff() -> None:
    """Pillow's libtiff prints what is wrong with each damaged file on standard error, past Python; no more of that, for
    the rejection says it. Where the library is built in so that it cannot be reached, it goes on printing."""
    module = importlib.util.find_spec("PIL._imaging")
    with suppress(AttributeError, OSError):
        library = ctypes.CDLL(module.origin if module else None)
        library.TIFFSetErrorHandler(None)
        library.TIFFSetWarningHandler(None)


@contextmanager
def _silent_opencv() -> Iterator[None]:
    """OpenCV without its lines on standard error about each damaged file."""
    import cv2

    before = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(before)


def _damage() -> tuple[type[Exception], ...]:
    """What Pillow's readers have been seen to raise on damaged files; a MemoryError is none of it."""
    from PIL import Image

    lookups = (KeyError, IndexError, TypeError, AttributeError)
    values = (ValueError, SyntaxError, EOFError, OverflowError, struct.error, zlib.error)
    return (OSError, RuntimeError, Image.DecompressionBombError, *lookups, *values)


@contextmanager
def strict_pillow(pixels: int) -> Iterator[None]:
    """Pillow as it must be here: truncated files are errors, no warning reaches the caller, and the limit on sizes is
    what this file needs (a TIFF's tiles can be far larger than its picture)."""
    from PIL import Image, ImageFile

    with _PILLOW, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before = ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS
        ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS = False, max(pixels, _SMALL)
        try:
            yield
        finally:
            ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS = before


def _open(data: bytes, kind: str) -> ImageFile.ImageFile:
    """The reader of one format by itself: `Image.open` would judge by limits and formats that are not ours."""
    from PIL import AvifImagePlugin, BmpImagePlugin, GifImagePlugin, PngImagePlugin, TiffImagePlugin, WebPImagePlugin

    readers: dict[str, Callable[[io.BytesIO], ImageFile.ImageFile]] = {
        "png": PngImagePlugin.PngImageFile,
        "webp": WebPImagePlugin.WebPImageFile,
        "tiff": TiffImagePlugin.TiffImageFile,
        "gif": GifImagePlugin.GifImageFile,
        "bmp": BmpImagePlugin.BmpImageFile,
        "avif": AvifImagePlugin.AvifImageFile,
    }
    if kind == "avif" and not AvifImagePlugin.SUPPORTED:
        raise BrokenPictureError("format_avif", "this build of Pillow has no AVIF decoder")
    return readers[kind](io.BytesIO(data))


def _check_coverage(picture: ImageFile.ImageFile, header: Header) -> None:
    """What the first frame of a GIF leaves open of its canvas is transparent, whatever a decoder shows there."""
    if header.format == "gif" and picture.tile and picture.tile[0][1] != (0, 0, header.width, header.height):
        raise BrokenPictureError("alpha", "the first frame leaves part of the canvas open")


def _target_mode(mode: str, header: Header) -> str:
    """The mode to take pixels in: as stored, palettes looked up."""
    if mode in ("L", "LA", "RGB", "RGBA", "CMYK"):
        if mode == "L" and header.has_alpha:  # a PNG names one grey level transparent
            return "LA"
        return "RGBA" if mode == "RGB" and header.has_alpha and header.format == "png" else mode
    if mode in ("P", "PA", "1") and header.is_paletted:
        return "RGBA" if header.has_alpha else "RGB"
    if mode == "RGBX":
        return "RGB"
    raise BrokenPictureError("damaged", f"unexpected pixels of mode {mode}")


def _to_array(picture: ImageFile.ImageFile, mode: str) -> npt.NDArray[np.uint8]:
    """The pixels in `mode`, strip by strip: converted and copied whole, a large picture would need twice the memory."""
    width, height = picture.size
    out = np.empty((height, width, len(mode)), np.uint8)
    rows = max(1, _STRIP_PIXELS // width)
    for top in range(0, height, rows):
        strip = picture.crop((0, top, width, min(height, top + rows)))
        pixels = np.asarray(strip if strip.mode == mode else strip.convert(mode))
        out[top : top + rows] = pixels[:, :, None] if pixels.ndim == 2 else pixels
    return out


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:200]
