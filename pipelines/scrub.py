"""Removing every trace of buried images from a dataset's files: the half of a takedown that rewrites.

Only the files that hold something of a buried image are rewritten, each followed by its marker. What a file becomes is
derived from what it is and from the buried keys, never from remembered offsets or from what was asked for; so an
interrupted scrub is finished by running it again, and ends in the same bytes. A journal names the markers at work,
because a table of a fixed name may be new while its marker is still old.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from blake3 import blake3

from million_ird.dataset import Dataset, Row
from million_ird.errors import DatasetError
from million_ird.examine import taken_down_row
from million_ird.layout import (
    DUPLICATES,
    IMAGES,
    LOG,
    PATCHES,
    PLAN,
    duplicates_marker,
    fetch_marker,
    patches_marker,
    sources_marker,
)
from million_ird.markers import Marker, PublishedFile, published, read_marker
from million_ird.shards import Member, ShardWriter, copy_members, file_checksum
from million_ird.store import Store
from million_ird.tables import read_parquet
from pipelines.cut import shard_counts
from pipelines.fetch import unit_counts
from pipelines.plan import HOSTS, REJECTED, SUMMARY
from pipelines.traces import Traces

JOURNAL = f"{LOG}/takedown.json"
"""There while a takedown is at work: the names of the markers whose files it rewrites."""
_MEMBER = ("tar", "member", "offset", "size", "checksum")
_CHUNK = 1 << 22


def scrub(dataset: Dataset, keys: Collection[str]) -> list[str]:
    """Removes the buried images from every file; returns the names of the markers whose files changed.

    Ends with tables, tars and markers consistent. The journal stays: whoever called writes the dataset's head, card
    and report anew and removes it then.
    """
    store = dataset.store
    traces = Traces.of(dataset, keys)
    markers = sorted({*_journal(store), *_concerned(dataset, traces)})
    store.write(JOURNAL, json.dumps(markers).encode())
    for name in markers:  # other lines with a URL go before the lines that say whose it is
        marker = read_marker(store, name)
        for file in marker.files if marker else ():
            if file.name.endswith(f"/{REJECTED}"):
                _clean_file(store, file.name, traces)
    for name in markers:
        _scrub_one(dataset, name, traces)
    if markers:
        _renew_root_duplicates(dataset)
    _remove_orphans(dataset)
    return markers


def begin(store: Store, markers: Iterable[str] = ()) -> None:
    """Notes that a takedown has begun, before its tombstones stand: whatever opens the dataset next will finish it.

    `markers` names what is to be looked at again besides what holds buried images.
    """
    store.write(JOURNAL, json.dumps(sorted({*_journal(store), *markers})).encode())


def is_interrupted(store: Store) -> bool:
    """Whether a takedown has begun and not ended."""
    return store.exists(JOURNAL)


def end(store: Store) -> None:
    """Notes that a takedown has ended."""
    store.remove(JOURNAL)


def clean_plan(folder: Path, keys: Collection[str]) -> None:
    """Blanks buried images in a freshly planned generation (a local folder), before it is published."""
    if not keys:
        return
    traces = Traces(keys)
    for path in sorted(folder.glob("*.parquet")):
        if path.name == REJECTED or path.name.startswith("units-"):
            fresh = path.with_suffix(".fresh")
            _write_cleaned(path, fresh, path.name, traces, {})
            fresh.replace(path)
    _forget_hosts(folder)


def _journal(store: Store) -> list[str]:
    names: list[str] = json.loads(store.read(JOURNAL)) if store.exists(JOURNAL) else []
    return names


def _concerned(dataset: Dataset, traces: Traces) -> Iterator[str]:
    """Names of the markers whose files hold something of a buried image."""
    store = dataset.store
    for generation in dataset.generations():
        for name in (sources_marker(generation), duplicates_marker(generation), patches_marker(generation)):
            marker = read_marker(store, name)
            if marker is not None and any(traces.holds(store, file.name) for file in marker.files):
                yield name
        for marker in dataset.image_markers(generation):
            if any(traces.holds(store, file.name) for file in marker.files):
                yield fetch_marker(marker.unit)
                if store.exists(patches_marker(generation)):
                    yield patches_marker(generation)  # it says where in the unit's tar the other images lie
    for marker in dataset.shard_markers():
        if any(traces.holds(store, file.name) for file in marker.files):
            yield f"{marker.unit}.json"


def _scrub_one(dataset: Dataset, marker_name: str, traces: Traces) -> None:
    if marker_name.startswith(f"{IMAGES}/"):
        _scrub_images(dataset.store, marker_name, traces.keys)
    elif marker_name.startswith(f"{PATCHES}/"):
        _scrub_shard(dataset.store, marker_name, traces.keys)
    else:  # after all image units, by the order of the names
        _scrub_plan(dataset, marker_name, traces)


# Plans: rows blanked in place, since row groups are units; tables of duplicates: rows dropped.


def _scrub_plan(dataset: Dataset, marker_name: str, traces: Traces) -> None:
    """Rewrites what one marker of a plan names and then the marker, whose counts tell of the plan as it was made."""
    store = dataset.store
    marker = read_marker(store, marker_name)
    if marker is None:
        return
    for file in marker.files:
        places = _new_places(dataset, file.name) if file.name.endswith("/patches.parquet") else {}
        _clean_file(store, file.name, traces, places)
    if marker_name.endswith("/sources.json"):
        _forget_hosts_of(store, marker)
    files = tuple(_as_published(store, file.name) for file in marker.files)
    store.write(marker_name, replace(marker, files=files).to_json())


def _new_places(dataset: Dataset, plan: str) -> dict[str, Row]:
    """Image key → where its bytes lie now, for the images of a shard plan whose tar was rewritten."""
    generation = int(plan.split("/")[1].removeprefix("g"))
    named = {tar for batch in dataset.image_rows_of(generation, ["tar"]) for tar in pc.unique(batch["tar"]).to_pylist()}
    with dataset.store.open(plan) as file:
        table = read_parquet(file, ["key", "tar"])
    known = pc.is_in(table["tar"], value_set=pa.array(sorted(named | {""}), pa.string()))
    keys = table.filter(pc.invert(known))["key"].combine_chunks()
    places: dict[str, Row] = {}
    for batch in dataset.image_rows_of(generation, _MEMBER) if len(keys) else ():
        places |= {row["key"]: row for row in batch.filter(pc.is_in(batch["key"], value_set=keys)).to_pylist()}
    return places


def _clean_file(store: Store, name: str, traces: Traces, places: Mapping[str, Row] = MappingProxyType({})) -> None:
    """Rewrites a table of a plan if it holds traces, or if images of it have new `places`."""
    if places or traces.holds(store, name):
        with store.spool() as spool:
            with store.open(name) as source:
                _write_cleaned(source, spool / "table.parquet", name, traces, places)
            store.put_file(spool / "table.parquet", name)


def _write_cleaned(source: Any, target: Path, name: str, traces: Traces, places: Mapping[str, Row]) -> None:
    """Writes a copy of a Parquet file without traces, row group for row group."""
    table = pq.ParquetFile(source)
    with pq.ParquetWriter(target, table.schema_arrow, compression="zstd") as writer:
        for group in range(table.num_row_groups):
            rows = traces.clean(name, table.read_row_group(group, use_threads=False))
            if places:
                moved = [row | places.get(row["key"], {}) for row in rows.to_pylist()]
                rows = pa.Table.from_pylist(moved, schema=rows.schema)
            writer.write_table(rows, row_group_size=max(1, rows.num_rows))


def _renew_root_duplicates(dataset: Dataset) -> None:
    """The table at the root is a copy of the newest generation's."""
    for generation in reversed(dataset.generations()):
        marker = read_marker(dataset.store, duplicates_marker(generation))
        table = marker.named(".parquet") if marker else None
        if table is not None:
            dataset.store.write(DUPLICATES, dataset.store.read(table.name))
            return


