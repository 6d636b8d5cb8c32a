"""Write what the dataset stores, and read it back."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
import simplejpeg

from million_ird.errors import DatasetError

_WEBP_METHOD, _WEBP_EFFORT = 2, 0
"""libwebp's lossless speed settings: of those tried, the smallest files (6 % less than the fastest setting, 1 % more
than method 4) that still take no more than twice the fastest setting's time."""
_PNG_LEVEL = 1
"""zlib's: a quarter of the time of level 6, for some 5 % more bytes of a photograph."""
_THUMBNAIL_QUALITY = 80


def encode_webp_lossless(rgb: npt.NDArray[np.uint8]) -> bytes:
    """Encode (H, W, 3) uint8 RGB as lossless WebP. The same pixels always give the same bytes."""
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(rgb).save(out, "WEBP", lossless=True, method=_WEBP_METHOD, quality=_WEBP_EFFORT, exact=True)
    return out.getvalue()


def encode_png(rgb: npt.NDArray[np.uint8]) -> bytes:
    """Encode (H, W, 3) uint8 RGB as PNG, for a person to look at; the dataset itself holds none."""
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(rgb).save(out, "PNG", compress_level=_PNG_LEVEL)
    return out.getvalue()


def encode_thumbnail(rgb: npt.NDArray[np.uint8], side: int = 160) -> bytes:
    """A small baseline JPEG of (H, W, 3) uint8 RGB whose longer side is at most `side` pixels; never enlarged."""
    import cv2

    height, width = rgb.shape[:2]
    scale = min(1.0, side / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA) if scale < 1 else np.ascontiguousarray(rgb)
    encoded: bytes = simplejpeg.encode_jpeg(small, quality=_THUMBNAIL_QUALITY, colorsubsampling="420")
    return encoded


def decode_patch(data: bytes) -> npt.NDArray[np.uint8]:
    """Decode a stored patch (JPEG or lossless WebP) to (H, W, 3) uint8 RGB.

    Raises:
        DatasetError: the bytes are damaged, or no patch of this project.
    """
    if data[:2] == b"\xff\xd8":
        try:
            pixels: npt.NDArray[np.uint8] = simplejpeg.decode_jpeg(data, "RGB", strict=True)
        except ValueError as error:
            raise DatasetError(f"a patch is damaged: {error}") from None
        return pixels
    return _decode_webp_patch(data)


def _decode_webp_patch(data: bytes) -> npt.NDArray[np.uint8]:
    import cv2

    if data[8:12] != b"WEBP" or 8 + int.from_bytes(data[4:8], "little") > len(data):
        raise DatasetError("a patch is damaged: neither a JPEG nor a whole WebP")
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
    if pixels is None or pixels.ndim != 3 or pixels.dtype != np.uint8:
        raise DatasetError("a patch is damaged: its WebP does not decode")
    return np.asarray(pixels)
