"""Which image goes into which shard: kept images in key order, packed by estimated bytes and by encoding.

One patch unit is one shard. The table has one row group per unit, so a worker reads its own rows and no others.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from million_ird.cut import encoding_for
from million_ird.dataset import Dataset
from million_ird.image_keys import KeySet
from million_ird.jpeg import find_cutter, restarts
from million_ird.key_sorted import KeySorted, sort_by_key
from million_ird.layout import ENCODINGS, patches_marker, plan_folder
from million_ird.markers import publish, read_marker
from million_ird.patches import PatchSettings, grid
from million_ird.store import Store

Row = dict[str, Any]

SHARD_PLAN_SCHEMA = pa.schema(
    [
        ("encoding", pa.string()),
        ("shard", pa.int32()),
        *[
            (name, pa.string())
            for name in ("key", "url", "license", "author", "source", "provenance", "sha256", "format", "colour_space")
        ],
        *[(name, pa.int32()) for name in ("width", "height")],
        ("orientation", pa.int8()),
        *[(name, pa.string()) for name in ("tar", "member", "checksum")],
        *[(name, pa.int64()) for name in ("offset", "size")],
    ]
)

_IMAGE_SCHEMA = SHARD_PLAN_SCHEMA.remove(SHARD_PLAN_SCHEMA.get_field_index("shard"))
_LOSSLESS_BYTES_PER_PIXEL = 1.1
"""What lossless WebP takes for photographs (281 KB a 512² patch, measured: facts of the codec), for estimates only."""


@dataclass(frozen=True)
class ShardSettings:
    """The recipe's section `[shards]`."""

    target_mb: int = 1000
    """Estimated size of a shard in megabytes (10^6 bytes). About 1 GB reads at disk speed and keeps a folder of
    8 million patches under 1,000 files."""


@dataclass(frozen=True, slots=True)
class ShardUnit:
    """One shard to be cut: row group `group` of the plan."""

    encoding: str
    number: int
    group: int


def estimated_bytes(images: pa.RecordBatch, encoding: str, patches: PatchSettings) -> NDArray[np.float64]:
    """Bytes that the patches of each image will take in a shard, headers included."""
    sizes = zip(images["width"].to_pylist(), images["height"].to_pylist(), strict=True)
    grids = np.array([_grid_facts(width, height, patches) for width, height in sizes], np.float64).reshape(-1, 3)
    boxes, area, share = grids.T
    data = images["size"].to_numpy() * share if encoding == "jpg" else area * _LOSSLESS_BYTES_PER_PIXEL
    return np.asarray(4 * 512 * boxes + data, np.float64)


@lru_cache(maxsize=10_000)
def _grid_facts(width: int, height: int, patches: PatchSettings) -> tuple[int, int, float]:
    """Patches of an image, their pixels, and the share of the image's pixels that those are."""
    boxes = grid(width, height, patches)
    area = sum(box.width * box.height for box in boxes)
    return len(boxes), area, area / (width * height)


def assign(
    nbytes: Mapping[str, NDArray[np.float64]], first_numbers: Mapping[str, int], shards: ShardSettings
) -> list[tuple[ShardUnit, int]]:
    """Units with how many images each takes, in key order. Shard numbers go on from `first_numbers`.

    Args:
        nbytes: encoding → what each image takes in a shard (`estimated_bytes`), in key order, (n,) with n at least 1.
    """
    units: list[tuple[ShardUnit, int]] = []
    for encoding in sorted(nbytes):
        ends = np.cumsum(nbytes[encoding])
        # Even shards rather than full ones and a small last: as many as the target asks for, cut at equal bytes.
        count = max(1, round(float(ends[-1]) / (shards.target_mb * 1e6)))
        full = max(float(ends[-1]), 1.0) / count  # images without room for a patch take nothing
        slots = np.minimum((ends - 1e-9) / full, count - 1).astype(int)
        starts = [0, *(np.flatnonzero(np.diff(slots)) + 1).tolist(), len(slots)]
        first = first_numbers.get(encoding, 0)
        for number, (start, end) in enumerate(pairwise(starts), first):
            units.append((ShardUnit(encoding, number, len(units)), end - start))
    return units


def plan_shards(store: Store, dataset: Dataset, generation: int, patches: PatchSettings, shards: ShardSettings) -> None:
    """Plans the shards of a generation's unique kept images and publishes the plan; numbers follow the earlier ones.

    The images are sorted by key on the disk, with all that a plan says of them; in memory are some 40 bytes of each,
    from which its shard follows, and 24 of each duplicate.
    """
    name = f"{plan_folder(generation)}/patches.parquet"
    with store.spool() as spool:
        images = _unique_images(dataset, generation, patches, spool)
        units = assign(_nbytes(images, patches), _first_numbers(store, generation), shards)
        counts = {"images": images.rows, "units": len(units)}
        for encoding in ENCODINGS:
            numbers = [unit.number for unit, _ in units if unit.encoding == encoding]
            if numbers:
                counts |= {f"{encoding}_first": min(numbers), f"{encoding}_units": len(numbers)}
        write_shard_plan(units, images, coders(patches), spool / "patches.parquet")
        publish(store, patches_marker(generation), name, [(spool / "patches.parquet", name)], counts)