def _forget_hosts_of(store: Store, marker: Marker) -> None:
    """Takes hosts whose every image was buried out of a published plan's list of hosts."""
    names = [file.name for file in marker.files if file.name.endswith((".parquet", f"/{SUMMARY}"))]
    with store.spool() as spool:
        for name in names:
            if "/units-" in name or name.endswith((f"/{HOSTS}", f"/{SUMMARY}")):
                _download(store, name, spool / name.rpartition("/")[2])
        for changed in _forget_hosts(spool):
            store.put_file(changed, f"{names[0].rpartition('/')[0]}/{changed.name}")


def _forget_hosts(folder: Path) -> list[Path]:
    """Takes hosts that no planned row has any more out of a plan's list and summary; returns the changed files."""
    stay: set[str] = set()
    for path in sorted(folder.glob("units-*.parquet")):
        stay |= set(pc.unique(read_parquet(path, ["host"])["host"]).to_pylist())
    changed = []
    hosts = read_parquet(folder / HOSTS)
    left = hosts.filter(pc.is_in(hosts["host"], value_set=pa.array(sorted(stay), pa.string())))
    if left.num_rows < hosts.num_rows:
        pq.write_table(left, folder / HOSTS, compression="zstd")
        changed.append(folder / HOSTS)
    summary = json.loads((folder / SUMMARY).read_text(encoding="utf-8"))
    if summary["largest_host"] not in stay | {""}:
        summary["largest_host"] = ""
        (folder / SUMMARY).write_text(json.dumps(summary, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        changed.append(folder / SUMMARY)
    return changed


def _download(store: Store, name: str, target: Path) -> None:
    with store.open(name) as source, target.open("wb") as file:
        while chunk := source.read(_CHUNK):
            file.write(chunk)


def _as_published(store: Store, name: str) -> PublishedFile:
    """What a marker says of a file that is in place already."""
    hasher, nbytes = blake3(), 0
    with store.open(name) as file:
        while chunk := file.read(_CHUNK):
            hasher.update(chunk)
            nbytes += len(chunk)
    return PublishedFile(name, nbytes, hasher.hexdigest(16))


# Image units: new content gives new names; the old files are orphans once the new marker stands.


def _scrub_images(store: Store, marker_name: str, gone: Collection[str]) -> None:
    """A fetch unit without the images: their rows blank and rejected as `taken_down`, their bytes gone."""
    marker = read_marker(store, marker_name)
    table_file = marker.named(".parquet") if marker else None
    if marker is None or table_file is None:
        return
    with store.open(table_file.name) as file:
        table = read_parquet(file)
    rows: list[Row] = [taken_down_row(row) if row["key"] in gone and row["url"] else row for row in table.to_pylist()]
    with store.spool() as spool:
        files, kept_entry = _scrub_unit_tar(store, marker, rows, spool / "unit.tar")
        pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), spool / "unit.parquet", compression="zstd")
        name = f"{IMAGES}/{marker.unit}-{file_checksum(spool / 'unit.parquet')[:12]}.parquet"
        files.append((spool / "unit.parquet", name))
        _replace(store, marker_name, replace(marker, counts=unit_counts(rows)), files, kept_entry)


