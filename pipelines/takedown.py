"""Taking pictures out of a dataset for good: their bytes, patches, rows, and every copy the deduplication knew.

Tombstones are written first, so that no build brings a picture back whatever happens next; then every file that holds
something of it is rewritten (see `scrub`), and the dataset's head, card and report are made anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import reduce

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from million_ird.dataset import Dataset, Row, open_dataset
from million_ird.errors import UsageError
from million_ird.layout import TOMBSTONES
from million_ird.records import TOMBSTONE_SCHEMA, image_key, normalise_url
from million_ird.shards import locate
from million_ird.store import Store
from million_ird.tombstones import Tombstones, read_tombstones
from pipelines.build import Say, conclude
from pipelines.executors.base import ExecutionSettings
from pipelines.lease import Lease
from pipelines.recipe import recipe_from_dict
from pipelines.scrub import begin, is_interrupted, scrub
from pipelines.traces import planned_rows

_WANTED_COLUMNS = ("url", "final_url", "host", "license", "sha256", "manifest_sha256")
_HASHES = ("sha256", "pixel_hash", "phash")
_IN_CLUSTER = ("key", "keeper", "cluster")
_NO_PICTURE = ("", "html", "text", "empty", "unknown")
"""Formats of bytes that are no picture: an error page that many URLs give must not be buried with one of them."""

_NEAR_LIMIT = 100
"""Most images whose perceptual hashes are compared with all others: 100 against 2 million take three minutes."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to take down: whatever matches one of these. An empty one matches nothing."""

    url: str = ""
    """As it stands in the manifest, in any spelling that means the same, or where it redirected to."""
    host: str = ""
    license: str = ""
    sha256: str = ""
    key: str = ""
    """An image key or a patch key."""

    def __str__(self) -> str:
        return " and ".join(f"{name} {value}" for name, value in self._given().items())

    def _given(self) -> dict[str, str]:
        pairs = {name: getattr(self, name) for name in ("url", "host", "license", "sha256", "key")}
        return {name: value for name, value in pairs.items() if value}

    @property
    def image_keys(self) -> set[str]:
        """The image keys that follow from what is given, without looking at any row."""
        keys = {self.key.split("-")[0]} if self.key else set()
        return keys | {image_key(spelling) for spelling in self._spellings()}

    def matches(self, rows: pa.RecordBatch) -> pa.Array:
        """Which rows of an image table or a plan are meant: a boolean for each."""
        values = {
            "url": self._spellings(),
            "final_url": self._spellings(),
            "host": {self.host.lower()},
            "license": {self.license},
            "sha256": {self.sha256.lower()},
            "manifest_sha256": {self.sha256.lower()},
        }
        hits = pc.is_in(rows["key"], value_set=pa.array(sorted(self.image_keys), pa.string()))
        for name, accepted in values.items():
            if name in rows.schema.names and accepted - {""}:
                hits = pc.or_(hits, pc.is_in(rows[name], value_set=pa.array(sorted(accepted - {""}), pa.string())))
        return hits

    def _spellings(self) -> set[str]:
        try:
            return {self.url, normalise_url(self.url)} - {""}
        except ValueError:  # the path of a local image
            return {self.url} - {""}


@dataclass(frozen=True)
class Found:
    """What a takedown would take."""

    named: frozenset[str]
    """Keys of the images that were asked for."""
    rows: dict[str, Row] = field(default_factory=dict)
    """Key → hashes and whereabouts, of those and all their copies; empty values for images not fetched yet."""
    patches: int = 0
    """Kept patches of these images."""
    elsewhere: frozenset[str] = frozenset()
    """Other datasets (a re-cut refers to them) that hold the bytes."""

    @property
    def copies(self) -> int:
        """Images that are taken along because they show the same picture."""
        return len(self.rows) - len(self.named)


