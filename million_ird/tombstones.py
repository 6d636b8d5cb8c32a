"""What was taken down, so that no rebuild brings it back.

A tombstone holds hashes only: of the origin, the bytes, the pixels, and the perceptual hash. A picture whose
perceptual hash lies within `NEAR_BITS` of a tombstone's, in any of the eight orientations, counts as the same one:
there are no pixels left to compare with, and unrelated photographs lie near 128 of 256 bits apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from million_ird.errors import UsageError
from million_ird.fingerprint import HASH_BYTES, TRANSFORMS, transformed_hash
from million_ird.layout import TOMBSTONES
from million_ird.records import TOMBSTONE_SCHEMA, Rejection
from million_ird.store import Store
from million_ird.tables import read_parquet

NEAR_BITS = 12
"""Largest distance, of 256 bits, at which a picture is taken for one that was taken down."""


@dataclass(frozen=True)
class TombstoneSettings:
    """Which takedowns a build respects besides its own: the recipe's section `[takedown]`."""

    tombstones: tuple[str, ...] = ()
    """Paths or URLs of `tombstones.parquet` files of other datasets. The dataset's own is always read."""


class Tombstones:
    """The tombstones of one or more datasets, for look-up by any of their hashes."""

    def __init__(self, table: pa.Table | None = None) -> None:
        self.table = TOMBSTONE_SCHEMA.empty_table() if table is None else table
        columns = self.table.to_pydict()
        self.keys = set(columns["key"])
        self._hashes = (set(columns["sha256"]) | set(columns["pixel_hash"])) - {""}
        phashes = [value for value in columns["phash"] if value]
        self._phashes = np.frombuffer(b"".join(phashes), np.uint8).reshape(-1, HASH_BYTES)

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def find(self, key: str, sha256: str = "", pixel_hash: str = "", phash: bytes = b"") -> Rejection | None:
        """A rejection (`taken_down`) if the image matches a tombstone by any hash given, else None."""
        if key in self.keys or sha256 in self._hashes or pixel_hash in self._hashes:
            return Rejection("screen", "taken_down")
        if phash and len(self._phashes):
            turned = np.frombuffer(b"".join(transformed_hash(phash, each) for each in TRANSFORMS), np.uint8)
            differing = self._phashes[:, None] ^ turned.reshape(1, len(TRANSFORMS), -1)
            nearest = int(np.bitwise_count(differing).sum(axis=-1, dtype=np.int64).min())
            if nearest <= NEAR_BITS:
                return Rejection("screen", "taken_down", float(nearest), "like a picture that was taken down")
        return None

    def near(self, phashes: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Which of many perceptual hashes (n, 32) lie within `NEAR_BITS` of a tombstone's, in any orientation: (n,)."""
        found = np.zeros(len(phashes), np.bool_)
        for own in self._phashes:
            for transform in TRANSFORMS:
                turned = np.frombuffer(transformed_hash(own.tobytes(), transform), np.uint8)
                found |= np.bitwise_count(phashes ^ turned).sum(axis=-1, dtype=np.int64) <= NEAR_BITS
        return found

    def to_parquet(self) -> bytes:
        sink = BytesIO()
        pq.write_table(self.table.sort_by("key"), sink, compression="zstd")
        return sink.getvalue()

    @staticmethod
    def from_parquet(*files: bytes) -> Tombstones:
        tables = [read_parquet(BytesIO(file), TOMBSTONE_SCHEMA.names).cast(TOMBSTONE_SCHEMA) for file in files]
        return Tombstones(pa.concat_tables(tables) if tables else None)


def read_tombstones(store: Store, others: Sequence[str] = ()) -> Tombstones:
    """The tombstones of a dataset, none if nothing was ever taken down, and those of other files.

    Raises:
        UsageError: one of the others (paths or URLs) cannot be read as a table of tombstones.
    """
    files = [store.read(TOMBSTONES)] if store.exists(TOMBSTONES) else []
    for url in others:
        folder, _, name = url.rpartition("/")
        try:
            files.append(Store(folder or ".").read(name))
            Tombstones.from_parquet(files[-1])
        except (FileNotFoundError, pa.ArrowException) as error:
            raise UsageError(f"takedown.tombstones: {url} is no table of tombstones ({error})") from None
    return Tombstones.from_parquet(*files)
