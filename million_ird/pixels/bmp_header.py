"""Read a BMP's header (OS/2 1.x to Windows V5) without decoding it."""

from __future__ import annotations

import struct

from million_ird.pixels.colour import UNTAGGED, Meaning, ProfileError, meaning_of_icc, named_meaning
from million_ird.pixels.model import Header, rejected
from million_ird.records import Rejection

_CORE_SIZE, _INFO_SIZE, _V4_SIZE, _V5_SIZE = 12, 40, 108, 124
_UNCOMPRESSED, _BITFIELDS, _ALPHA_BITFIELDS = 0, 3, 6


def read_bmp_header(data: bytes, with_profile: bool = True) -> tuple[Header, Meaning] | Rejection:
    """The header, and what the file says of its colours; `with_profile` as in `read_jpeg_header`."""
    (first_pixel, size) = struct.unpack_from("<II", data, 10)
    if len(data) < 14 + size:
        return rejected("truncated", "the file ends inside its header")
    if size == _CORE_SIZE:
        width, height, _, bits = struct.unpack_from("<HHHH", data, 18)
        compression = _UNCOMPRESSED
    elif size >= _INFO_SIZE:
        width, height, _, bits, compression = struct.unpack_from("<iiHHI", data, 18)
    else:
        return rejected("bmp_layout", f"a header of {size} bytes")
    height = abs(height)  # negative: the top row comes first
    if bits in (1, 2, 4, 8):
        model, channels, depth = "palette", 1, bits
    elif bits in (24, 32) and compression in (_UNCOMPRESSED, _BITFIELDS, _ALPHA_BITFIELDS):
        model, channels, depth = "rgb", bits // 8, 8
    elif bits == 16:
        return rejected("bit_depth", "16 bits per pixel for three colours", 5.0)
    else:
        return rejected("bmp_layout", f"{bits} bits per pixel, compression {compression}")
    is_raw = compression in (_UNCOMPRESSED, _BITFIELDS, _ALPHA_BITFIELDS)
    row = (width * bits + 31) // 32 * 4
    if is_raw and width > 0 and first_pixel + row * height > len(data):
        return rejected("truncated", "the file ends before its last row")
    try:
        meaning = _meaning(data, size)
    except ProfileError as error:
        if with_profile:
            return rejected("colour_profile", str(error))
        meaning = UNTAGGED
    has_alpha = bits == 32 and compression != _UNCOMPRESSED
    return Header("bmp", width, height, channels, depth, model, has_alpha=has_alpha), meaning


def bmp_size(data: bytes) -> tuple[int, int] | None:
    """Width and height from the first bytes alone."""
    if len(data) < 26:
        return None
    is_core = data[14:18] == b"\x0c\0\0\0"
    width, height = struct.unpack_from("<HH" if is_core else "<ii", data, 18)
    return width, abs(height)


def _meaning(data: bytes, size: int) -> Meaning:
    if size < _V4_SIZE:
        return UNTAGGED
    kind = data[70:74][::-1]
    if kind == b"sRGB":
        return named_meaning("srgb")
    if size >= _V5_SIZE and kind == b"MBED":
        start, length = struct.unpack_from("<II", data, 14 + 112)
        return meaning_of_icc(data[14 + start : 14 + start + length])
    if kind == b"LINK":
        raise ProfileError("the colour profile is in another file")
    return UNTAGGED
