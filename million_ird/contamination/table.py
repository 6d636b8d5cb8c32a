"""The table of benchmark pictures: what is known of them, and where in a photograph one of them may be.

A benchmark picture is often a shrunken cut of a larger photograph. The table knows squares of several sizes of every
benchmark picture; a photograph's windows at many places and scales are looked up among them, under the eight turns and
mirrors. All that is kept of a picture is a grey reduction, from which squares and hashes follow: a table can be saved,
shipped and loaded where the pictures are not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from million_ird.contamination.settings import ContaminationSettings
from million_ird.contamination.windows import (
    FREQUENCIES,
    SAMPLES,
    Windows,
    all_transforms,
    level_windows,
    luma,
    source_windows,
)
from million_ird.errors import MillionIrdError
from million_ird.fingerprint import TRANSFORMS, Transform, inverse, transformed
from million_ird.pixels import DecodeSettings, decode, read_header, sniff
from million_ird.records import Rejection
from million_ird.tables import read_parquet

TABLE_VERSION = "1"

_PICTURES = ("jpeg", "png", "webp", "tiff", "gif", "bmp", "avif")

SIGNATURE_SIDE = 192
"""Longer side in pixels of what is kept of a benchmark picture."""

_SQUARES = (1.0, 0.72, 0.5)
"""Sides of a benchmark's squares, as shares of its shorter side; the smaller ones find a photograph that is itself a
cut of the benchmark."""

_BANDS, _BAND_BITS = 16, 20

_CHUNK = 4096

_SCHEMA = pa.schema(
    [("benchmark", pa.string()), ("width", pa.int32()), ("height", pa.int32()), ("signature", pa.binary())],
    metadata={"million_ird_benchmarks": TABLE_VERSION},
)


@dataclass(frozen=True)
class Benchmark:
    """One benchmark picture: `name` as "set/file", its size in pixels, and its grey reduction (h, w) uint8."""

    name: str
    width: int
    height: int
    signature: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Hit:
    """A place in a photograph that looks like a part of a benchmark picture.

    `window`: (x, y, side) in pixels of the photograph; `square`: (x, y, side) in pixels of the benchmark's signature;
    `transform`: what turns the photograph's window into the benchmark's square; `bits`: how many of 63 differ;
    `correlation`: of the two 32×32 reductions.
    """

    benchmark: str
    window: tuple[float, float, float]
    square: tuple[float, float, float]
    transform: Transform
    bits: int
    correlation: float


class _Square(NamedTuple):
    picture: int
    x: float
    y: float
    side: float


class BenchmarkTable:
    """Benchmark pictures, ready to be looked up."""

    def __init__(self, benchmarks: Iterable[Benchmark]) -> None:
        """Sorted by name; a name that comes twice with another picture is an error."""
        by_name: dict[str, Benchmark] = {}
        for benchmark in benchmarks:
            known = by_name.setdefault(benchmark.name, benchmark)
            if not np.array_equal(known.signature, benchmark.signature):
                raise MillionIrdError(f"two different benchmark pictures are named {benchmark.name}: rename a folder")
        self.benchmarks = tuple(by_name[name] for name in sorted(by_name))
        self._squares: list[_Square] = []
        samples: list[NDArray[np.float32]] = []
        signs = [np.empty((8, 0, FREQUENCIES**2), np.float32)]
        for number, benchmark in enumerate(self.benchmarks):
            for square, square_samples, square_signs in _squares(number, benchmark.signature):
                self._squares.append(square)
                samples.append(square_samples)
                signs.append(square_signs)
        self._signs = np.concatenate(signs, axis=1).reshape(-1, FREQUENCIES**2)  # transform major
        self._samples = np.array(samples, np.float32)
        self._index = _BandIndex(self._signs)

    def __len__(self) -> int:
        return len(self.benchmarks)

    def __getitem__(self, name: str) -> Benchmark:
        """A benchmark picture by its "set/file" name."""
        return next(b for b in self.benchmarks if b.name == name)

    @classmethod
    def from_pictures(cls, pictures: Mapping[str, NDArray[np.uint8]]) -> BenchmarkTable:
        """A table of decoded pictures, (H, W, 3) or (H, W) uint8, by their "set/file" names."""
        return cls(_benchmark(name, picture) for name, picture in pictures.items())

    @classmethod
    def from_folders(cls, folders: Mapping[str, str | Path]) -> BenchmarkTable:
        """A table of all pictures below some folders, given by the names of the sets.

        Raises:
            MillionIrdError: a folder without a picture, or a picture that cannot be decoded.
        """
        return cls(b for name, folder in sorted(folders.items()) for b in _folder(name, Path(folder)))

    @classmethod
    def load(cls, paths: Sequence[str | Path]) -> BenchmarkTable:
        """One table of the files that `save` wrote.

        Raises:
            MillionIrdError: a file is absent, damaged, of another kind or version.
        """
        return cls(b for path in paths for b in _load(Path(path)))

    @classmethod
    def from_settings(cls, settings: ContaminationSettings) -> BenchmarkTable | None:
        """The table that a recipe asks for, or None if it names no benchmarks."""
        if not settings.folders and not settings.hash_files:
            return None
        folders = {Path(folder).name: folder for folder in settings.folders}
        if len(folders) < len(settings.folders):
            raise MillionIrdError("contamination.folders: two folders have the same name, which is the set's name")
        return cls([*cls.from_folders(folders).benchmarks, *cls.load(settings.hash_files).benchmarks])

    def save(self, path: str | Path) -> None:
        """Write the table to a Parquet file (about 24 kB a picture)."""
        rows = [
            {"benchmark": b.name, "width": b.width, "height": b.height, "signature": _png(b.signature)}
            for b in self.benchmarks
        ]
        pq.write_table(pa.Table.from_pylist(rows, schema=_SCHEMA), path, compression="none")

    def lookup(self, rgb: NDArray[np.uint8], settings: ContaminationSettings) -> list[Hit]:
        """Places in a photograph (H, W, 3) uint8 that look like one of the benchmarks, most alike first.

        At most `max_candidates`, and at most three per benchmark. They are candidates: `confirm` judges.
        """
        found: list[Hit] = []
        if not self._squares or min(rgb.shape[:2]) < SAMPLES:
            return found
        for windows in source_windows(rgb, settings.smallest_window):
            found += self._hits(windows, min(rgb.shape[:2]) / min(windows.level.shape), settings)
        found.sort(key=lambda hit: (-hit.correlation, hit.bits, hit.benchmark, hit.window, hit.transform))
        chosen: list[Hit] = []
        for hit in found:
            if len(chosen) < settings.max_candidates and sum(h.benchmark == hit.benchmark for h in chosen) < 3:
                chosen.append(hit)
        return chosen

    def _hits(self, windows: Windows, pixels: float, settings: ContaminationSettings) -> Iterator[Hit]:
        """Hits of one scale, at which a sample spans `pixels`."""
        pairs = self._index.pairs(windows.signs, self._signs, settings.max_bits)
        which, number = np.divmod(pairs[:, 1], len(self._squares))
        x, y = windows.x[pairs[:, 0]], windows.y[pairs[:, 0]]
        views = np.lib.stride_tricks.sliding_window_view(windows.level, (SAMPLES, SAMPLES))
        for start in range(0, len(pairs), _CHUNK):
            part = slice(start, start + _CHUNK)
            samples = _normalised(views[y[part], x[part]])
            correlations = np.einsum("nij,nij->n", samples, self._samples[number[part], which[part]])
            for i in np.flatnonzero(correlations >= settings.min_correlation):
                k = start + int(i)
                square = self._squares[number[k]]
                yield Hit(
                    benchmark=self.benchmarks[square.picture].name,
                    window=(float(x[k] * pixels), float(y[k] * pixels), float(SAMPLES * pixels)),
                    square=(square.x, square.y, square.side),
                    transform=inverse(TRANSFORMS[which[k]]),
                    bits=int(pairs[k, 2]),
                    correlation=round(float(correlations[i]), 4),
                )


class _BandIndex:
    """Which entries share `_BAND_BITS` chosen bits with a window, in any of `_BANDS` choices."""

    def __init__(self, signs: NDArray[np.float32]) -> None:
        random = np.random.Generator(np.random.PCG64(20_240_602))
        self._weights = np.zeros((FREQUENCIES**2, _BANDS), np.float32)
        for band in range(_BANDS):
            places = random.permutation(np.arange(1, FREQUENCIES**2))[:_BAND_BITS]
            self._weights[places, band] = 2.0 ** np.arange(_BAND_BITS)
        keys = self._keys(signs)
        self._order = np.argsort(keys, axis=0, kind="stable")
        self._sorted = np.take_along_axis(keys, self._order, axis=0)
        self._known = np.zeros((_BANDS, 1 << _BAND_BITS), bool)
        for band in range(_BANDS):
            self._known[band, keys[:, band]] = True

    def _keys(self, signs: NDArray[np.float32]) -> NDArray[np.int32]:
        return (signs @ self._weights).astype(np.int32)  # exact: below 2**24

    def pairs(self, signs: NDArray[np.float32], entries: NDArray[np.float32], max_bits: int) -> NDArray[np.int64]:
        """(n, 3) of window, entry, differing bits; each pair once."""
        keys = np.ascontiguousarray(self._keys(signs).T)
        codes = []
        for band in range(_BANDS):
            windows = np.flatnonzero(self._known[band, keys[band]])
            column = self._sorted[:, band]
            start = np.searchsorted(column, keys[band, windows], side="left")
            count = np.searchsorted(column, keys[band, windows], side="right") - start
            within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
            entry = self._order[np.repeat(start, count) + within, band]
            codes.append(np.repeat(windows, count) * len(entries) + entry)
        window, entry = np.divmod(np.unique(np.concatenate(codes)), max(len(entries), 1))
        bits = np.abs(signs[window] - entries[entry]).sum(axis=1).astype(np.int64)
        near = bits <= max_bits
        return np.stack([window[near], entry[near], bits[near]], axis=1)


def _squares(
    number: int, signature: NDArray[np.uint8]
) -> Iterator[tuple[_Square, NDArray[np.float32], NDArray[np.float32]]]:
    """A benchmark's squares that say enough, as a photograph shows them under each transform: normalised samples
    (8, 32, 32) and signs (8, 1, 64)."""
    height, width = signature.shape
    for share in _SQUARES:
        side = share * min(height, width)
        for y in _spread(height, side):
            for x in _spread(width, side):
                samples = _cut(signature, x, y, side)
                windows = level_windows(samples, stride=1)
                if len(windows.x):
                    views = np.stack([_normalised(transformed(windows.level, t)) for t in TRANSFORMS])
                    yield _Square(number, x, y, side), views, all_transforms(windows.signs)


def _spread(length: int, side: float) -> NDArray[np.float64]:
    """Corners of squares that overlap by two thirds and reach both ends."""
    room = length - side
    return np.linspace(0, room, 1 + int(np.ceil(room / (0.34 * side) - 1e-9))) if room > 0.5 else np.zeros(1)


def _cut(picture: NDArray[np.uint8], x: float, y: float, side: float) -> NDArray[np.uint8]:
    """A square of a picture as 32×32 samples."""
    left, top, right, bottom = round(x), round(y), round(x + side), round(y + side)
    part = picture[top:bottom, left:right]
    method = cv2.INTER_AREA if side >= SAMPLES else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(part, (SAMPLES, SAMPLES), interpolation=method), np.uint8)


def _normalised(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Zero mean, unit norm, over the last two axes."""
    centred = samples - samples.mean(axis=(-2, -1), keepdims=True)
    norm = np.sqrt((centred * centred).sum(axis=(-2, -1), keepdims=True))
    return np.asarray(centred / np.maximum(norm, 1e-6), np.float32)


