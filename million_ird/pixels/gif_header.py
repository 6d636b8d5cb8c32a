"""Follow a GIF's blocks (GIF89a specification) without decoding it."""

from __future__ import annotations

import struct

from million_ird.pixels.colour import UNTAGGED, Meaning
from million_ird.pixels.model import Header, rejected
from million_ird.records import Rejection

_EXTENSION, _IMAGE, _TRAILER, _GRAPHIC_CONTROL = 0x21, 0x2C, 0x3B, 0xF9


_MAX_BLOCKS = 2_000_000
"""A sub-block holds at most 255 bytes, so that 500 MB of pixels need no more than this."""


class _ShortGifError(ValueError):
    """The file ends before its trailer."""


def read_gif_header(data: bytes) -> tuple[Header, Meaning] | Rejection:
    """The header; a GIF says nothing of its colours."""
    if len(data) < 13:
        return rejected("truncated", "the file ends inside its header")
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    try:
        frames, has_alpha, interlaced, extent = _follow_blocks(data, 13 + _table_size(flags))
    except _ShortGifError:
        return rejected("truncated", "the file ends before its trailer")
    except ValueError as error:
        return rejected("damaged", str(error))
    if frames == 0:
        return rejected("damaged", "no picture in the file")
    header = Header(
        format="gif",
        width=max(width, extent[2]),
        height=max(height, extent[3]),
        channels=1,
        bit_depth=8,
        colour_model="palette",
        frames=frames,
        has_alpha=has_alpha,
        progressive=interlaced,
    )
    return header, UNTAGGED


def gif_size(data: bytes) -> tuple[int, int] | None:
    """The canvas, from the first bytes alone."""
    if len(data) < 10:
        return None
    width, height = struct.unpack_from("<HH", data, 6)
    return width, height


def _follow_blocks(data: bytes, position: int) -> tuple[int, bool, bool, tuple[int, int, int, int]]:
    """Number of frames; of the first: transparency, interlacing, and left, top, right, bottom."""
    frames, transparent, interlaced, extent = 0, False, False, (0, 0, 0, 0)
    blocks = 0
    while blocks < _MAX_BLOCKS:
        introducer = _byte(data, position)
        if introducer == _TRAILER:
            return frames, transparent, interlaced, extent
        if introducer == _EXTENSION:
            if _byte(data, position + 1) == _GRAPHIC_CONTROL and frames == 0:
                transparent = bool(_byte(data, position + 3) & 1)
            position, skipped = _skip_sub_blocks(data, position + 2)
        elif introducer == _IMAGE:
            if position + 10 > len(data):
                raise _ShortGifError
            left, top, width, height, flags = struct.unpack_from("<HHHHB", data, position + 1)
            if frames == 0:
                interlaced, extent = bool(flags & 0x40), (left, top, left + width, top + height)
            frames += 1
            position, skipped = _skip_sub_blocks(data, position + 11 + _table_size(flags))
        else:
            raise ValueError(f"no block at byte {position}")
        blocks += skipped
    raise ValueError("more blocks than any encoder writes")


def _skip_sub_blocks(data: bytes, position: int) -> tuple[int, int]:
    """The position behind a chain of sub-blocks, and how many there were (with the empty last one)."""
    count = 1
    while (size := _byte(data, position)) and count < _MAX_BLOCKS:
        position += 1 + size
        count += 1
    return position + 1, count


def _table_size(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _byte(data: bytes, position: int) -> int:
    if position >= len(data):
        raise _ShortGifError
    return data[position]
