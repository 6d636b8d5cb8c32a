"""Read a JPEG's marker segments (ITU-T T.81 annex B) without decoding it."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

import numpy as np

from million_ird.pixels.colour import UNTAGGED, Meaning, ProfileError, meaning_of_icc, named_meaning
from million_ird.pixels.model import MAX_PARTS, Header, rejected
from million_ird.pixels.tiff_fields import BrokenFieldsError, Exif, TiffFields, read_exif
from million_ird.records import Rejection

_PROCESSES = {3: "lossless", 5: "hierarchical", 6: "hierarchical", 7: "lossless", 9: "arithmetic", 10: "arithmetic"}
_PROCESSES |= {11: "lossless", 13: "hierarchical", 14: "hierarchical", 15: "lossless"}
_FRAMES = frozenset((0xC0, 0xC1, 0xC2, *(0xC0 + process for process in _PROCESSES)))
_SOI, _EOI, _SOS, _DQT, _DNL = 0xD8, 0xD9, 0xDA, 0xDB, 0xDC
_STANDALONE = frozenset((0x01, *range(0xD0, 0xD8)))
_SUBSAMPLINGS = {(1, 1): "4:4:4", (2, 1): "4:2:2", (2, 2): "4:2:0", (1, 2): "4:4:0", (4, 1): "4:1:1", (1, 4): "4:4:1"}
_MPF_NUMBER_OF_IMAGES = 0xB001
_MAX_FILL_BYTES = 65_536
_MAX_SCANS = 100
"""Encoders write about ten. Each scan costs a pass over the whole picture, so a small file of thousands of empty ones
would keep a decoder busy for hours."""
_ZIGZAG = tuple(  # natural position of the k-th number of a table as stored, T.81 figure 5
    sorted(range(64), key=lambda n: (n // 8 + n % 8, n // 8 if (n // 8 + n % 8) % 2 else n % 8))
)


class BrokenJpegError(ValueError):
    """The marker segments cannot be followed; `reason` is the rejection's."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Component:
    """One colour component as the frame header lists it."""

    identifier: int
    horizontal: int
    vertical: int
    table: int


@dataclass(slots=True)
class Segments:
    """What the segments before the first scan say."""

    process: int = -1
    precision: int = 0
    width: int = 0
    height: int = 0
    components: list[Component] = field(default_factory=list)
    tables: dict[int, tuple[int, ...]] = field(default_factory=dict)
    exif: Exif = field(default_factory=Exif)
    adobe_transform: int | None = None
    is_jfif: bool = False
    icc_parts: list[tuple[int, int, bytes]] = field(default_factory=list)
    has_gain_map: bool = False
    extra_pictures: int = 0
    first_scan: int = 0
    """Where the first start-of-scan marker is."""


def read_jpeg_header(data: bytes, with_profile: bool = True) -> tuple[Header, Meaning] | Rejection:
    """The header, and what the file says of its colours (in `Meaning`; not yet in the header).

    Args:
        data: bytes that begin like a JPEG.
        with_profile: whether an unreadable colour profile is a reason to reject.
    """
    try:
        segments = read_segments(data)
    except BrokenJpegError as error:
        return rejected(error.reason, str(error))
    reason = _unusable(segments)
    if reason is not None:
        return reason
    try:
        meaning = _meaning(segments)
    except ProfileError as error:
        if with_profile:
            return rejected("colour_profile", str(error))
        meaning = UNTAGGED
    header = Header(
        format="jpeg",
        width=segments.width,
        height=segments.height,
        channels=len(segments.components),
        bit_depth=segments.precision,
        colour_model=_colour_model(segments),
        orientation=segments.exif.orientation,
        progressive=segments.process == 2,
        subsampling=_subsampling(segments.components),
        quantisation=tuple(segments.tables[component.table] for component in segments.components),
        has_gain_map=segments.has_gain_map,
        extra_pictures=segments.extra_pictures,
    )
    return header, meaning


def read_segments(data: bytes) -> Segments:
    """Follow the segments up to the first scan.

    Raises:
        BrokenJpegError: they cannot be followed.
    """
    found = Segments()
    position = 2
    for _ in range(MAX_PARTS):
        marker, start, end = next_segment(data, position)
        if marker == _SOS:
            found.first_scan = position
            break
        _take(found, marker, data[start:end])
        position = end
    else:
        raise BrokenJpegError("damaged", "more segments than any encoder writes")
    if found.process < 0:
        raise BrokenJpegError("damaged", "a scan before any frame header")
    if found.extra_pictures and not found.has_gain_map:
        found.has_gain_map = data.find(b"hdrgainmap", position) >= 0  # Apple names it in the map's own XMP
    return found