def coders(patches: PatchSettings) -> str:
    """What writes patches on this machine. Other libraries may code the same patch in other bytes."""
    from PIL import features

    names = [find_cutter().name, f"libwebp {features.version('webp')}"]
    if patches.huffman == "optimised":
        names.insert(1, f"jpeglib {version('jpeglib')}")  # stands in where libturbojpeg cannot optimise
    else:
        names.insert(1, f"restart markers after {restarts.ROWS} rows")
    return ", ".join(names)


def _unique_images(dataset: Dataset, generation: int, patches: PatchSettings, spool: Path) -> KeySorted:
    """Kept images of a generation that no other image and no benchmark displaces, with encodings."""
    verdicts = dataset.duplicate_rows(["key", "keeper"])
    dropped = KeySet(batch["key"].filter(pc.not_equal(batch["key"], batch["keeper"])) for batch in verdicts)
    columns = [name for name in _IMAGE_SCHEMA.names if name != "encoding"]

    def unique() -> Iterator[pa.RecordBatch]:
        for batch in dataset.image_rows_of(generation, [*columns, "kept", "cuttable"]):
            images = batch.filter(pc.and_not(batch["kept"], dropped.holds(batch["key"])))
            encodings = pc.if_else(images["cuttable"], encoding_for(True, patches), encoding_for(False, patches))
            yield images.append_column("encoding", encodings)

    expected = sum(marker.counts["kept"] for marker in dataset.image_markers(generation))
    return sort_by_key(unique(), _IMAGE_SCHEMA, expected, spool)


def _nbytes(images: KeySorted, patches: PatchSettings) -> dict[str, NDArray[np.float64]]:
    """Encoding → what its images take in a shard, in key order."""
    found: dict[str, list[NDArray[np.float64]]] = defaultdict(list)
    for batch in images.batches(["encoding", "width", "height", "size"]):
        for encoding in pc.unique(batch["encoding"]).to_pylist():
            chosen = batch.filter(pc.equal(batch["encoding"], encoding))
            found[encoding].append(estimated_bytes(chosen, encoding, patches))
    return {encoding: np.concatenate(parts) for encoding, parts in found.items()}


def _first_numbers(store: Store, generation: int) -> dict[str, int]:
    """The first free shard number of each encoding, after all earlier generations."""
    numbers: Counter[str] = Counter()
    for earlier in range(generation):
        marker = read_marker(store, patches_marker(earlier))
        if marker is not None:
            numbers.update({encoding: marker.counts.get(f"{encoding}_units", 0) for encoding in ENCODINGS})
    return dict(numbers)


def write_shard_plan(units: Iterable[tuple[ShardUnit, int]], images: KeySorted, coders: str, path: Path) -> None:
    """The plan as Parquet, one row group per unit; `coders` goes into the file's metadata.

    Args:
        units: as `assign` gives them, for all of `images` (the columns of `SHARD_PLAN_SCHEMA` but `shard`).
    """
    schema = SHARD_PLAN_SCHEMA.with_metadata({"coders": coders})
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for encoding, group in groupby(units, lambda entry: entry[0].encoding):
            of_encoding = list(group)
            rows = _divided(_of_encoding(images, encoding), [count for _, count in of_encoding])
            for (unit, count), part in zip(of_encoding, rows, strict=True):
                numbered = part.append_column("shard", pa.array(np.full(count, unit.number, np.int32)))
                writer.write_table(numbered.select(schema.names).cast(schema), row_group_size=count)


def _of_encoding(images: KeySorted, encoding: str) -> Iterator[pa.RecordBatch]:
    for batch in images.batches(_IMAGE_SCHEMA.names):
        yield batch.filter(pc.equal(batch["encoding"], encoding))


def _divided(batches: Iterator[pa.RecordBatch], counts: Iterable[int]) -> Iterator[pa.Table]:
    """The rows in tables of so many rows each."""
    left = pa.Table.from_batches([], _IMAGE_SCHEMA)
    for count in counts:
        parts = [left]
        while sum(part.num_rows for part in parts) < count:
            parts.append(pa.Table.from_batches([next(batches)]))
        rows = pa.concat_tables(parts)
        yield rows.slice(0, count).combine_chunks()
        left = rows.slice(count)


def read_shard_plan(store: Store, name: str) -> tuple[str, list[ShardUnit]]:
    """The coders that a plan was made for, and its units in order."""
    with store.open(name) as file, pq.ParquetFile(file) as plan:
        units = []
        for group in range(plan.num_row_groups):
            first = next(plan.iter_batches(1, row_groups=[group], columns=["encoding", "shard"], use_threads=False))
            units.append(ShardUnit(first["encoding"][0].as_py(), first["shard"][0].as_py(), group))
        return plan.schema_arrow.metadata[b"coders"].decode(), units


def read_shard_unit(store: Store, name: str, unit: ShardUnit) -> list[Row]:
    """The image rows of one unit, in key order."""
    with store.open(name) as file:
        rows: list[Row] = pq.ParquetFile(file).read_row_group(unit.group, use_threads=False).to_pylist()
    return rows
