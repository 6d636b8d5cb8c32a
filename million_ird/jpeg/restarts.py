"""Restart markers (ITU-T T.81, B.2.1 and E.1.4): where a decoder can begin in the middle of a JPEG.

Patches get one after every 64 rows, for 0.1 % more bytes. A reader of a training crop then decodes the intervals
that show it and none of those above. It needs no index: nothing else in coded data looks like such a marker.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice, pairwise

from million_ird.patches import Box
from million_ird.pixels.jpeg_header import BrokenJpegError, next_segment
from million_ird.pixels.model import MAX_PARTS

ROWS = 64
"""Pixels from one restart marker of a patch to the next, a multiple of every MCU's height. Half as many save a crop of
128 rows little, and cost the cut more (benchmarks/README.md)."""

_SOF0, _SOF1, _SOS, _DRI, _RST0, _EOI = 0xC0, 0xC1, 0xDA, 0xDD, 0xD0, 0xD9
_MARKER = re.compile(rb"\xff[^\x00\xff]")
"""Any marker in coded data: behind one that is no restart marker lies something else, perhaps another picture."""
_MARGIN = 8
"""Rows decoded above and below a rectangle: upsampling looks at neighbours, a chroma sample covers up to 4 rows."""


def interval_boxes(box: Box) -> list[Box]:
    """`box` from top to bottom in pieces of `ROWS` rows; the last may be shorter."""
    return [Box(box.x, y, box.width, min(ROWS, box.y + box.height - y)) for y in range(box.y, box.y + box.height, ROWS)]


def join_intervals(pieces: Sequence[bytes], height: int, mcus: int) -> bytes:
    """One sequential JPEG of the pieces of a picture, from top to bottom, with a restart marker between any two.

    Each piece is a JPEG whose coded data begins anew, as an interval's does; so it becomes one as it is.

    Args:
        pieces: JPEGs of one scan, with equal headers but for the height of the last.
        height: of all together in pixels.
        mcus: MCUs of every piece but the last.

    Raises:
        ValueError: their headers differ otherwise.
    """
    if len(pieces) == 1:
        return pieces[0]
    first = _Division.read(pieces[0])
    if first is None:
        raise ValueError("the patch was not written as a sequential JPEG of one scan")
    before, after = pieces[0][: first.frame + 5], pieces[0][first.frame + 7 : first.coded]
    joined = [
        before,
        height.to_bytes(2, "big"),
        pieces[0][first.frame + 7 : first.scan],
        bytes((0xFF, _DRI, 0, 4)),
        mcus.to_bytes(2, "big"),
        pieces[0][first.scan : first.coded],
    ]
    for number, piece in enumerate(pieces):
        if not (piece.startswith(before) and piece[first.frame + 7 : first.coded] == after):
            raise ValueError("parts of the patch were written with different tables")
        joined += [piece[first.coded : -2], bytes((0xFF, _RST0 + number % 8))]
    return b"".join([*joined[:-1], bytes((0xFF, _EOI))])


def intervals_showing(data: bytes, width: int, height: int, box: Box) -> tuple[bytes, int, Box] | None:
    """The restart intervals of a JPEG that show a rectangle, as a JPEG that is as wide and not as high.

    Args:
        data: the whole file, of width × height pixels.
        width: in pixels.
        height: likewise.
        box: the rectangle, within the picture.

    Returns:
        That JPEG, its height in pixels, and where the rectangle lies in it, with rows around it that upsampling needs.
        None where there is nothing to leave out, or the file is of another kind, another size, or damaged so far.
    """
    header = _Division.read(data)
    strips = header.strips() if header is not None else None
    if header is None or strips is None or (header.width, header.height) != (width, height):
        return None
    rows, per_strip = strips
    first = max(box.y - _MARGIN, 0) // rows
    end = min(-(-(box.y + box.height + _MARGIN) // rows), -(-height // rows))
    to_the_end = end * rows >= height
    if first == 0 and to_the_end:
        return None
    starts = _interval_starts(data, header.coded, end * per_strip + (not to_the_end))
    if starts is None:
        return None
    shown = min(end * rows, height) - first * rows
    parts = [data[: header.frame + 5], shown.to_bytes(2, "big"), data[header.frame + 7 : header.coded]]
    taken = starts[first * per_strip :]
    for number, (start, following) in enumerate(pairwise(taken)):
        parts += [data[start : following - 1], bytes((_RST0 + number % 8,))]
    if to_the_end:
        parts.append(data[taken[-1] :])
    else:
        parts[-1] = bytes((_EOI,))
    return b"".join(parts), shown, Box(box.x, box.y - first * rows, box.width, box.height)


def _interval_starts(data: bytes, coded: int, count: int) -> list[int] | None:
    """Where the first so many restart intervals begin; None if there are fewer or they are misnumbered."""
    starts = [coded]
    for number, found in enumerate(islice(_MARKER.finditer(data, coded), count - 1)):
        if data[found.end() - 1] != _RST0 + number % 8:
            return None
        starts.append(found.end())
    return starts if len(starts) == count else None


@dataclass(frozen=True, slots=True)
class _Division:
    """How the headers of a sequential, Huffman-coded JPEG of one scan say that it is divided."""

    width: int
    height: int
    mcu_width: int
    mcu_height: int
    interval: int
    """MCUs from one restart marker to the next; 0: there are none."""
    frame: int
    """Where the frame header's marker is."""
    scan: int
    """Where the scan header's marker is."""
    coded: int
    """Where the scan's coded data begins."""

    @classmethod
    def read(cls, data: bytes) -> _Division | None:
        """None for other files, and where the segments cannot be followed.

        `read_segments` takes tables and metadata, too, which takes 1.6 times as long; this is done for every crop.
        """
        frame = interval = 0
        position = 2
        try:
            for _ in range(MAX_PARTS):
                marker, start, end = next_segment(data, position)
                if marker in (_SOF0, _SOF1):
                    frame = start - 4
                elif marker == _DRI:
                    interval = int.from_bytes(data[start:end], "big")
                elif marker == _SOS:
                    return cls._of_frame(data, frame, interval, start - 4, end) if frame else None
                position = end
        except BrokenJpegError:
            pass
        return None

    @classmethod
    def _of_frame(cls, data: bytes, frame: int, interval: int, scan: int, coded: int) -> _Division | None:
        if scan < frame + 10 or coded < scan + 5:
            return None
        count = data[frame + 9]
        factors = data[frame + 11 : frame + 10 + 3 * count : 3]
        if not factors or data[scan + 4] != count:  # several scans
            return None
        # A component that is alone is coded block by block, whatever its factors (A.2.2).
        across, down = (max(f >> 4 for f in factors), max(f & 15 for f in factors)) if count > 1 else (1, 1)
        height, width = (int.from_bytes(data[frame + i : frame + i + 2], "big") for i in (5, 7))
        if not (across and down and width and height):
            return None
        return cls(width, height, 8 * across, 8 * down, interval, frame, scan, coded)

    def strips(self) -> tuple[int, int] | None:
        """(rows of pixels, restart intervals) of the lowest strip across the picture that begins with an interval and
        ends with one; None if intervals begin anywhere in a row."""
        across = -(-self.width // self.mcu_width)
        if self.interval and self.interval % across == 0:
            return self.interval // across * self.mcu_height, 1
        if self.interval and across % self.interval == 0:
            return self.mcu_height, across // self.interval
        return None