def run_takedown(url: str, wanted: Wanted, reason: str, only_say: bool, say: Say) -> int:
    """The verb `takedown`: finds, says what will go and takes it down; returns the exit code.

    0 if what was asked for is gone now, also if it was before; 1 if nothing matches.
    """
    if not str(wanted):
        raise UsageError("--url, --host, --license, --sha256 or --key was given without a value")
    dataset = open_dataset(url)
    if only_say:
        found = find(dataset, wanted)
        print(_what(dataset, wanted, found) + "; --dry-run: nothing was changed" * bool(found.rows))
        return 0 if found.rows or is_buried(dataset, wanted) else 1
    with Lease(dataset.store, ExecutionSettings().lease_s, say):
        dataset.store.sweep()
        found = find(dataset, wanted)
        print(_what(dataset, wanted, found), flush=True)
        if found.rows or is_interrupted(dataset.store):
            changed = take_down(dataset, found, reason, say)
            print(f"taken down: {_count(changed, 'unit', 'units')} rewritten, {_check(dataset)}")
    for home in sorted(found.elsewhere):
        print(
            f"the bytes are also in {home}, which this dataset was cut from: take them down there as well, and then "
            "run the recut again, which finds the bytes of the other images anew"
        )
    return 0 if found.rows or is_buried(dataset, wanted) else 1


def _what(dataset: Dataset, wanted: Wanted, found: Found) -> str:
    """One line: what will go, or why nothing will."""
    if found.rows:
        copies = f" and {_count(found.copies, 'copy', 'copies')}" if found.copies else ""
        return f"{wanted}: {_count(len(found.named), 'image', 'images')}{copies}, with {found.patches:,} kept patches"
    if is_buried(dataset, wanted):
        half = is_interrupted(dataset.store)
        return f"{wanted} was taken down before{', but not to the end: finishing it' if half else ': nothing to do'}"
    buried = len(read_tombstones(dataset.store))
    note = f" ({buried:,} taken down before; nothing but hashes is left of those)" if buried else ""
    return f"nothing in {dataset.url} matches {wanted}{note}"


def _count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"


def _check(dataset: Dataset) -> str:
    return (
        f"{_count(len(read_tombstones(dataset.store)), 'tombstone', 'tombstones')} in {dataset.store.path(TOMBSTONES)}"
    )


def find(dataset: Dataset, wanted: Wanted) -> Found:
    """Looks for the images that are meant and all their copies: the duplicate cluster, equal bytes, equal pixels.

    Images that were taken down already are not found again.
    """
    buried = read_tombstones(dataset.store).keys
    named = {key for batch in _everything(dataset) for key in batch.filter(wanted.matches(batch))["key"].to_pylist()}
    named -= buried
    if not named:
        return Found(frozenset())
    rows = _with_copies(dataset, named, buried)
    return Found(frozenset(named), rows, _patches(dataset, rows), _elsewhere(dataset.store, rows))


def is_buried(dataset: Dataset, wanted: Wanted) -> bool:
    """Whether what is asked for was taken down already, as far as tombstones can tell: a host or license is gone."""
    tombstones = read_tombstones(dataset.store)
    by_hash = bool(wanted.sha256) and wanted.sha256.lower() in tombstones.table["sha256"].to_pylist()
    return by_hash or bool(wanted.image_keys & tombstones.keys)


def take_down(dataset: Dataset, found: Found, reason: str, say: Say) -> int:
    """Takes the images out of the dataset and ends any takedown that was interrupted; returns how many units changed.

    The caller holds the lease.
    """
    store = dataset.store
    if not found.rows:
        say("finishing a takedown that was interrupted")
        return finish(dataset)
    begin(store)
    _bury(store, found, reason)
    say(f"{_count(len(found.rows), 'image is', 'images are')} buried; rewriting the files that hold something of them")
    return finish(dataset)


def finish(dataset: Dataset) -> int:
    """Removes what is left of all buried images and writes head, card and report anew."""
    changed = scrub(dataset, read_tombstones(dataset.store).keys)
    conclude(dataset.store, recipe_from_dict(dataset.recipe), open_dataset(dataset.url).info["state"])
    return len(changed)


def _everything(dataset: Dataset) -> Iterator[pa.RecordBatch]:
    """Rows of all images of all generations, superseded and not yet fetched ones among them."""
    for generation in dataset.generations():
        yield from dataset.image_rows_of(generation, _WANTED_COLUMNS)
        columns = ["key", "url", "host", "license", "manifest_sha256"]
        yield from planned_rows(dataset.store, generation, columns)


