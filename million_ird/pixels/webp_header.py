"""Read a WebP's chunks (RFC 9649) without decoding it."""

from __future__ import annotations

import struct

from million_ird.pixels.colour import UNTAGGED, Meaning, ProfileError, meaning_of_icc, named_meaning
from million_ird.pixels.model import MAX_PARTS, Header, rejected
from million_ird.pixels.tiff_fields import Exif, read_exif
from million_ird.records import Rejection

_ANIMATION_FLAG, _ALPHA_FLAG = 0x02, 0x10
_KEPT = (b"ICCP", b"EXIF", b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ANIM")


def read_webp_header(data: bytes, with_profile: bool = True) -> tuple[Header, Meaning] | Rejection:
    """The header, and what the file says of its colours; `with_profile` as in `read_jpeg_header`."""
    end = 8 + int.from_bytes(data[4:8], "little")
    if len(data) < 30 or end > len(data):
        return rejected("truncated", "the file is shorter than its header says")
    found: dict[bytes, bytes] = {}
    frames, parts, position = 0, 0, 12
    while position + 8 <= end:
        parts += 1
        if parts > MAX_PARTS:
            return rejected("damaged", "more chunks than any encoder writes")
        name, size = struct.unpack_from("<4sI", data, position)
        if position + 8 + size > end:
            return rejected("truncated", f"the file ends inside a chunk {name!r}")
        if name in _KEPT:
            found.setdefault(name, data[position + 8 : position + 8 + size])
        frames += name == b"ANMF"
        position += 8 + size + size % 2
    size_and_alpha = _size_and_alpha(found)
    if size_and_alpha is None:
        return rejected("damaged", "no picture in the file")
    exif = read_exif(found[b"EXIF"]) if b"EXIF" in found else Exif()
    try:
        meaning = _meaning(found, exif)
    except ProfileError as error:
        if with_profile:
            return rejected("colour_profile", str(error))
        meaning = UNTAGGED
    width, height, has_alpha = size_and_alpha
    header = Header(
        format="webp",
        width=width,
        height=height,
        channels=4 if has_alpha else 3,
        bit_depth=8,
        colour_model="rgb" if b"VP8L" in found else "ycbcr",
        frames=max(1, frames),
        has_alpha=has_alpha,
        orientation=exif.orientation,
    )
    return header, meaning


def is_animation(data: bytes) -> bool:
    """Whether the file is built as an animation, be it of a single frame (which may leave its canvas open)."""
    return data[12:16] == b"VP8X" and bool(data[20] & _ANIMATION_FLAG)


def _size_and_alpha(found: dict[bytes, bytes]) -> tuple[int, int, bool] | None:
    """Width, height and whether there can be alpha; None if there is no picture, or canvas and picture disagree."""
    extended, coded = found.get(b"VP8X", b""), _coded_size_and_alpha(found)
    if len(extended) < 10:
        return coded
    width, height = (1 + int.from_bytes(extended[start : start + 3], "little") for start in (4, 7))
    is_animated = bool(extended[0] & _ANIMATION_FLAG)
    if not is_animated and (coded is None or coded[:2] != (width, height)):
        return None  # the limit on pixels must hold for what is decoded
    has_alpha = bool(extended[0] & _ALPHA_FLAG) or b"ALPH" in found or (coded is not None and coded[2])
    return width, height, has_alpha


def _coded_size_and_alpha(found: dict[bytes, bytes]) -> tuple[int, int, bool] | None:
    lossy, lossless = found.get(b"VP8 ", b""), found.get(b"VP8L", b"")
    if len(lossy) >= 10 and lossy[3:6] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", lossy, 6)
        return width & 0x3FFF, height & 0x3FFF, False
    if len(lossless) >= 5 and lossless[0] == 0x2F:
        bits = int.from_bytes(lossless[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF), bool(bits >> 28 & 1)
    return None


def _meaning(found: dict[bytes, bytes], exif: Exif) -> Meaning:
    if b"ICCP" in found:
        return meaning_of_icc(found[b"ICCP"])
    return named_meaning(exif.colour_space) if exif.colour_space else UNTAGGED
