"""What the report remembers of the duplicates: which images they drop, how they were found, and pairs to show."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from million_ird.report.columns import keys, numbers, strings
from million_ird.report.nearest import Nearest
from million_ird.report.tally import Tally

KINDS = ("benchmark", "bytes", "pixels", "near", "crop")
"""How an image was found not to be new; where several hold, it is counted under the first."""
PAIRS_LIMIT = 8
"""Pairs shown for each kind."""
BENCHMARK_LIMIT = 24
"""Pairs shown of images that benchmarks hold."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A dropped image beside the one that stays, or beside the benchmark picture it shows."""

    key: str
    kind: str
    keeper: str
    """Key of the image that stays, or "set/name" of the benchmark picture."""
    distance: float | None
    agreement: float | None
    transform: str
    thumbnail: bytes
    keeper_thumbnail: bytes


class DuplicateCounts:
    """Dropped keys (25 bytes each: the only thing the report holds for every row of a table), tallies and pairs."""

    def __init__(self) -> None:
        self.found = Tally(("kind", "transform"), ("images",))
        self.benchmarks = Tally(("set",), ("images",))
        self.pairs = {kind: Nearest[Pair](BENCHMARK_LIMIT if kind == KINDS[0] else PAIRS_LIMIT) for kind in KINDS}
        self._parts: list[npt.NDArray[np.void]] = []
        self._keys: npt.NDArray[np.bytes_] = np.empty(0, "S24")
        self._kinds: npt.NDArray[np.int8] = np.empty(0, np.int8)

    def add(self, batch: pa.RecordBatch) -> None:
        """Take the rows of one batch of `records.DUPLICATE_SCHEMA`; rows that are their own keeper drop nothing."""
        key, keeper = keys(batch, "key", "duplicates"), keys(batch, "keeper", "duplicates")
        kind = np.array([KINDS.index(k) if k in KINDS else len(KINDS) for k in strings(batch, "kind").to_pylist()])
        drops = np.flatnonzero((key != keeper) | (kind == 0))
        part = np.empty(drops.size, [("key", "S24"), ("kind", np.int8)])
        part["key"], part["kind"] = key[drops], kind[drops]
        self._parts.append(part)
        self._tally(batch, drops)
        self._take_pairs(batch.take(pa.array(drops)))

    def close(self) -> None:
        """Sort the dropped keys; call once, after the last batch and before `kind_of`."""
        every = np.concatenate([np.empty(0, [("key", "S24"), ("kind", np.int8)]), *self._parts])
        every = every[np.lexsort((every["kind"], every["key"]))]
        first = np.ones(every.size, np.bool_)
        first[1:] = every["key"][1:] != every["key"][:-1]
        self._keys, self._kinds = every["key"][first].copy(), every["kind"][first].copy()
        self._parts = []

    @property
    def dropped(self) -> int:
        """Distinct images that the duplicates table drops."""
        return int(self._keys.size)

    def kind_of(self, key: npt.NDArray[np.bytes_]) -> npt.NDArray[np.int64]:
        """For each image key (n,): the place of its kind in `KINDS` (one more for an unknown kind), or -1."""
        if not self._keys.size:
            return np.full(key.size, -1)
        place = np.minimum(np.searchsorted(self._keys, key), self._keys.size - 1)
        return np.where(self._keys[place] == key, self._kinds[place].astype(np.int64), -1)

    def _tally(self, batch: pa.RecordBatch, drops: npt.NDArray[np.intp]) -> None:
        ones = pa.array(np.ones(batch.num_rows, np.int64))
        names = {"kind": strings(batch, "kind"), "transform": strings(batch, "transform"), "images": ones}
        self.found.add(pa.table(names).take(pa.array(drops)))
        sets = pa.array([name.split("/", 1)[0] for name in strings(batch, "benchmark").to_pylist()], pa.string())
        table = pa.table({"set": sets, "images": ones})
        self.benchmarks.add(table.filter(pa.array([bool(s) for s in sets.to_pylist()])))

    def _take_pairs(self, batch: pa.RecordBatch) -> None:
        """Offer the rows with both thumbnails, the least alike first: there a reader's doubt is worth most."""
        columns = {
            name: strings(batch, name).to_pylist() for name in ("key", "kind", "keeper", "transform", "benchmark")
        }
        distance, agreement = numbers(batch, "distance"), numbers(batch, "agreement")
        thumbnail = batch.column("thumbnail").to_pylist()
        other = [
            mine or theirs
            for mine, theirs in zip(
                batch.column("benchmark_thumbnail").to_pylist(),
                batch.column("keeper_thumbnail").to_pylist(),
                strict=True,
            )
        ]
        for row, kind in enumerate(columns["kind"]):
            if kind not in self.pairs or not thumbnail[row] or not other[row]:
                continue
            doubt = -distance[row] if np.isfinite(distance[row]) else 0.0

            def pair(row: int = row, kind: str = kind) -> Pair:
                return Pair(
                    key=columns["key"][row],
                    kind=kind,
                    keeper=columns["benchmark"][row] if kind == KINDS[0] else columns["keeper"][row],
                    distance=float(distance[row]) if np.isfinite(distance[row]) else None,
                    agreement=float(agreement[row]) if np.isfinite(agreement[row]) else None,
                    transform=columns["transform"][row],
                    thumbnail=thumbnail[row],
                    keeper_thumbnail=other[row],
                )

            self.pairs[kind].offer(float(doubt), f"{columns['key'][row]} {columns['benchmark'][row]}", pair)