def judge_scans(data: bytes) -> Rejection | None:
    """Reject a JPEG whose scans do not bring the whole picture, or which has far too many of them.

    A decoder shows what it has when the last scans of a progressive file are gone, without any warning.
    """
    try:
        segments = read_segments(data)
        bits = _bits_missing(data, segments)
    except BrokenJpegError as error:
        return rejected(error.reason, str(error))
    for component, missing in zip(segments.components, bits, strict=True):
        if missing.max() > 0:
            return rejected("truncated", f"scans of component {component.identifier} are missing")
    return None


def has_adobe_marker(data: bytes) -> bool:
    """Whether an Adobe segment says how the colours are stored; CMYK that it marks is stored inverted."""
    return read_segments(data).adobe_transform is not None


def next_segment(data: bytes, position: int) -> tuple[int, int, int]:
    """Marker, and start and end of the payload, of the segment at `position`, before which fill bytes may stand.

    Raises:
        BrokenJpegError: there is none.
    """
    begin = position
    position = _skip_fill_bytes(data, position)
    if position + 2 > len(data):
        raise BrokenJpegError("truncated", "the file ends between its segments")
    marker = data[position + 1]
    if data[position] != 0xFF or marker in _STANDALONE or marker in (0, _SOI):
        raise BrokenJpegError("damaged", f"no segment at byte {begin}")
    if marker == _EOI:
        raise BrokenJpegError("truncated", "the file ends before its first scan")
    if position + 4 > len(data):
        raise BrokenJpegError("truncated", "the file ends inside a segment")
    length = int.from_bytes(data[position + 2 : position + 4], "big")
    if length < 2:
        raise BrokenJpegError("damaged", "a segment of impossible length")
    end = position + 2 + length
    if end > len(data):
        raise BrokenJpegError("truncated", "the file ends inside a segment")
    return marker, position + 4, end


def _skip_fill_bytes(data: bytes, position: int) -> int:
    """The position of the last of several FF, any number of which may precede a marker."""
    begin = position
    while data[position : position + 2] == b"\xff\xff":
        position += 1
        if position - begin > _MAX_FILL_BYTES:
            raise BrokenJpegError("damaged", "more fill bytes than any encoder writes")
    return position


def _take(found: Segments, marker: int, payload: bytes) -> None:
    if marker in _FRAMES:
        _take_frame(found, marker, payload)
    elif marker == _DQT:
        _take_tables(found, payload)
    elif marker == 0xE1:
        if payload.startswith(b"Exif\x00") and found.exif == Exif():
            found.exif = read_exif(payload[6:])
        elif b"hdrgm:" in payload or b'Semantic="GainMap"' in payload:
            found.has_gain_map = True
    elif marker == 0xE2:
        _take_app2(found, payload)
    elif marker == 0xE0 and payload.startswith(b"JFIF\0"):
        found.is_jfif = True
    elif marker == 0xEE and payload.startswith(b"Adobe") and len(payload) >= 12:
        found.adobe_transform = payload[11]


def _take_frame(found: Segments, marker: int, payload: bytes) -> None:
    if found.process >= 0:
        raise BrokenJpegError("damaged", "two frame headers")
    if len(payload) < 6 or len(payload) < 6 + 3 * payload[5]:
        raise BrokenJpegError("damaged", "a frame header of impossible length")
    found.process = marker - 0xC0
    found.precision, found.height, found.width, count = struct.unpack_from(">BHHB", payload)
    for start in range(6, 6 + 3 * count, 3):
        identifier, factors, table = payload[start : start + 3]
        found.components.append(Component(identifier, factors >> 4, factors & 15, table))


def _take_tables(found: Segments, payload: bytes) -> None:
    position = 0
    while position < len(payload):
        wide, number = payload[position] >> 4, payload[position] & 15
        size = 128 if wide else 64
        stored = payload[position + 1 : position + 1 + size]
        if len(stored) < size or wide > 1:
            raise BrokenJpegError("damaged", "a quantisation table of impossible length")
        values = struct.unpack(">64H" if wide else "64B", stored)
        table = [0] * 64
        for value, natural in zip(values, _ZIGZAG, strict=True):
            table[natural] = value
        found.tables[number] = tuple(table)
        position += 1 + size


def _take_app2(found: Segments, payload: bytes) -> None:
    if payload.startswith(b"ICC_PROFILE\x00") and len(payload) > 14:
        found.icc_parts.append((payload[12], payload[13], payload[14:]))
    elif payload.startswith(b"urn:iso:std:iso:ts:21496:-1"):
        found.has_gain_map = True
    elif payload.startswith(b"MPF\x00"):
        found.extra_pictures = _mpf_extras(payload[4:])


def _mpf_extras(blob: bytes) -> int:
    """Pictures behind the first one that a multi-picture index lists (CIPA DC-007)."""
    try:
        reader, offset = TiffFields.open(blob)
        fields, _ = reader.directory(offset)
    except BrokenFieldsError:
        return 0
    listed = fields.get(_MPF_NUMBER_OF_IMAGES)
    return max(0, listed.values[0] - 1) if listed and listed.values else 0


