"""Read a TIFF's directory (TIFF 6.0, BigTIFF) without decoding it."""

from __future__ import annotations

import zlib

from million_ird.pixels.colour import UNTAGGED, Meaning, ProfileError, meaning_of_icc, named_meaning
from million_ird.pixels.model import Header, rejected
from million_ird.pixels.tiff_fields import (
    ORIENTATION,
    BrokenFieldsError,
    Directory,
    TiffFields,
    first_value,
    orientation_of,
    read_exif,
)
from million_ird.records import Rejection

_NEW_SUBFILE_TYPE, _WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 254, 256, 257, 258, 259, 262
_FILL_ORDER, _STRIP_OFFSETS, _SAMPLES, _STRIP_SIZES, _PLANAR = 266, 273, 277, 279, 284
_TILE_OFFSETS, _TILE_SIZES, _EXTRA_SAMPLES, _SAMPLE_FORMAT, _ICC, _DNG_VERSION = 324, 325, 338, 339, 34675, 50706
_REDUCED_OR_MASK = 0b101
_COMPRESSIONS = {1: "none", 5: "LZW", 8: "deflate", 32773: "PackBits", 32946: "deflate"}
_UNCOMPRESSED = 1
_INFLATED_AT_ONCE = 1 << 20
"""Bytes that a checked strip is unpacked by at a time."""
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _CMYK, _SENSOR, _LINEAR_RAW = 0, 1, 2, 3, 5, 32803, 34892
_MODELS = {_BLACK_IS_ZERO: "grey", _RGB: "rgb", _PALETTE: "palette", _CMYK: "cmyk"}
_COLOURS = {_BLACK_IS_ZERO: 1, _RGB: 3, _PALETTE: 1, _CMYK: 4}
_NAMES = {6: "YCbCr", 8: "CIE L*a*b*", 9: "ICC L*a*b*", 10: "ITU L*a*b*", 32844: "LogL", 32845: "LogLuv"}


def read_tiff_header(data: bytes, with_profile: bool = True) -> tuple[Header, Meaning] | Rejection:
    """The header, and what the file says of its colours; `with_profile` as in `read_jpeg_header`."""
    try:
        reader, offset = TiffFields.open(data)
        directories = reader.chain(offset)
    except BrokenFieldsError as error:
        return rejected("truncated" if "past the end" in str(error) else "damaged", str(error))
    if not directories:
        return rejected("damaged", "no picture in the file")
    if reader.big and reader.endian == ">":
        return rejected("tiff_layout", "a big-endian BigTIFF")
    fields = directories[0]
    frames = sum(not first_value(page, _NEW_SUBFILE_TYPE, 0) & _REDUCED_OR_MASK for page in directories)
    header = _header(fields, max(1, frames))
    if isinstance(header, Rejection):
        return header
    if frames <= 1 and not _data_is_whole(data, fields, header):
        return rejected("truncated", "the file ends before its last strip or tile")
    try:
        meaning = _meaning(data, fields)
    except ProfileError as error:
        if with_profile:
            return rejected("colour_profile", str(error))
        meaning = UNTAGGED
    return header, meaning


def without_orientation(data: bytes) -> bytes:
    """The same file, saying that it is upright, so that no decoder turns its pixels."""
    reader, offset = TiffFields.open(data)
    field = reader.directory(offset)[0].get(ORIENTATION)
    if field is None or not field.values or len(field.raw) > 4:
        return data
    upright = (1).to_bytes(len(field.raw), "little" if reader.endian == "<" else "big")
    return data[: field.start] + upright + data[field.start + len(field.raw) :]


def deflated_data_is_sound(data: bytes) -> bool:
    """Whether every deflated strip or tile of the first picture ends properly and fits its checksum.

    libtiff stops reading when a strip is full and then never sees the checksum, so that one flipped bit goes unnoticed.
    True for other compressions, which have none. Memory is bounded whatever a strip unpacks to.
    """
    reader, offset = TiffFields.open(data)
    fields = reader.directory(offset)[0]
    if _COMPRESSIONS.get(first_value(fields, _COMPRESSION, _UNCOMPRESSED)) != "deflate":
        return True
    is_tiled = _TILE_OFFSETS in fields
    starts = fields[_TILE_OFFSETS if is_tiled else _STRIP_OFFSETS].values
    sizes = fields[_TILE_SIZES if is_tiled else _STRIP_SIZES].values
    return all(_inflates(data[start : start + size]) for start, size in zip(starts, sizes, strict=True))


