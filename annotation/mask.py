"""Blur masks: bool (H, W), True = blurred; as 1-bit PNG files, and as packed bits on the way to and from the page."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from million_ird.errors import MillionIrdError

if TYPE_CHECKING:
    from PIL import Image

Mask = npt.NDArray[np.bool_]
"""(H, W), True = blurred."""

MAX_PIXELS = 160_000_000
"""Largest mask that is decoded, in pixels; as large as the largest picture that `million_ird.pixels` decodes."""

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_IHDR = struct.Struct(">IIBBBBB")
_ONE_BIT_GREY = (1, 0, 0, 0, 0)
"""Bit depth, colour type, compression, filter method, interlace."""
_NO_FILTER = 0
"""PNG's filter of a row. Without any, packed rows of a mask repeat, which deflate likes best: 3.0 kB, against 5.3
kB with the difference to the row above, for a disc in 2152×1436 pixels."""


class MaskError(MillionIrdError):
    """Bytes or an array are no blur mask; the text says what is wrong with them."""


def encode_mask(mask: Mask) -> bytes:
    """A mask as 1-bit grey PNG: what is blurred is white (255). The same mask always gives the same bytes."""
    _check_array(mask)
    height, width = mask.shape
    packed = np.packbits(mask, axis=1)
    rows = np.empty((height, packed.shape[1] + 1), np.uint8)
    rows[:, 0] = _NO_FILTER
    rows[:, 1:] = packed
    header = _IHDR.pack(width, height, *_ONE_BIT_GREY)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes(), 6)), (b"IEND", b""))
    return _SIGNATURE + b"".join(_chunk(name, data) for name, data in chunks)


def decode_mask(data: bytes, size: tuple[int, int] | None = None, any_nonzero: bool = False) -> Mask:
    """The mask in an image file.

    Args:
        data: the file's bytes: PNG, or another format that Pillow reads (BMP, TIFF, GIF, WebP, JPEG).
        size: (width, height) that it must have.
        any_nonzero: take every value but 0 as blurred; otherwise values must be exactly 0 and 255 (in 1-bit and
            palette files: what black and white become).

    Returns:
        bool (H, W), a fresh array.

    Raises:
        MaskError: damaged, of another size, in colour, or of other values; the text says which.
    """
    if not data:
        raise MaskError("the file is empty (0 bytes)")
    mask = _decode_own(data, size)
    return mask if mask is not None else _decode_foreign(data, size, any_nonzero)


def pack_bits(mask: Mask) -> bytes:
    """A zlib stream of the mask's rows, the first pixel in the highest bit, each row filled up to whole bytes."""
    if mask.dtype != np.bool_ or mask.ndim != 2:
        raise MaskError(f"a mask is a bool array of two dimensions, not {mask.dtype} {mask.shape}")
    return zlib.compress(np.packbits(mask, axis=1).tobytes(), 6)


def unpack_bits(data: bytes, width: int, height: int) -> Mask:
    """The mask (height, width) that `pack_bits` packed; never inflates more than that takes.

    Raises:
        MaskError: no such stream, or not exactly that many rows.
    """
    if width < 1 or height < 1 or width * height > MAX_PIXELS:
        raise MaskError(f"a mask of {width}x{height} pixels cannot be")
    stride = (width + 7) // 8
    packed = np.frombuffer(_inflate(data, stride * height), np.uint8).reshape(height, stride)
    return np.unpackbits(packed, axis=1, count=width).view(np.bool_)


def check_size(found: tuple[int, int], expected: tuple[int, int] | None) -> None:
    """MaskError unless a mask's (width, height) is the expected one (None: any that is not too large)."""
    if found[0] * found[1] > MAX_PIXELS:
        raise MaskError(f"the mask is {found[0]}x{found[1]}, larger than the {MAX_PIXELS:,} pixels it may have")
    if expected is not None and found != expected:
        raise MaskError(f"the mask is {found[0]}x{found[1]}, its image {expected[0]}x{expected[1]}")


def _check_array(mask: Mask) -> None:
    if mask.dtype != np.bool_ or mask.ndim != 2 or not mask.size:
        raise MaskError(f"a mask is a bool array of two dimensions, not {mask.dtype} {mask.shape}")
    if mask.size > MAX_PIXELS:
        raise MaskError(f"a mask of {mask.size:,} pixels is larger than the {MAX_PIXELS:,} that a picture may have")


