"""JPEGs of every kind that a cutter meets, generated from one picture."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import cv2
import jpeglib
import numpy as np
import numpy.typing as npt
from PIL import Image

Picture = npt.NDArray[np.uint8]

_SAMPLING = {
    "4:4:4": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
    "4:2:2": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_422,
    "4:2:0": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420,
    "4:4:0": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_440,
    "4:1:1": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_411,
}


@cache
def picture(width: int = 331, height: int = 299) -> Picture:
    """RGB with texture, edges, flat parts and saturated colours; its sides are no multiples of any MCU."""
    rng = np.random.default_rng(5)
    y, x = np.mgrid[:height, :width]
    waves = 90 * np.sin(x * y / 900) + 30 * np.sin(x / 3)
    rgb = np.stack([128 + waves, 128 - waves + x / 4, 60 + y / 3 + 0 * x], axis=2)
    rgb += rng.normal(0, 12, rgb.shape) * (x > width // 2)[..., None]
    rgb[height // 3 : height // 2, width // 4 : width // 3] = (255, 0, 0)
    return np.clip(rgb, 0, 255).astype(np.uint8)


def encode(
    sampling: str = "4:2:0",
    *,
    quality: int = 88,
    progressive: bool = False,
    restart: int = 0,
    rgb: Picture | None = None,
) -> bytes:
    """A YCbCr JPEG."""
    options = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, _SAMPLING[sampling]]
    options += [cv2.IMWRITE_JPEG_PROGRESSIVE, int(progressive), cv2.IMWRITE_JPEG_RST_INTERVAL, restart]
    image = picture() if rgb is None else rgb
    return bytes(cv2.imencode(".jpg", np.ascontiguousarray(image[..., ::-1]), options)[1])


def encode_with_pillow(mode: str = "RGB", **options: object) -> bytes:
    """A JPEG with what only Pillow writes."""
    buffer = io.BytesIO()
    Image.fromarray(picture()).convert(mode).save(buffer, "JPEG", **options)
    return buffer.getvalue()


def grey_with_factors() -> bytes:
    """Grey whose only component says 2x2, as some cameras write it; alone, the factors mean nothing."""
    data = bytearray(encode_with_pillow("L", quality=85))
    frame = data.index(b"\xff\xc0")
    data[frame + 11] = 0x22
    return bytes(data)


def rotated() -> bytes:
    """With an EXIF orientation, a comment and an ICC-sized lump of metadata."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return encode_with_pillow(quality=85, exif=exif, comment=b"x" * 300, icc_profile=b"\0" * 3000)


def three_tables() -> bytes:
    """With a quantisation table of its own for each component, one of them not symmetric."""
    tables = [list(range(1, 65)), [1 + (i * 7) % 40 for i in range(64)], [3] * 64]
    return encode_with_pillow(qtables=tables, subsampling=0)


def arithmetic(folder: Path) -> bytes:
    """Arithmetic-coded 4:2:0."""
    path = folder / "arithmetic.jpg"
    path.write_bytes(encode())
    jpeglib.version.set("turbo210")
    image = jpeglib.read_dct(path)
    image.load()
    image.write_dct(str(path), flags=["+ARITH_CODE"])
    return path.read_bytes()


SOURCES: dict[str, Callable[[], bytes]] = {
    **{sampling: lambda sampling=sampling: encode(sampling) for sampling in _SAMPLING},
    **{f"progressive {s}": lambda s=s: encode(s, progressive=True) for s in ("4:4:4", "4:2:2", "4:2:0")},
    "restart markers": lambda: encode("4:2:0", restart=3),
    "quality 30": lambda: encode("4:2:0", quality=30),
    "quality 100": lambda: encode("4:4:4", quality=100),
    "grey": lambda: encode_with_pillow("L", quality=85),
    "grey 2x2": grey_with_factors,
    "progressive grey": lambda: encode_with_pillow("L", quality=85, progressive=True),
    "rgb": lambda: encode_with_pillow(quality=95, keep_rgb=True),
    "rotated": rotated,
    "three tables": three_tables,
}
"""The JPEGs that a cutter must cut, by name."""


@cache
def source_data(name: str) -> bytes:
    """The JPEG of that name in `SOURCES`."""
    return SOURCES[name]()


@cache
def _read(data: bytes) -> tuple[list[npt.NDArray[np.int16]], list[list[list[int]]]]:
    """Coefficients and quantisation table of each component, by an independent reader (the original libjpeg 6b)."""
    jpeglib.version.set("6b")
    with tempfile.NamedTemporaryFile(suffix=".jpg") as file:
        file.write(data)
        file.flush()
        image = jpeglib.read_dct(file.name)
        image.load()
    planes = [np.array(plane) for plane in (image.Y, image.Cb, image.Cr) if plane is not None]
    return planes, [image.get_component_qt(i).tolist() for i in range(image.num_components)]


def coefficients(data: bytes) -> list[npt.NDArray[np.int16]]:
    """Quantised coefficients of each component, shape (rows of blocks, columns of blocks, 8, 8)."""
    return _read(data)[0]


def quantisation(data: bytes) -> list[list[list[int]]]:
    """The quantisation table of each component, 8 rows of 8."""
    return _read(data)[1]