def _unusable(segments: Segments) -> Rejection | None:
    """Reasons to leave a JPEG that lie in its coding process."""
    process = _PROCESSES.get(segments.process)
    if process is not None:
        return rejected(f"jpeg_{process}", f"SOF{segments.process}")
    if segments.height == 0 and segments.width > 0:
        return rejected("jpeg_height_later", "the height is given only after the scan (DNL)")
    if len(segments.components) not in (1, 3, 4):
        return rejected("jpeg_components", "", float(len(segments.components)))
    if any(c.table not in segments.tables for c in segments.components):
        return rejected("damaged", "a component without its quantisation table")
    if any(not (1 <= c.horizontal <= 4 and 1 <= c.vertical <= 4) for c in segments.components):
        return rejected("damaged", "impossible sampling factors")
    return None


def _colour_model(segments: Segments) -> str:
    """As libjpeg decides it: JFIF says YCbCr, else the Adobe segment decides, else the components' names."""
    count = len(segments.components)
    if count == 1:
        return "grey"
    if count == 4:
        return "ycck" if segments.adobe_transform == 2 else "cmyk"
    if segments.is_jfif:
        return "ycbcr"
    if segments.adobe_transform is not None:
        return "rgb" if segments.adobe_transform == 0 else "ycbcr"
    return "rgb" if [c.identifier for c in segments.components] == [0x52, 0x47, 0x42] else "ycbcr"


def _subsampling(components: list[Component]) -> str:
    if len(components) == 1:
        return "4:0:0"
    factors = [(c.horizontal, c.vertical) for c in components]
    chroma = factors[1:3]
    if chroma == [(1, 1), (1, 1)] and factors[3:] in ([], [factors[0]]) and factors[0] in _SUBSAMPLINGS:
        return _SUBSAMPLINGS[factors[0]]
    return ",".join(f"{h}x{v}" for h, v in factors)


def _meaning(segments: Segments) -> Meaning:
    if segments.icc_parts:
        return meaning_of_icc(_joined_profile(segments.icc_parts))
    if segments.exif.colour_space:
        return named_meaning(segments.exif.colour_space)
    return UNTAGGED


def _joined_profile(parts: list[tuple[int, int, bytes]]) -> bytes:
    """The profile of its numbered parts, in whatever order they came (ICC.1:2010 annex B.4)."""
    if len(parts) == 1:
        return parts[0][2]
    parts = sorted(parts, key=lambda part: part[0])
    numbers = [number for number, _, _ in parts]
    if numbers != list(range(1, len(parts) + 1)) or any(count != len(parts) for _, count, _ in parts):
        raise ProfileError("parts of the ICC profile are missing")
    return b"".join(part for _, _, part in parts)


def _bits_missing(data: bytes, segments: Segments) -> list[np.ndarray[tuple[int], np.dtype[np.int64]]]:
    """For each component, how many low bits of each of its 64 coefficients no scan brings (99: none at all)."""
    numbers = {component.identifier: index for index, component in enumerate(segments.components)}
    bits = [np.full(64, 99) for _ in segments.components]
    codes = np.frombuffer(data, np.uint8)
    after_ff = np.flatnonzero(codes[:-1] == 0xFF) + 1
    is_marker = (codes[after_ff] != 0) & (codes[after_ff] != 0xFF) & (codes[after_ff] >> 3 != 0xD0 >> 3)
    markers = after_ff[is_marker] - 1
    position, scans, parts = segments.first_scan, 0, 0
    while codes[position + 1] != _EOI:
        marker, start, end = next_segment(data, position)
        parts += 1
        if marker == _SOS:
            scans += 1
            _take_scan(data[start:end], segments.process == 2, numbers, bits)
            following = np.searchsorted(markers, end)
            if following == len(markers):
                raise BrokenJpegError("truncated", "no end of image")
            end = int(markers[following])
        if scans > _MAX_SCANS or parts > MAX_PARTS:
            raise BrokenJpegError("too_many_scans", f"more than {_MAX_SCANS} scans, or many segments between them")
        position = _skip_fill_bytes(data, end)
        if position + 1 >= len(data):
            raise BrokenJpegError("truncated", "no end of image")
    return bits


def _take_scan(
    payload: bytes,
    progressive: bool,
    numbers: dict[int, int],
    bits: list[np.ndarray[tuple[int], np.dtype[np.int64]]],
) -> None:
    count = payload[0] if payload else 0
    if len(payload) < 4 + 2 * count:
        raise BrokenJpegError("damaged", "a scan header of impossible length")
    first, last, approximation = payload[1 + 2 * count : 4 + 2 * count]
    for selector in payload[1 : 1 + 2 * count : 2]:
        if selector not in numbers:
            raise BrokenJpegError("damaged", "a scan of an unknown component")
        table = bits[numbers[selector]]
        if progressive:
            table[first : last + 1] = approximation & 15
        else:
            table[:] = 0