def _scrub_unit_tar(
    store: Store, marker: Marker, rows: list[Row], target: Path
) -> tuple[list[tuple[Path, str]], list[PublishedFile]]:
    """The unit's tar with the members that rows still name, which learn their new places; or the entry of a tar that
    the recipe has had removed."""
    old = marker.named(".tar")
    if old is None:
        return [], []
    if not store.exists(old.name):
        return [], [old]
    stay = {row["member"]: row for row in rows if row["tar"] == old.name}
    members = _copied(store, old.name, target, stay.__contains__)
    if not members:
        return [], []
    name = f"{IMAGES}/{marker.unit}-{file_checksum(target)[:12]}.tar"
    for member, row in stay.items():
        row |= {"tar": name, **asdict(members[member])}
    return [(target, name)], []


def _copied(store: Store, tar: str, target: Path, wanted: Callable[[str], bool]) -> dict[str, Member]:
    with store.open(tar) as source, ShardWriter(target) as shard:
        return copy_members(source, shard, wanted)


def _replace(
    store: Store,
    marker_name: str,
    marker: Marker,
    files: list[tuple[Path, str]],
    others: Iterable[PublishedFile] = (),
) -> None:
    """Puts files in place and then a marker that names them, in place of the one that stands."""
    entries = (*others, *(published(local, name) for local, name in files))
    for local, name in files:
        store.put_file(local, name)
    store.write(marker_name, replace(marker, files=entries).to_json())


# Shards: fixed names, so a tar, its table and its marker are replaced one after the other.


def _scrub_shard(store: Store, marker_name: str, gone: Collection[str]) -> None:
    """A shard without the images' patches, whose rows go as well. A shard left empty keeps table and marker, no tar."""
    marker = read_marker(store, marker_name)
    if marker is None:
        return
    tar, table_name = f"{marker.unit}.tar", f"{marker.unit}.parquet"
    with store.open(table_name) as file:
        table = read_parquet(file)
    rows: list[Row] = [row for row in table.to_pylist() if row["image_key"] not in gone]
    with store.spool() as spool:
        members: Mapping[str, Member] = {}
        if store.exists(tar):
            members = _copied(store, tar, spool / "shard.tar", lambda name: name[:24] not in gone)
        for row in rows:
            if row["kept"]:
                if row["member"] not in members:
                    raise DatasetError(f"{store.path(tar)} lacks {row['member']}; `million-ird verify` says what else")
                row |= asdict(members[row["member"]])
        pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), spool / "rows.parquet", compression="zstd")
        files = [(spool / "rows.parquet", table_name)]
        if members:
            files.insert(0, (spool / "shard.tar", tar))
        else:
            store.remove(tar)
        _replace(store, marker_name, replace(marker, counts=shard_counts(rows)), files)


def _remove_orphans(dataset: Dataset) -> None:
    """Removes files that no marker names: what the units' old markers named, and what killed attempts left.

    They hold bytes and rows of who knows which images. The lease keeps others from writing such files meanwhile.
    """
    store = dataset.store
    markers = [*dataset.image_markers(), *dataset.shard_markers()]
    for generation in dataset.generations():
        names = (sources_marker(generation), duplicates_marker(generation), patches_marker(generation))
        markers += [marker for name in names if (marker := read_marker(store, name)) is not None]
    named = {file.name for marker in markers for file in marker.files}
    for folder in (IMAGES, PATCHES, PLAN):
        for name in store.list(folder):
            if name.endswith((".tar", ".parquet", f"/{SUMMARY}")) and name not in named:
                store.remove(name)
