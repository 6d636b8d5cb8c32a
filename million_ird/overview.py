"""What is in a dataset, as a table for a person, and one sample of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from million_ird.dataset import Dataset, Row
from million_ird.errors import DatasetError, UsageError
from million_ird.fingerprint import UPRIGHT, transformed
from million_ird.pixels import decode_patch, encode_png
from million_ird.shards import checksum
from million_ird.tables import read_parquet

_LONGEST = 12
"""Lines of one part of the table; the rest is summed."""


@dataclass
class Overview:
    """Counts of a dataset."""

    url: str
    name: str
    state: str
    images: int = 0
    kept: int = 0
    candidates: int = 0
    patches: int = 0
    nbytes: int = 0
    """Bytes of the kept patches."""
    formats: Counter[str] = field(default_factory=Counter)
    sizes: Counter[str] = field(default_factory=Counter)
    """Kept images by megapixels."""
    encodings: Counter[str] = field(default_factory=Counter)
    patch_sizes: Counter[str] = field(default_factory=Counter)
    licenses: Counter[str] = field(default_factory=Counter)
    """Kept images by license as their manifest states it."""
    sources: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    """Why images and patches were rejected: `step: reason`."""
    sample_key: str = ""
    """The kept patch whose key has the smallest checksum: any one of them, and always the same."""


@dataclass(frozen=True)
class Sample:
    """One row in full, and the row of the patch that shows it ({} if none was kept)."""

    row: Row
    patch: Row


def overview(dataset: Dataset) -> Overview:
    """Counts images and patches in one pass over the tables."""
    seen = Overview(dataset.url, dataset.info["name"], dataset.info["state"])
    for batch in dataset.image_rows(["kept", "step", "reason", "format", "width", "height", "license", "source"]):
        _count_images(seen, batch)
    smallest = ""
    for batch in dataset.patch_rows(["key", "kept", "step", "reason", "encoding", "width", "height", "size"]):
        kept = batch.filter(batch["kept"])
        seen.candidates, seen.patches = seen.candidates + batch.num_rows, seen.patches + kept.num_rows
        seen.nbytes += pc.sum(kept["size"]).as_py() or 0
        seen.encodings += _tally(kept["encoding"])
        seen.patch_sizes += Counter(f"{row['width']} × {row['height']}" for row in _columns(kept, "width", "height"))
        seen.reasons += _reasons(batch)
        for key in kept["key"].to_pylist():
            rank = checksum(key.encode())
            if not smallest or rank < smallest:
                smallest, seen.sample_key = rank, key
    return seen


def _count_images(seen: Overview, batch: pa.RecordBatch) -> None:
    kept = batch.filter(batch["kept"])
    seen.images, seen.kept = seen.images + batch.num_rows, seen.kept + kept.num_rows
    seen.formats += _tally(kept["format"])
    seen.licenses += _tally(kept["license"])
    seen.sources += _tally(kept["source"])
    seen.sizes += Counter(_megapixels(row) for row in _columns(kept, "width", "height"))
    seen.reasons += _reasons(batch)


def _tally(column: pa.Array) -> Counter[str]:
    return Counter({entry["values"]: entry["counts"] for entry in pc.value_counts(column).to_pylist()})


def _reasons(batch: pa.RecordBatch) -> Counter[str]:
    rejected = batch.filter(pc.invert(batch["kept"]))
    return Counter(f"{row['step']}: {row['reason']}" for row in _columns(rejected, "step", "reason"))


def _columns(batch: pa.RecordBatch, *names: str) -> list[Row]:
    rows: list[Row] = batch.select(list(names)).to_pylist()
    return rows


def _megapixels(row: Row) -> str:
    pixels = row["width"] * row["height"] / 1e6
    for bound in (1, 2, 4, 8, 16, 32, 64):
        if pixels < bound:
            return f"under {bound} megapixels"
    return "64 megapixels and more"


def render(seen: Overview) -> str:
    """The counts as a table for a terminal."""
    parts = [
        f"{seen.name} ({seen.state}) in {seen.url}",
        f"{seen.images:,} images, {seen.kept:,} kept by the screens; {seen.candidates:,} candidate patches, "
        f"{seen.patches:,} kept, {seen.nbytes / 1e6:,.1f} MB",
        *_part("patches by encoding", seen.encodings),
        *_part("patches by size", seen.patch_sizes),
        *_part("kept images by format", seen.formats),
        *_part("kept images by size", seen.sizes),
        *_part("kept images by license", seen.licenses),
        *_part("kept images by source", seen.sources),
        *_part("rejected", seen.reasons),
    ]
    return "\n".join(parts)


def _part(title: str, counts: Mapping[str, int]) -> list[str]:
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    rest = sum(count for _, count in ordered[_LONGEST:])
    lines = [*ordered[:_LONGEST], *([(f"{len(ordered) - _LONGEST:,} others", rest)] if rest else [])]
    return ["", title, *(f"  {count:>12,}  {_line(name) or 'not stated'}" for name, count in lines)] if lines else []


def find_sample(dataset: Dataset, key: str) -> Sample:
    """The patch or image of a key.

    Raises:
        UsageError: there is none, or the dataset holds no patch at all (`key` is "").
    """
    if not key:
        raise UsageError(f"{dataset.url} holds no patch that could be shown")
    if "-" in key:
        patch = _patch_row(dataset, "key", key)
        if patch:
            return Sample(patch, patch if patch["kept"] else {})
    else:
        for batch in dataset.image_rows():
            for row in batch.filter(pc.equal(batch["key"], key)).to_pylist():
                return Sample(row, _patch_row(dataset, "image_key", key, kept=True))
    raise UsageError(f"{dataset.url} has no image or patch of the key {key!r}")


def _patch_row(dataset: Dataset, column: str, key: str, kept: bool | None = None) -> Row:
    """The first patch row with this value in a column, {} if there is none."""
    where = pc.field(column) == key
    if kept is not None:
        where &= pc.field("kept") == kept
    for shard in dataset.shards():
        with dataset.store.open(shard.rows) as file:
            rows: list[Row] = read_parquet(file, where=where).to_pylist()
        if rows:
            return rows[0]
    return {}


def render_sample(sample: Sample) -> str:
    """The row in full, one column a line."""
    title = "patch" if "image_key" in sample.row else "image"
    width = max(map(len, sample.row))
    lines = [f"  {name:<{width}}  {_value(value)}" for name, value in sample.row.items()]
    return "\n".join(["", f"sample: {title} {sample.row['key']}", *lines])


def _value(value: object) -> str:
    if isinstance(value, bytes):
        return value.hex() if len(value) <= 32 else f"({len(value):,} bytes)"
    return "" if value is None else _line(str(value))


def _line(text: str) -> str:
    """Text from outside in one printable line of bounded length."""
    line = "".join(letter if letter.isprintable() else " " for letter in text)
    return line if len(line) <= 300 else line[:299] + "…"


def sample_pixels(dataset: Dataset, sample: Sample) -> NDArray[np.uint8]:
    """The pixels of the sample's patch, turned upright: (H, W, 3) uint8 RGB.

    Raises:
        DatasetError: no patch of it was kept.
    """
    if not sample.patch:
        row = sample.row
        why = f" ({row['step']}: {row['reason']})" if row["reason"] else ""
        raise DatasetError(f"no patch of {row['key']} was kept{why}, so there is nothing to show")
    pixels = decode_patch(dataset.patch_bytes(sample.patch))
    return np.ascontiguousarray(transformed(pixels, UPRIGHT[(sample.patch["orientation"] or 1) - 1]))


def write_sample(dataset: Dataset, sample: Sample, path: str) -> None:
    """Writes the sample's patch as PNG. `DatasetError` if there is none, `UsageError` if it cannot be written there."""
    data = encode_png(sample_pixels(dataset, sample))
    try:
        Path(path).write_bytes(data)
    except OSError as error:
        raise UsageError(f"--sample {path}: {error.strerror or error}") from None
