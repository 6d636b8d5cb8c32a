"""Read an AVIF's boxes (ISO 23008-12, AV1 Image File Format) without decoding it."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from million_ird.pixels.colour import UNTAGGED, Meaning, ProfileError, meaning_of_code_points, meaning_of_icc
from million_ird.pixels.model import MAX_PARTS, Header, rejected
from million_ird.records import Rejection

_ALPHA_TYPES = (b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha", b"urn:mpeg:hevc:2015:auxid:1")
_CONTAINERS = {b"meta": 4, b"iprp": 0, b"ipco": 0}
_FULL_BOX = 4
_MAX_DEPTH = 4
_ROTATED = {0: 1, 1: 8, 2: 3, 3: 6}  # irot counts quarter turns anticlockwise
_MIRRORED = {(0, 0): 4, (0, 1): 2, (1, 0): 5, (1, 1): 7, (2, 0): 2, (2, 1): 4, (3, 0): 7, (3, 1): 5}


class _BrokenBoxesError(ValueError):
    """A box reaches past its parent."""


@dataclass(slots=True)
class _Properties:
    """The item properties that matter; of each, the primary item's come first in every file an encoder writes."""

    size: tuple[int, int] | None = None
    depth: int = 0
    is_grey: bool = False
    has_alpha: bool = False
    turns: int = 0
    mirror: int | None = None
    code_points: tuple[int, int] | None = None
    icc: bytes | None = None
    has_gain_map: bool = False
    is_sequence: bool = False
    parts: int = 0
    sizes: list[tuple[int, int]] = field(default_factory=list)


def read_avif_header(data: bytes, with_profile: bool = True) -> tuple[Header, Meaning] | Rejection:
    """The header, and what the file says of its colours; `with_profile` as in `read_jpeg_header`."""
    found = _Properties()
    try:
        _collect(data, 0, len(data), found, 0)
    except _BrokenBoxesError as error:
        return rejected("damaged" if found.parts > MAX_PARTS else "truncated", str(error))
    if not found.sizes or not found.depth:
        return rejected("damaged", "no picture in the file")
    try:
        meaning = _meaning(found)
    except ProfileError as error:
        if with_profile:
            return rejected("colour_profile", str(error))
        meaning = UNTAGGED
    width, height = max(found.sizes)  # of a grid of tiles, the whole
    header = Header(
        format="avif",
        width=width,
        height=height,
        channels=(1 if found.is_grey else 3) + found.has_alpha,
        bit_depth=found.depth,
        colour_model="grey" if found.is_grey else "ycbcr",
        frames=2 if found.is_sequence else 1,  # how many more than one is not looked up
        has_alpha=found.has_alpha,
        orientation=_orientation(found),
        has_gain_map=found.has_gain_map,
    )
    return header, meaning


def _collect(data: bytes, start: int, end: int, found: _Properties, depth: int) -> None:
    for name, first, last in _boxes(data, start, end):
        found.parts += 1
        if found.parts > MAX_PARTS:
            raise _BrokenBoxesError("more boxes than any encoder writes")
        if name in _CONTAINERS and depth < _MAX_DEPTH:
            _collect(data, first + _CONTAINERS[name], last, found, depth + 1)
        else:
            _take(name, data[first:last] if name != b"mdat" else b"", found)


def _boxes(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Name, and start and end of the payload, of the boxes of one level."""
    while start < end:
        if start + 8 > end:
            raise _BrokenBoxesError("the file ends inside a box")
        size, name = struct.unpack_from(">I4s", data, start)
        first = start + 8
        if size == 1:
            if start + 16 > end:
                raise _BrokenBoxesError("the file ends inside a box")
            size, first = struct.unpack_from(">Q", data, first)[0], start + 16
        last = end if size == 0 else start + size
        if last > end or last < first:
            raise _BrokenBoxesError(f"the file ends inside a box {name!r}")
        yield name, first, last
        start = last


def _take(name: bytes, payload: bytes, found: _Properties) -> None:
    if name == b"ispe" and len(payload) >= 12:
        width, height = struct.unpack_from(">II", payload, _FULL_BOX)
        found.sizes.append((width, height))
    elif name == b"av1C" and len(payload) >= 4 and not found.depth:
        found.depth = (12 if payload[2] & 0x20 else 10) if payload[2] & 0x40 else 8
        found.is_grey = bool(payload[2] & 0x10)
    elif name == b"auxC":
        found.has_alpha |= payload[_FULL_BOX:].startswith(_ALPHA_TYPES)
    elif name == b"irot" and payload:
        found.turns = payload[0] & 3
    elif name == b"imir" and payload:
        found.mirror = payload[0] & 1
    elif name == b"iinf":
        found.has_gain_map |= b"tmap" in payload
    elif name == b"moov":
        found.is_sequence = True
    elif name == b"colr":
        _take_colour(payload, found)


def _take_colour(payload: bytes, found: _Properties) -> None:
    if payload[:4] in (b"prof", b"rICC") and found.icc is None:
        found.icc = payload[4:]
    elif payload[:4] == b"nclx" and len(payload) >= 10 and found.code_points is None:
        primaries, transfer = struct.unpack_from(">HH", payload, 4)
        found.code_points = primaries, transfer


def _meaning(found: _Properties) -> Meaning:
    """A profile speaks before code points; but those of PQ and HLG are never to be overheard."""
    if found.code_points is not None and (found.icc is None or found.code_points[1] in (16, 18)):
        return meaning_of_code_points(*found.code_points)
    return meaning_of_icc(found.icc) if found.icc is not None else UNTAGGED


def _orientation(found: _Properties) -> int:
    """The EXIF orientation that equals first turning, then mirroring (axis 0: top and bottom change places)."""
    return _ROTATED[found.turns] if found.mirror is None else _MIRRORED[found.turns, found.mirror]
