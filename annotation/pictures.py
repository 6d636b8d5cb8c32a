"""Bytes and upright pixels of an item's pictures, for as long as their files are what they were."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from annotation.records import Item
from annotation.sources.examine import DECODE, upright_turn
from annotation.sources.source import Source
from million_ird.errors import MillionIrdError
from million_ird.fingerprint import UPRIGHT, transformed
from million_ird.pixels import Header, decode, encode_png, read_header
from million_ird.records import Rejection

Which = Literal["blurred", "sharp"]

_SHOWN = {"jpeg": "image/jpeg", "png": "image/png", "webp": "image/webp"}
"""Formats that every browser shows as they are."""


class PictureError(MillionIrdError):
    """A picture of an item cannot be had: its file is gone, has changed, or does not decode."""


@dataclass(frozen=True, slots=True)
class Display:
    """A file that a browser shows upright, with as many pixels as its item says."""

    data: bytes
    media_type: str


class Pictures:
    """The pictures of a project's items. Safe for many threads."""

    def __init__(self, sources: Mapping[int, Source]) -> None:
        self._sources = sources

    def read(self, item: Item, which: Which = "blurred") -> bytes:
        """The file's bytes, checked to be those that the item was made from.

        Raises:
            PictureError: they cannot be read, or are others; or the item has no sharp frame.
        """
        where, expected = (item.blurred, item.sha256) if which == "blurred" else (item.sharp, item.sharp_sha256)
        if where is None:
            raise PictureError(f"{item.name} has no sharp frame")
        source = self._sources.get(item.source)
        if source is None:
            raise PictureError(f"{item.name}: project.json no longer names source {item.source}, where it came from")
        data = source.read(where, is_sharp=which == "sharp")
        if isinstance(data, Rejection) and data.reason == "missing_file":
            raise PictureError(
                f"{item.name}: there is no {where} in {source.place} any more; if the pictures were moved, write their "
                "new place into project.json"
            )
        if isinstance(data, Rejection):
            raise PictureError(f"{item.name}: cannot read {where} in {source.place}: {data.reason} ({data.detail})")
        if hashlib.sha256(data).hexdigest() != expected:
            raise PictureError(
                f"{item.name}: {where} in {source.place} has changed since it became part of the project; put the "
                "original file back (its masks are kept)"
            )
        return data

    def pixels(self, item: Item, which: Which = "blurred") -> npt.NDArray[np.uint8]:
        """Upright RGB: (item.height, item.width, 3) uint8, sRGB, its EXIF orientation applied once.

        Raises:
            PictureError: see `read`; or the file does not decode.
        """
        data = self.read(item, which)
        return self._upright(item, which, data, self._header(item, which, data))

    def display(self, item: Item, which: Which = "blurred") -> Display:
        """The file itself where a browser shows it as it is meant, else its upright pixels as PNG.

        Raises:
            PictureError: see `pixels`.
        """
        data = self.read(item, which)
        header = self._header(item, which, data)
        is_plain = upright_turn(header, _turn(item)) == 1 and not header.needs_conversion
        if is_plain and header.format in _SHOWN:
            return Display(data, _SHOWN[header.format])
        return Display(encode_png(self._upright(item, which, data, header)), "image/png")

    def faults(self, item: Item) -> Iterator[str]:
        """One line for each of an item's pictures that cannot be had."""
        pictures: tuple[Which, ...] = ("blurred", "sharp") if item.is_pair else ("blurred",)
        for which in pictures:
            try:
                self.read(item, which)
            except PictureError as error:
                yield str(error)

    def _header(self, item: Item, which: Which, data: bytes) -> Header:
        header = read_header(data, DECODE)
        if isinstance(header, Rejection):
            raise _undecodable(item, which, header)
        return header

    def _upright(self, item: Item, which: Which, data: bytes, header: Header) -> npt.NDArray[np.uint8]:
        stored = decode(data, header, DECODE)
        if isinstance(stored, Rejection):
            raise _undecodable(item, which, stored)
        return np.ascontiguousarray(transformed(stored, UPRIGHT[upright_turn(header, _turn(item)) - 1]))


def _turn(item: Item) -> int:
    """The orientation that a built dataset knows of a patch, whose own file carries none."""
    return int(item.provenance.get("orientation", "1"))


def _undecodable(item: Item, which: Which, rejection: Rejection) -> PictureError:
    detail = f" ({rejection.detail})" if rejection.detail else ""
    return PictureError(f"{item.name}: the {which} picture does not decode: {rejection.reason}{detail}")
