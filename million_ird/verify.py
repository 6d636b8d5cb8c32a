"""Is a dataset whole? Every checksum, count and key; every patch decodes; a flipped byte is found and its member named.

`check_unit` looks at what one marker names and can run anywhere; `check_whole` compares the units with each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from blake3 import blake3
from numpy.typing import NDArray

from million_ird.dataset import Dataset, Row
from million_ird.errors import MillionIrdError
from million_ird.layout import DATASET, DUPLICATES, IMAGES, PATCHES, duplicates_marker, patches_marker, sources_marker
from million_ird.markers import Marker, PublishedFile, read_marker
from million_ird.pixels import decode_patch
from million_ird.records import patch_key
from million_ird.shards import Member, read_member, scan
from million_ird.store import Store

_CHUNK = 1 << 22
_COLUMNS = ("key", "kept", "tar", "member", "offset", "size", "checksum")


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: in which file, and what."""

    file: str
    what: str

    def __str__(self) -> str:
        return f"{self.file}: {self.what}"


@dataclass(frozen=True, slots=True)
class Checked:
    """What was looked at under one marker, and what was found."""

    files: int
    members: int
    problems: tuple[Problem, ...]


def check_unit(store: Store, marker_name: str, images_kept: bool = True) -> Checked:
    """Checks the files that a marker names: present, of the stated size and checksum, rows and members as they say.

    Without `images_kept` the tars of images may be gone, as the recipe `keep_images = none` has it.
    """
    try:
        marker = read_marker(store, marker_name)
    except MillionIrdError as error:
        return Checked(0, 0, (Problem(marker_name, str(error)),))
    if marker is None:
        return Checked(0, 0, (Problem(marker_name, "missing"),))
    problems: list[Problem] = []
    members = 0
    dropped = not images_kept and marker_name.startswith(f"{IMAGES}/")
    files = [file for file in marker.files if not (dropped and file.name.endswith(".tar"))]
    whole = {file.name: _check_file(store, file, problems) for file in files}
    table = marker.named(".parquet")
    if table is not None and whole[table.name] and not marker_name.startswith("plan/"):
        rows = _rows(store, table.name)
        problems += _check_counts(marker, rows, table.name)
        tar = marker.named(".tar")
        if tar is not None and whole.get(tar.name) is not None:
            checked, found = _check_members(store, tar.name, [row for row in rows if row["tar"] == tar.name])
            members, problems = checked, problems + found
            if not whole[tar.name] and not found:
                problems.append(Problem(tar.name, "damaged outside its images (a header, padding or a .json sidecar)"))
    return Checked(len(files), members, tuple(problems))


def check_whole(dataset: Dataset) -> Iterator[Problem]:
    """Checks that need more than one unit: planned units are all there, keys are unique, the lists agree.

    What cannot be read keeps a check from its end, and no other check from its turn.
    """
    for check in (_check_plans, _check_image_keys, _check_patch_keys, _check_shards):
        try:
            yield from check(dataset)
        except (MillionIrdError, OSError, pa.ArrowException) as error:
            yield Problem(DATASET, f"its units cannot all be compared: {' '.join(str(error).split())}")


def unit_markers(dataset: Dataset) -> list[str]:
    """Names of all markers, plans included."""
    names = [name for folder in (IMAGES, PATCHES) for name in dataset.store.list(folder) if name.endswith(".json")]
    for generation in dataset.generations():
        steps = (sources_marker(generation), duplicates_marker(generation), patches_marker(generation))
        names += [name for name in steps if dataset.store.exists(name)]
    return names


def _files(store: Store, marker_name: str) -> tuple[PublishedFile, ...]:
    marker = read_marker(store, marker_name)
    return marker.files if marker else ()


def _check_file(store: Store, file: PublishedFile, problems: list[Problem]) -> bool | None:
    """True if the file is as published, False if it differs, None if it is missing; says so in `problems`."""
    try:
        hasher, size = blake3(), 0
        with store.open(file.name) as stream:
            while chunk := stream.read(_CHUNK):
                hasher.update(chunk)
                size += len(chunk)
    except FileNotFoundError:
        problems.append(Problem(file.name, "missing"))
        return None
    if size != file.nbytes:
        problems.append(Problem(file.name, f"has {size:,} bytes, its marker says {file.nbytes:,}"))
        return False
    if hasher.hexdigest(16) != file.checksum:
        if not file.name.endswith(".tar"):
            problems.append(Problem(file.name, "checksum differs from its marker's"))
        return False
    return True


def _rows(store: Store, name: str) -> list[Row]:
    with store.open(name) as file:
        table = pq.ParquetFile(file)
        extra = [column for column in ("image_key", "x", "y", "width", "height") if column in table.schema_arrow.names]
        rows: list[Row] = table.read(columns=[*_COLUMNS, *extra]).to_pylist()
    return rows


def _check_counts(marker: Marker, rows: list[Row], name: str) -> list[Problem]:
    kept = sum(row["kept"] for row in rows)
    total = marker.counts.get("rows", marker.counts.get("candidates"))
    if (len(rows), kept) != (total, marker.counts["kept"]):
        return [Problem(name, f"{len(rows):,} rows, {kept:,} kept; its marker says {total}, {marker.counts['kept']}")]
    return []


