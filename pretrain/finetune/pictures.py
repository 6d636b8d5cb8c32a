"""Pictures to fine-tune on: files and patches of datasets, of which squares are read."""

from __future__ import annotations

import stat
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from million_ird.errors import DatasetError
from million_ird.jpeg.region import decode_region
from million_ird.patches import Box
from million_ird.pixels import decode_patch, read_header
from million_ird.records import Rejection
from pretrain.crop import DamagedPatchError
from pretrain.images import AS_STORED, Pixels, decode_image, explain, read_image
from pretrain.pairs import LeftOut
from pretrain.stream.index import Patch

_HEAD = 1 << 16
"""Bytes that nearly every file's header fits into."""
_THREADS = 8


class AnyPicture(Protocol):
    """A clean or degraded picture."""

    @property
    def key(self) -> str:
        """What it is called: decides the randomness of its samples."""

    @property
    def width(self) -> int: ...
    @property
    def height(self) -> int: ...
    def read(self, box: Box) -> Pixels:
        """A rectangle of it, RGB (box.height, box.width, 3) uint8. `DamagedPatchError` if it is damaged."""


class DecodedPictures:
    """The decoded pictures that were used last, up to some bytes; for all threads of a process.

    Args:
        limit: in bytes; 0 keeps none.
    """

    def __init__(self, limit: int) -> None:
        self._limit, self._held = limit, 0
        self._pictures: OrderedDict[Path | bytes, Pixels] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, name: Path | bytes, decode: Callable[[], Pixels]) -> Pixels:
        """The pixels of a picture as they are kept, or as `decode` gives them.

        Args:
            name: the path of a file, or the checksum of a picture's bytes.
            decode: makes them.
        """
        with self._lock:
            if name in self._pictures:
                self._pictures.move_to_end(name)
                return self._pictures[name]
        pixels = decode()
        with self._lock:
            if name not in self._pictures and pixels.nbytes <= self._limit:
                self._pictures[name] = pixels
                self._held += pixels.nbytes
            while self._held > self._limit:
                self._held -= self._pictures.popitem(last=False)[1].nbytes
        return pixels


@dataclass(frozen=True, slots=True)
class FilePicture:
    """A picture file. `key` is its path below the folder that the recipe names."""

    key: str
    path: Path
    width: int
    height: int
    nbytes: int
    is_jpeg: bool
    """A JPEG of which a rectangle can be decoded alone."""
    decoded: DecodedPictures = field(repr=False, compare=False)
    """Where pictures of other formats are kept, of which every rectangle takes a whole decode."""

    def read(self, box: Box) -> Pixels:
        if not self.is_jpeg:
            return _rectangle(self.decoded.get(self.path, self._decode), self, box, str(self.path))
        try:
            return decode_region(self.path.read_bytes(), self.width, self.height, box)
        except (OSError, ValueError) as error:
            raise DamagedPatchError(f"{self.path}: {error}") from error

    def _decode(self) -> Pixels:
        pixels = read_image(self.path)
        if isinstance(pixels, Rejection):
            raise DamagedPatchError(f"{self.path}: {explain(pixels)}")
        return pixels


@dataclass(frozen=True, slots=True)
class PatchPicture:
    """A patch of a dataset, in stored orientation. `fetch` gives its bytes."""

    patch: Patch
    fetch: Callable[[Patch], bytes]
    decoded: DecodedPictures = field(default_factory=lambda: DecodedPictures(0), repr=False, compare=False)
    """Where pictures that are no JPEGs are kept; none are unless it is given."""

    @property
    def key(self) -> str:
        return self.patch.key

    @property
    def width(self) -> int:
        return self.patch.width

    @property
    def height(self) -> int:
        return self.patch.height

    def read(self, box: Box) -> Pixels:
        if self.patch.encoding != "jpg":
            return _rectangle(self.decoded.get(self.patch.checksum, self._decode), self, box, self.key)
        data = self.fetch(self.patch)
        try:
            return decode_region(data, self.width, self.height, box)
        except ValueError as error:
            raise DamagedPatchError(f"{self.key}: {error}") from error

    def _decode(self) -> Pixels:
        data = self.fetch(self.patch)
        try:
            pixels = decode_patch(data) if self.patch.encoding == "webp" else decode_image(data)
        except (ValueError, DatasetError) as error:
            raise DamagedPatchError(f"{self.key}: {error}") from error
        if isinstance(pixels, Rejection):
            raise DamagedPatchError(f"{self.key}: {explain(pixels)}")
        return pixels


def survey(
    files: Iterable[tuple[str, Path]], decoded: DecodedPictures
) -> tuple[dict[Path, FilePicture], list[LeftOut]]:
    """What the headers of files say, read by several threads; and the files that are no usable pictures.

    Args:
        files: key and path of each.
        decoded: where their pixels will be kept.
    """
    with ThreadPoolExecutor(_THREADS) as threads:
        outcomes = list(threads.map(lambda each: _look(each[0], each[1], decoded), files))
    pictures = {outcome.path: outcome for outcome in outcomes if isinstance(outcome, FilePicture)}
    return pictures, [outcome for outcome in outcomes if isinstance(outcome, LeftOut)]


def _look(key: str, path: Path, decoded: DecodedPictures) -> FilePicture | LeftOut:
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):  # a pipe would be waited for
            return LeftOut(path, "cannot be read: no plain file")
        nbytes = found.st_size
        with path.open("rb") as file:
            data = file.read(_HEAD)
            header = read_header(data, AS_STORED)
            if isinstance(header, Rejection):  # perhaps only because the header goes on
                header = read_header(data + file.read(AS_STORED.max_nbytes), AS_STORED)
    except OSError as error:
        return LeftOut(path, f"cannot be read: {error.strerror}")
    if isinstance(header, Rejection):
        return LeftOut(path, explain(header))
    is_jpeg = header.format == "jpeg" and not header.is_cmyk
    return FilePicture(key, path, header.width, header.height, nbytes, is_jpeg, decoded)


def _rectangle(pixels: Pixels, picture: AnyPicture, box: Box, name: str) -> Pixels:
    if pixels.shape[:2] != (picture.height, picture.width):
        raise DamagedPatchError(f"{name}: {pixels.shape[1]}×{pixels.shape[0]} pixels, not as before")
    return pixels[box.y : box.y + box.height, box.x : box.x + box.width]
