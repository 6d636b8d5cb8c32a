"""Which image goes into which shard: kept images in key order, packed by estimated bytes and by encoding.

One patch unit is one shard. The table has one row group per unit, so a worker reads its own rows and no others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from million_ird.cut import encoding_for
from million_ird.dataset import Dataset
from million_ird.jpeg import find_cutter
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


def estimated_bytes(images: pa.Table, encoding: str, patches: PatchSettings) -> NDArray[np.float64]:
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
    images: pa.Table, first_numbers: Mapping[str, int], patches: PatchSettings, shards: ShardSettings
) -> list[tuple[ShardUnit, pa.Table]]:
    """Units with their images. `images` have an `encoding`, in key order; shard numbers go on from `first_numbers`."""
    units: list[tuple[ShardUnit, pa.Table]] = []
    for encoding in sorted(pc.unique(images["encoding"]).to_pylist()):
        chosen = images.filter(pc.equal(images["encoding"], encoding))
        ends = np.cumsum(estimated_bytes(chosen, encoding, patches))
        # Even shards rather than full ones and a small last: as many as the target asks for, cut at equal bytes.
        count = max(1, round(float(ends[-1]) / (shards.target_mb * 1e6)))
        full = max(float(ends[-1]), 1.0) / count  # images without room for a patch take nothing
        slots = np.minimum((ends - 1e-9) / full, count - 1).astype(int)
        starts = [0, *(np.flatnonzero(np.diff(slots)) + 1).tolist(), len(slots)]
        first = first_numbers.get(encoding, 0)
        for number, (start, end) in enumerate(pairwise(starts), first):
            units.append((ShardUnit(encoding, number, len(units)), chosen.slice(start, end - start)))
    return units


def plan_shards(store: Store, dataset: Dataset, generation: int, patches: PatchSettings, shards: ShardSettings) -> None:
    """Plans the shards of a generation's unique kept images and publishes the plan; numbers follow the earlier ones."""
    images = _unique_images(dataset, generation, patches)
    units = assign(images, _first_numbers(store, generation), patches, shards)
    counts = {"images": images.num_rows, "units": len(units)}
    for encoding in ENCODINGS:
        numbers = [unit.number for unit, _ in units if unit.encoding == encoding]
        if numbers:
            counts |= {f"{encoding}_first": min(numbers), f"{encoding}_units": len(numbers)}
    name = f"{plan_folder(generation)}/patches.parquet"
    with store.spool() as spool:
        write_shard_plan(units, coders(patches), spool / "patches.parquet")
        publish(store, patches_marker(generation), name, [(spool / "patches.parquet", name)], counts)


def coders(patches: PatchSettings) -> str:
    """The libraries that write patches on this machine. Others may code the same patch in other bytes."""
    from PIL import features

    names = [find_cutter().name, f"libwebp {features.version('webp')}"]
    if patches.huffman == "optimised":
        names.insert(1, f"jpeglib {version('jpeglib')}")  # stands in where libturbojpeg cannot optimise
    return ", ".join(names)


def _unique_images(dataset: Dataset, generation: int, patches: PatchSettings) -> pa.Table:
    """Kept images of a generation that no other image and no benchmark displaces, in key order, with encodings."""
    verdicts = dataset.duplicates().select(["key", "keeper"])
    dropped = verdicts.filter(pc.not_equal(verdicts["key"], verdicts["keeper"]))["key"].combine_chunks()
    columns = [name for name in SHARD_PLAN_SCHEMA.names if name not in ("encoding", "shard")]
    schema = pa.schema([*(SHARD_PLAN_SCHEMA.field(name) for name in columns), ("cuttable", pa.bool_())])
    batches = []
    for batch in dataset.image_rows_of(generation, [*columns, "kept", "cuttable"]):
        stays = pc.and_not(batch["kept"], pc.is_in(batch["key"], value_set=dropped))
        batches.append(batch.filter(stays).select(schema.names).cast(schema))
    images = pa.Table.from_batches(batches, schema).sort_by("key")
    encodings = pc.if_else(images["cuttable"], encoding_for(True, patches), encoding_for(False, patches))
    return images.drop_columns("cuttable").append_column("encoding", encodings)


def _first_numbers(store: Store, generation: int) -> dict[str, int]:
    """The first free shard number of each encoding, after all earlier generations."""
    numbers: Counter[str] = Counter()
    for earlier in range(generation):
        marker = read_marker(store, patches_marker(earlier))
        if marker is not None:
            numbers.update({encoding: marker.counts.get(f"{encoding}_units", 0) for encoding in ENCODINGS})
    return dict(numbers)


def write_shard_plan(units: list[tuple[ShardUnit, pa.Table]], coders: str, path: Path) -> None:
    """The plan as Parquet, one row group per unit; `coders` goes into the file's metadata."""
    schema = SHARD_PLAN_SCHEMA.with_metadata({"coders": coders})
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for unit, images in units:
            numbered = images.append_column("shard", pa.array(np.full(images.num_rows, unit.number, np.int32)))
            writer.write_table(numbered.select(schema.names).cast(schema), row_group_size=images.num_rows)


def read_shard_plan(store: Store, name: str) -> tuple[str, list[ShardUnit]]:
    """The coders that a plan was made for, and its units in order."""
    with store.open(name) as file:
        plan = pq.ParquetFile(file)
        groups = range(plan.num_row_groups)
        firsts = [plan.read_row_group(n, ["encoding", "shard"], use_threads=False)[:1] for n in groups]
        coders = plan.schema_arrow.metadata[b"coders"].decode()
    return coders, [
        ShardUnit(first["encoding"][0].as_py(), first["shard"][0].as_py(), group) for group, first in enumerate(firsts)
    ]


def read_shard_unit(store: Store, name: str, unit: ShardUnit) -> list[Row]:
    """The image rows of one unit, in key order."""
    with store.open(name) as file:
        rows: list[Row] = pq.ParquetFile(file).read_row_group(unit.group, use_threads=False).to_pylist()
    return rows