def _benchmark(name: str, picture: NDArray[np.uint8]) -> Benchmark:
    height, width = picture.shape[:2]
    scale = SIGNATURE_SIDE / max(height, width)
    size = (max(SAMPLES, round(width * scale)), max(SAMPLES, round(height * scale)))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return Benchmark(name, width, height, np.asarray(cv2.resize(luma(picture), size, interpolation=method), np.uint8))


def _folder(name: str, folder: Path) -> Iterator[Benchmark]:
    found = False
    for path in sorted(folder.rglob("*")):
        data = path.read_bytes() if path.is_file() else b""
        if sniff(data) in _PICTURES:
            found = True
            yield _benchmark(f"{name}/{path.relative_to(folder).as_posix()}", _decoded(path, data))
    if not found:
        raise MillionIrdError(f"no picture in benchmark folder {folder}")


def _decoded(path: Path, data: bytes) -> NDArray[np.uint8]:
    settings = DecodeSettings()
    header = read_header(data, settings)
    picture = header if isinstance(header, Rejection) else decode(data, header, settings)
    if isinstance(picture, Rejection):
        raise MillionIrdError(f"benchmark picture {path} cannot be decoded ({picture.reason}): remove or convert it")
    return picture


def _load(path: Path) -> Iterator[Benchmark]:
    try:
        table = read_parquet(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise MillionIrdError(f"benchmark file {path} cannot be read: {error}") from None
    version = (table.schema.metadata or {}).get(b"million_ird_benchmarks", b"").decode()
    if version != TABLE_VERSION:
        raise MillionIrdError(f"{path} is no benchmark file of version {TABLE_VERSION}: write it again with `save`")
    for row in table.to_pylist():
        signature = cv2.imdecode(np.frombuffer(row["signature"], np.uint8), cv2.IMREAD_GRAYSCALE)
        yield Benchmark(row["benchmark"], row["width"], row["height"], np.asarray(signature, np.uint8))


def _png(grey: NDArray[np.uint8]) -> bytes:
    return bytes(cv2.imencode(".png", grey, [cv2.IMWRITE_PNG_COMPRESSION, 9])[1])
