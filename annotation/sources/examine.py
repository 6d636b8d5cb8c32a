"""From a candidate to an item: its bytes are read once, its header judged, nothing is decoded."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from annotation.sources.source import Candidate, Source
from annotation.store import NewItem, Refused
from million_ird.pixels import DecodeSettings, Header, decode, read_header
from million_ird.records import Rejection

DECODE = DecodeSettings(high_bit_depth="round", allow_paletted=True)
"""Pictures that people label: what a training set would rather not hold (16 bits, palettes) may still be drawn on."""

_SIDEWAYS = 5
"""EXIF orientations from this one on exchange width and height."""


@dataclass(frozen=True, slots=True)
class Examined:
    """A picture file whose pixels can be expected to decode."""

    width: int
    height: int
    sha256: str


def examine(source: Source, candidate: Candidate, decodes: bool = False) -> NewItem | Refused:
    """The item that a candidate becomes, or why it becomes none.

    Args:
        source: where its bytes are.
        candidate: one of the source's.
        decodes: decode every picture whole, which finds damage behind the header and takes a hundred times as long.
    """
    turn = int(candidate.provenance.get("orientation", "1"))
    blurred = _examine(source.read(candidate.blurred), turn, decodes)
    if isinstance(blurred, Rejection):
        return Refused(candidate.blurred, blurred.reason, blurred.detail)
    sharp_sha256 = ""
    if candidate.sharp is not None:
        sharp = _examine(source.read(candidate.sharp, is_sharp=True), turn, decodes)
        if isinstance(sharp, Rejection):
            return Refused(candidate.blurred, f"sharp_{sharp.reason}", f"{candidate.sharp}: {sharp.detail}")
        if (sharp.width, sharp.height) != (blurred.width, blurred.height):
            detail = f"{blurred.width}x{blurred.height}, {candidate.sharp} {sharp.width}x{sharp.height}"
            return Refused(candidate.blurred, "sizes_differ", detail)
        sharp_sha256 = sharp.sha256
    return NewItem(
        name=candidate.name,
        other_name=candidate.other_name,
        width=blurred.width,
        height=blurred.height,
        blurred=candidate.blurred,
        sharp=candidate.sharp,
        sha256=blurred.sha256,
        sharp_sha256=sharp_sha256,
        provenance=candidate.provenance,
    )


def upright_size(header: Header, turn: int = 1) -> tuple[int, int]:
    """(width, height) of the picture turned upright.

    Args:
        header: of the file, with its own EXIF orientation.
        turn: EXIF orientation that is known otherwise, for files that carry none.
    """
    is_sideways = upright_turn(header, turn) >= _SIDEWAYS
    return (header.height, header.width) if is_sideways else (header.width, header.height)


def upright_turn(header: Header, turn: int) -> int:
    """The EXIF orientation 1 to 8 that counts: the file's own, else the one known otherwise."""
    return header.orientation if header.orientation != 1 else turn


def _examine(data: bytes | Rejection, turn: int, decodes: bool) -> Examined | Rejection:
    if isinstance(data, Rejection):
        return data
    header = read_header(data, DECODE)
    if isinstance(header, Rejection):
        return header
    if decodes or header.has_alpha:  # whether it is transparent, no header says
        pixels = decode(data, header, DECODE)
        if isinstance(pixels, Rejection):
            return pixels
    return Examined(*upright_size(header, turn), hashlib.sha256(data).hexdigest())