def _inflates(packed: bytes) -> bool:
    inflater = zlib.decompressobj()
    try:
        while packed and not inflater.eof:
            inflater.decompress(packed, _INFLATED_AT_ONCE)
            packed = inflater.unconsumed_tail
    except zlib.error:
        return False
    return inflater.eof


def _header(fields: Directory, frames: int) -> Header | Rejection:
    photometric = first_value(fields, _PHOTOMETRIC, -1)
    is_preview = first_value(fields, _NEW_SUBFILE_TYPE, 0) & 1
    if _DNG_VERSION in fields or photometric in (_SENSOR, _LINEAR_RAW) or is_preview:
        return rejected("format_raw", "sensor data, or the preview of it")
    bits = set(fields[_BITS].values) if _BITS in fields else {1}
    depth = max(bits, default=0)
    samples = first_value(fields, _SAMPLES, 1)
    if first_value(fields, _SAMPLE_FORMAT, 1) != 1:
        return rejected("bit_depth", "floating-point or signed samples", float(depth))
    if photometric not in _MODELS and photometric != _WHITE_IS_ZERO:
        return rejected("colour_model", _NAMES.get(photometric, f"photometric {photometric}"))
    model = _MODELS.get(photometric, "grey")
    problem = _layout_problem(fields, bits, samples, photometric)
    if problem and depth >= 8:
        return rejected("tiff_layout", problem)
    return Header(
        format="tiff",
        width=first_value(fields, _WIDTH, 0),
        height=first_value(fields, _HEIGHT, 0),
        channels=samples,
        bit_depth=depth,
        colour_model=model,
        frames=frames,
        has_alpha=first_value(fields, _EXTRA_SAMPLES, 0) in (1, 2),
        orientation=orientation_of(fields),
    )


def _layout_problem(fields: Directory, bits: set[int], samples: int, photometric: int) -> str:
    """What of the layout is not decoded here, or ""; few layouts are tested, so few are taken."""
    compression = first_value(fields, _COMPRESSION, _UNCOMPRESSED)
    if compression not in _COMPRESSIONS:
        return f"compression {compression}"
    if len(bits) != 1:
        return f"{sorted(bits)} bits side by side"
    if photometric == _WHITE_IS_ZERO:
        return "white is zero"
    extra = samples - _COLOURS[photometric]
    if extra not in (0, 1) or (photometric in (_PALETTE, _CMYK) and extra):
        return f"{samples} samples per pixel"
    if first_value(fields, _FILL_ORDER, 1) != 1:
        return "reversed bits"
    if first_value(fields, _PLANAR, 1) != 1:
        return "one plane per colour"
    return ""


def _data_is_whole(data: bytes, fields: Directory, header: Header) -> bool:
    starts, sizes = fields.get(_STRIP_OFFSETS), fields.get(_STRIP_SIZES)
    if _TILE_OFFSETS in fields:
        starts, sizes = fields[_TILE_OFFSETS], fields.get(_TILE_SIZES)
    if starts is None or sizes is None or len(starts.values) != len(sizes.values):
        return False
    if any(start + size > len(data) or size == 0 for start, size in zip(starts.values, sizes.values, strict=True)):
        return False
    wanted = header.height * ((header.width * header.channels * header.bit_depth + 7) // 8)
    return first_value(fields, _COMPRESSION, _UNCOMPRESSED) != _UNCOMPRESSED or sum(sizes.values) >= wanted


def _meaning(data: bytes, fields: Directory) -> Meaning:
    if _ICC in fields:
        return meaning_of_icc(fields[_ICC].raw)
    name = read_exif(data).colour_space
    return named_meaning(name) if name else UNTAGGED
