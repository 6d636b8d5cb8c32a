"""Read a PNG's chunks (W3C PNG, third edition), checking every checksum, without decoding it."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import replace

from million_ird.pixels.colour import (
    PRIMARIES,
    SRGB_GAMMA,
    UNTAGGED,
    Meaning,
    Primaries,
    ProfileError,
    meaning_of_code_points,
    meaning_of_icc,
    meaning_of_primaries,
    named_meaning,
)
from million_ird.pixels.model import MAX_PARTS, Header, rejected
from million_ird.pixels.tiff_fields import read_exif
from million_ird.records import Rejection

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_MODELS = {0: "grey", 2: "rgb", 3: "palette", 4: "grey", 6: "rgb"}
_FOR_PIXELS = frozenset((b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"))
_MAX_PROFILE = 16_777_216
"""No real profile is larger (16 MiB); a compressed one that claims to be is a bomb."""
_SRGB_PNG_GAMMA = 0.45455
_PNG_GAMMA_TOLERANCE = 0.005

Chunks = list[tuple[bytes, bytes]]


class BrokenPngError(ValueError):
    """The chunks cannot be followed; `reason` is the rejection's."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


def read_png_header(data: bytes, with_profile: bool = True) -> tuple[Header, Meaning] | Rejection:
    """The header, and what the file says of its colours; `with_profile` as in `read_jpeg_header`."""
    try:
        header = _first_header(data)
        chunks = _checked_chunks(data)
    except BrokenPngError as error:
        return rejected(error.reason, str(error))
    if isinstance(header, Rejection):
        return header
    found: dict[bytes, bytes] = {}
    for name, payload in chunks:
        found.setdefault(name, payload)
    try:
        meaning = _meaning(found)
    except ProfileError as error:
        if with_profile:
            return rejected("colour_profile", str(error))
        meaning = UNTAGGED
    return _with_chunks(header, chunks, found), meaning


def png_size(data: bytes) -> tuple[int, int] | None:
    """Width and height from the first bytes alone, so that a bomb is known before its chunks are walked."""
    if len(data) < 24 or data[12:16] != b"IHDR":
        return None
    width, height = struct.unpack_from(">II", data, 16)
    return width, height


def only_pixel_chunks(data: bytes) -> bytes:
    """The same picture without any text, profile or other chunk that a decoder might stumble over."""
    kept = [_SIGNATURE]
    for name, start, end in _walk(data):
        if name in _FOR_PIXELS:
            kept.append(data[start - 8 : end + 4])
    return b"".join(kept)