def _check_members(store: Store, tar: str, rows: Iterable[Row]) -> tuple[int, list[Problem]]:
    """Reads every member that a row points to; returns how many, and what is wrong."""
    problems = []
    count = 0
    for row in rows:
        count += 1
        try:
            data = read_member(store, tar, Member(row["member"], row["offset"], row["size"], row["checksum"]))
        except MillionIrdError:
            problems.append(Problem(tar, f"member {row['member']} is damaged: its checksum differs from its row's"))
            continue
        if "image_key" in row:
            problems += _check_patch(tar, row, data)
    problems += _check_names(store, tar, rows) if not problems else []
    return count, problems


def _check_patch(tar: str, row: Row, data: bytes) -> list[Problem]:
    found = []
    if row["key"] != patch_key(row["image_key"], row["x"], row["y"], row["width"]):
        found.append(Problem(tar, f"key {row['key']} does not follow from its image and position"))
    try:
        shape = decode_patch(data).shape[:2]
    except (MillionIrdError, ValueError) as error:
        return [*found, Problem(tar, f"patch {row['member']} does not decode: {error}")]
    if shape != (row["height"], row["width"]):
        found.append(Problem(tar, f"patch {row['member']} is {shape[1]} × {shape[0]} pixels, not as its row says"))
    return found


def _check_names(store: Store, tar: str, rows: Iterable[Row]) -> list[Problem]:
    """The tar's own headers agree with the rows: same members, same places."""
    wanted = {(row["member"], row["offset"], row["size"]) for row in rows}
    with store.open(tar) as file:
        try:
            there = {entry for entry in scan(file) if not entry[0].endswith(".json")}
        except Exception as error:  # noqa: BLE001 - tarfile raises many kinds on a damaged header
            return [Problem(tar, f"is no readable tar: {error}")]
    return [Problem(tar, f"holds {name} which no row names, or elsewhere") for name, *_ in sorted(there ^ wanted)]


def _check_image_keys(dataset: Dataset) -> Iterator[Problem]:
    return _unique("images", lambda: dataset.image_rows(["key"]))


def _check_patch_keys(dataset: Dataset) -> Iterator[Problem]:
    return _unique("patches", lambda: dataset.patch_rows(["key"]))


def _check_shards(dataset: Dataset) -> Iterator[Problem]:
    """The list in the dataset's head, and tars that no unit owns."""
    listed = {shard["tar"] for shard in dataset.info.get("shards", ())}
    present = {shard.tar for shard in dataset.shards() if shard.tar}
    if dataset.info["state"] == "complete" and listed != present:
        odd = ", ".join(sorted(listed ^ present)[:5])
        yield Problem(DATASET, f"its list of shards differs from what is there: {odd}")
    named = {file.name for shard in dataset.shards() for file in _files(dataset.store, shard.marker)}
    for name in dataset.store.list(PATCHES):
        if name.endswith(".tar") and name not in named:
            yield Problem(name, "belongs to no finished unit; readers that glob for tars would read it")


def _check_plans(dataset: Dataset) -> Iterator[Problem]:
    is_complete = dataset.info["state"] == "complete"
    shards = 0
    if is_complete and not dataset.generations():
        yield Problem(DATASET, "its plan is missing")
    for generation in dataset.generations():
        marker = read_marker(dataset.store, sources_marker(generation))
        finished = dataset.image_markers(generation)
        if marker is not None and is_complete and len(finished) != marker.counts["units"]:
            yield Problem(sources_marker(generation), f"{len(finished)} of {marker.counts['units']} units are finished")
        plan = read_marker(dataset.store, patches_marker(generation))
        shards += plan.counts["units"] if plan else 0
    if is_complete and shards != len(dataset.shards()):
        yield Problem(DATASET, f"{len(dataset.shards())} of {shards} planned shards are finished")
    latest = [name for name in map(duplicates_marker, dataset.generations()) if dataset.store.exists(name)]
    if latest:
        marker = read_marker(dataset.store, latest[-1])
        table = marker.named(".parquet") if marker else None
        root = blake3(dataset.store.read(DUPLICATES)).hexdigest(16) if dataset.store.exists(DUPLICATES) else ""
        if table is not None and table.checksum != root:
            yield Problem(DUPLICATES, "differs from the newest generation's table")


def _unique(what: str, batches: Callable[[], Iterable[pa.RecordBatch]]) -> Iterator[Problem]:
    """Keys that stand twice. Eight bytes of each, and as many while they are sorted, say which may; only if any do are
    the keys read again, and those looked at in full."""
    digests = np.sort(np.concatenate([np.empty(0, np.uint64), *(_digests(batch) for batch in batches())]))
    suspected = np.unique(digests[1:][digests[1:] == digests[:-1]])
    seen: set[str] = set()
    for batch in batches() if len(suspected) else ():
        for key in batch["key"].filter(pa.array(np.isin(_digests(batch), suspected))).to_pylist():
            if key in seen:
                yield Problem(what, f"key {key} stands twice")
            seen.add(key)


def _digests(batch: pa.RecordBatch) -> NDArray[np.uint64]:
    return np.frombuffer(b"".join(blake3(key.encode()).digest(8) for key in batch["key"].to_pylist()), np.uint64)