def _with_copies(dataset: Dataset, named: set[str], buried: set[str]) -> dict[str, Row]:
    """The rows of the named images and of their copies, and of the copies' copies."""
    keys: set[str] = set()
    grown = set(named)
    while grown > keys:
        keys = set(grown)
        hit = {row["cluster"] for batch in _cluster_rows(dataset, keys, _IN_CLUSTER) for row in batch.to_pylist()}
        for batch in _cluster_rows(dataset, hit, ("cluster",)):
            grown |= {key for row in batch.to_pylist() for key in row.values()}
        grown |= _same_picture(dataset, grown)
    rows = {key: {"key": key, "tar": "", "sha256": "", "pixel_hash": "", "phash": b""} for key in keys - buried}
    for batch in _hash_rows(dataset):
        for row in _filtered(batch, keys).to_pylist():
            if row["sha256"] and row["format"] not in _NO_PICTURE:
                rows[row["key"]] = row
    return rows


def _cluster_rows(dataset: Dataset, keys: set[str], columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """The keys of duplicates, keepers and clusters, of the clusters in which one of `keys` stands in a column."""
    wanted = pa.array(sorted(keys), pa.string())
    for batch in dataset.duplicate_rows([*_IN_CLUSTER, "kind"]):
        is_duplicate = pc.and_(pc.not_equal(batch["kind"], "benchmark"), pc.not_equal(batch["cluster"], ""))
        hits = [pc.is_in(batch[name], value_set=wanted) for name in columns]
        yield batch.select(_IN_CLUSTER).filter(pc.and_(is_duplicate, reduce(pc.or_, hits)))


def _same_picture(dataset: Dataset, keys: set[str]) -> set[str]:
    """Keys of all images that a later build would take for one of these: equal bytes, pixels or (nearly) hash.

    Where many go at once, only equal ones are looked for: the near ones are in the clusters of the deduplication.
    """
    known = [row for batch in _hash_rows(dataset) for row in _filtered(batch, keys).to_pylist()]
    known = [row for row in known if row["format"] not in _NO_PICTURE]
    accepted = {row[name] for row in known for name in ("sha256", "pixel_hash")} - {""}
    hashes = pa.array(sorted(accepted), pa.string())
    tombstones = Tombstones(pa.Table.from_pylist(known, schema=TOMBSTONE_SCHEMA)) if len(known) <= _NEAR_LIMIT else None
    same: set[str] = set()
    for batch in _hash_rows(dataset):
        hits = pc.or_(*(pc.is_in(batch[name], value_set=hashes) for name in ("sha256", "pixel_hash")))
        same |= set(batch.filter(hits)["key"].to_pylist())
        kept = batch.filter(batch["kept"])
        if tombstones is not None and kept.num_rows:
            phashes = np.frombuffer(b"".join(kept["phash"].to_pylist()), np.uint8).reshape(kept.num_rows, -1)
            same |= set(kept.filter(pa.array(tombstones.near(phashes)))["key"].to_pylist())
    return same


def _hash_rows(dataset: Dataset) -> Iterator[pa.RecordBatch]:
    for generation in dataset.generations():
        yield from dataset.image_rows_of(generation, [*_HASHES, "format", "kept", "tar"])


def _filtered(batch: pa.RecordBatch, keys: set[str]) -> pa.RecordBatch:
    return batch.filter(pc.is_in(batch["key"], value_set=pa.array(sorted(keys), pa.string())))


def _patches(dataset: Dataset, rows: dict[str, Row]) -> int:
    keys = pa.array(sorted(rows), pa.string())
    return sum(
        pc.sum(pc.and_(batch["kept"], pc.is_in(batch["image_key"], value_set=keys))).as_py() or 0
        for batch in dataset.patch_rows(["image_key", "kept"])
    )


def _elsewhere(store: Store, rows: dict[str, Row]) -> frozenset[str]:
    """The roots of other datasets that the rows' bytes lie in."""
    homes = {locate(store, row["tar"])[0].url for row in rows.values() if row["tar"]}
    return frozenset(home.removesuffix("/images") for home in homes - {store.url})


def _bury(store: Store, found: Found, reason: str) -> None:
    """Adds tombstones; those that stand stay as they are."""
    old = read_tombstones(store)
    names = TOMBSTONE_SCHEMA.names
    fresh = [{**row, "phash": row["phash"] or b"", "reason": reason} for row in found.rows.values()]
    fresh = [{name: row[name] for name in names} for row in fresh if row["key"] not in old.keys]
    table = pa.concat_tables([old.table, pa.Table.from_pylist(fresh, schema=TOMBSTONE_SCHEMA)])
    store.write(TOMBSTONES, Tombstones(table).to_parquet())