def pixel_stream_is_complete(data: bytes, header: Header) -> bool:
    """Whether the compressed data comes to its end, and holds every row (an interlaced picture's are not counted)."""
    inflate, size = zlib.decompressobj(), 0
    wanted = header.height * (1 + (header.width * header.channels * header.bit_depth + 7) // 8)
    try:
        for name, start, end in _walk(data):
            if name == b"IDAT":
                rest = data[start:end]
                while rest:
                    size += len(inflate.decompress(rest, 1_048_576))
                    rest = inflate.unconsumed_tail
    except zlib.error:
        return False
    return inflate.eof and (header.progressive or size >= wanted)


def _first_header(data: bytes) -> Header | Rejection:
    if len(data) < 33:
        raise BrokenPngError("truncated", "the file ends inside its header")
    if data[8:16] != b"\x00\x00\x00\rIHDR":
        raise BrokenPngError("damaged", "the first chunk is not the header")
    width, height, depth, kind, compression, filtering, interlace = struct.unpack_from(">IIBBBBB", data, 16)
    if depth not in _DEPTHS.get(kind, ()) or compression or filtering or interlace > 1:
        raise BrokenPngError("damaged", "impossible values in the header")
    return Header(
        format="png",
        width=width,
        height=height,
        channels=_CHANNELS[kind],
        bit_depth=depth,
        colour_model=_MODELS[kind],
        has_alpha=kind in (4, 6),
        progressive=interlace == 1,
    )


def _walk(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Name, start and end of the payload of every chunk up to IEND."""
    position = len(_SIGNATURE)
    for _ in range(MAX_PARTS):
        if position + 12 > len(data):
            raise BrokenPngError("truncated", "the file ends before IEND")
        length, name = struct.unpack_from(">I4s", data, position)
        end = position + 8 + length
        if end + 4 > len(data):
            raise BrokenPngError("truncated", f"the file ends inside a chunk {name!r}")
        yield name, position + 8, end
        if name == b"IEND":
            return
        position = end + 4
    raise BrokenPngError("damaged", "more chunks than any encoder writes")


def _checked_chunks(data: bytes) -> Chunks:
    """Every chunk (pixel data without its payload), with checksums and the order of IDAT verified."""
    chunks: Chunks = []
    has_pixels = False
    for name, start, end in _walk(data):
        view = memoryview(data)[start - 4 : end]
        if zlib.crc32(view) != int.from_bytes(data[end : end + 4], "big"):
            raise BrokenPngError("damaged", f"a chunk {name!r} does not match its checksum")
        if name == b"IDAT" and has_pixels and chunks[-1][0] != b"IDAT":
            raise BrokenPngError("damaged", "the pixel data is interrupted by another chunk")
        if name == b"IHDR" and chunks:
            raise BrokenPngError("damaged", "two headers")
        if not (name == b"IDAT" and chunks and chunks[-1][0] == b"IDAT"):
            chunks.append((name, b"" if name in (b"IDAT", b"fdAT") else data[start:end]))
        has_pixels = has_pixels or name == b"IDAT"
    if not has_pixels:
        raise BrokenPngError("truncated", "no pixel data")
    return chunks


def _with_chunks(header: Header, chunks: Chunks, found: dict[bytes, bytes]) -> Header:
    exif = read_exif(found.get(b"eXIf", b""))
    has_alpha = header.has_alpha or b"tRNS" in found
    return replace(header, frames=_frames(chunks, found), has_alpha=has_alpha, orientation=exif.orientation)


def _frames(chunks: Chunks, found: dict[bytes, bytes]) -> int:
    """Frames of an APNG; the still picture counts apart if no frame control precedes its data."""
    names = [name for name, _ in chunks]
    control = found.get(b"acTL", b"")
    if len(control) < 8 or names.index(b"acTL") > names.index(b"IDAT"):
        return 1
    animated = int.from_bytes(control[:4], "big")
    still_is_frame = b"fcTL" in names[: names.index(b"IDAT")]
    return max(1, animated + (0 if still_is_frame else 1))


def _meaning(found: dict[bytes, bytes]) -> Meaning:
    """By the standard's order of precedence: cICP, iCCP, sRGB, then gAMA and cHRM."""
    if len(found.get(b"cICP", b"")) == 4:
        return meaning_of_code_points(found[b"cICP"][0], found[b"cICP"][1])
    if b"iCCP" in found:
        return meaning_of_icc(_inflated_profile(found[b"iCCP"]))
    if b"sRGB" in found:
        return named_meaning("srgb")
    if len(found.get(b"gAMA", b"")) == 4:
        return _meaning_of_gamma(found)
    return UNTAGGED


def _inflated_profile(payload: bytes) -> bytes:
    name, separator, rest = payload.partition(b"\x00")
    if not separator or len(name) > 79 or rest[:1] != b"\x00":
        raise ProfileError("a broken iCCP chunk")
    inflate = zlib.decompressobj()
    try:
        profile = inflate.decompress(rest[1:], _MAX_PROFILE)
    except zlib.error:
        raise ProfileError("the ICC profile cannot be decompressed") from None
    if not inflate.eof:
        raise ProfileError("the ICC profile is cut short or too large")
    return profile


def _meaning_of_gamma(found: dict[bytes, bytes]) -> Meaning:
    stored = int.from_bytes(found[b"gAMA"], "big") / 100_000
    if not 0.1 <= stored <= 10:
        return UNTAGGED  # the standard lets a decoder ignore what no encoder meant
    is_srgb = abs(stored - _SRGB_PNG_GAMMA) <= _PNG_GAMMA_TOLERANCE
    primaries = PRIMARIES["srgb"]
    if len(found.get(b"cHRM", b"")) == 32:
        wx, wy, rx, ry, gx, gy, bx, by = (v / 100_000 for v in struct.unpack(">8I", found[b"cHRM"]))
        primaries = _nearest(((rx, ry), (gx, gy), (bx, by), (wx, wy)))
    return meaning_of_primaries(primaries, SRGB_GAMMA if is_srgb else 1 / stored)


def _nearest(primaries: Primaries) -> Primaries:
    """sRGB's own primaries where the stored ones are a rounding of them."""
    pairs = zip(primaries, PRIMARIES["srgb"], strict=True)
    near = all(abs(a - b) < 0.002 for stored, own in pairs for a, b in zip(stored, own, strict=True))
    return PRIMARIES["srgb"] if near else primaries