def _inflate(data: bytes, nbytes: int) -> bytes:
    stream = zlib.decompressobj()
    try:
        out = stream.decompress(data, nbytes + 1)
    except zlib.error as error:
        raise MaskError(f"the packed bits are damaged: {error}") from None
    if len(out) != nbytes or not stream.eof or stream.unused_data:
        raise MaskError(f"the packed bits do not hold exactly the {nbytes:,} bytes that the size asks for")
    return out


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """A PNG's chunks.

    Raises:
        MaskError: one is cut off, or does not fit its checksum.
    """
    at = len(_SIGNATURE)
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        end = at + 12 + size
        if end > len(data):
            raise MaskError("the PNG ends too early")
        if zlib.crc32(data[at + 4 : end - 4]) != int.from_bytes(data[end - 4 : end], "big"):
            raise MaskError("the PNG is damaged: a chunk does not fit its checksum")
        yield data[at + 4 : at + 8], data[at + 8 : end - 4]
        at = end


def _decode_own(data: bytes, size: tuple[int, int] | None) -> Mask | None:
    """A mask as `encode_mask` writes it; None if the file is another picture."""
    if not data.startswith(_SIGNATURE):
        return None
    chunks = list(_chunks(data))
    if [name for name, _ in chunks] != [b"IHDR", b"IDAT", b"IEND"] or len(chunks[0][1]) != _IHDR.size:
        return None
    width, height, *kind = _IHDR.unpack(chunks[0][1])
    if tuple(kind) != _ONE_BIT_GREY or not width * height:
        return None
    check_size((width, height), size)
    stride = (width + 7) // 8 + 1
    rows = np.frombuffer(_inflate(chunks[1][1], stride * height), np.uint8).reshape(height, stride)
    if (rows[:, 0] != _NO_FILTER).any():
        return None
    return np.unpackbits(rows[:, 1:], axis=1, count=width).view(np.bool_)


def _decode_foreign(data: bytes, size: tuple[int, int] | None, any_nonzero: bool) -> Mask:
    values = _grey_values(data, size)
    blurred: Mask = values != 0 if any_nonzero else values == 255
    if any_nonzero:
        return blurred
    if not (blurred | (values == 0)).all():
        raise MaskError(_explain_values(values))
    return blurred


def _explain_values(values: npt.NDArray[np.uint8]) -> str:
    found = np.unique(values)
    if found.size <= 2 and found[-1] < 255:
        hint = (
            "0 and 1 (or two labels) are no black and white: multiply by 255, or count every non-zero value as blurred"
        )
    else:
        hint = "grey edges come from JPEG or from scaling: threshold at 127, or count every non-zero value as blurred"
    return f"values {found[0]} … {found[-1]} ({found.size} different), expected exactly 0 and 255 ({hint})"


def _grey_values(data: bytes, size: tuple[int, int] | None) -> npt.NDArray[np.uint8]:
    """(H, W) uint8; colour files must be grey (three equal channels) and opaque."""
    from PIL import Image

    from million_ird.pixels.still import strict_pillow

    with strict_pillow(MAX_PIXELS):
        try:
            with Image.open(io.BytesIO(data), formats=("PNG", "BMP", "TIFF", "GIF", "WEBP", "JPEG")) as picture:
                check_size(picture.size, size)
                return _one_channel(picture)
        except MaskError:
            raise
        except Exception as error:  # noqa: BLE001  Pillow's readers raise whatever they stumble over in damaged files
            raise MaskError(f"the file does not decode as a picture: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    text = (str(error) or type(error).__name__).splitlines()[0][:120]
    return "it is none, or of no format that is read here" if "cannot identify" in text else text


def _one_channel(picture: Image.Image) -> npt.NDArray[np.uint8]:
    frames = getattr(picture, "n_frames", 1)
    if frames > 1:
        raise MaskError(f"the file holds {frames} pictures; a mask is one")
    if picture.mode.startswith(("I", "F")):
        wide = np.asarray(picture)
        if not np.isin(wide, (0, 65535)).all():
            raise MaskError(f"values {wide.min()} … {wide.max()}, expected exactly 0 and 65535 in a file of 16 bits")
        return np.where(wide > 0, 255, 0).astype(np.uint8)
    if picture.mode in ("1", "L"):
        return np.asarray(picture.convert("L"))
    values = np.asarray(picture.convert("RGBA"))
    if (values[:, :, 3] < 255).any():
        raise MaskError("the picture is transparent in places; a mask is black and white")
    if (values[:, :, :1] != values[:, :, 1:3]).any():
        raise MaskError("the picture has colours; a mask is black and white")
    return values[:, :, 0]
