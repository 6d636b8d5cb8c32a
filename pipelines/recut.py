"""Cutting again with other settings, into another place, from the images already fetched: nothing is downloaded.

The new dataset gets the old one's plans and, for every fetch unit, a table whose rows are judged anew from the measures
that are stored; its `tar` column refers to the old dataset's bytes. From there on it is an ordinary build.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from million_ird.dataset import Dataset, Row, open_dataset
from million_ird.errors import DatasetError, UsageError
from million_ird.examine import taken_down_row
from million_ird.layout import DATASET, IMAGES, TOMBSTONES, fetch_marker, patches_marker, sources_marker
from million_ird.markers import Marker, publish, published, read_marker
from million_ird.records import image_schema
from million_ird.screens import Interval, ScreenSettings, judge
from million_ird.shards import file_checksum, locate
from million_ird.store import Store
from million_ird.tables import read_parquet
from million_ird.tombstones import Tombstones, read_tombstones
from pipelines.build import Run, finish, is_fetched, run_generation, settle, to_json
from pipelines.fetch import unit_counts
from pipelines.recipe import Recipe, load_recipe, recipe_with
from pipelines.scrub import begin, is_interrupted, scrub

CHANGEABLE = ("name", "patches", "shards", "duplicates", "screens.keep", "takedown")
"""Settings that a re-cut may change; all others decide what is fetched and measured."""
ORIGIN = "recut_of"
"""Where `dataset.json` of a re-cut says which dataset holds its images."""


@dataclass(frozen=True)
class JudgeJob:
    """What all units share: from where, to where, and what judges."""

    old: Store
    store: Store
    screens: ScreenSettings
    tombstones: Tombstones


def recut_recipe(old: Dataset, path: str, overrides: Iterable[str]) -> Recipe:
    """The old dataset's recipe with overrides, or the recipe file at `path` with them, checked to be a mere re-cut.

    Raises:
        UsageError: it changes what only another download or measurement could; names the settings.
    """
    recipe = load_recipe(path, overrides) if path else recipe_with(old.recipe, overrides)
    changes = [line for line in recipe.differences(old.recipe) if not _is_changeable(line)]
    unmeasured = sorted(set(recipe.screens.columns()) - set(recipe_with(old.recipe).screens.columns()))
    if unmeasured:
        raise UsageError(
            f"screens.keep: {', '.join(unmeasured)} was not measured for {old.url}, so nothing can be judged "
            "by it; build anew into another folder"
        )
    if changes:
        raise UsageError(
            "a re-cut cannot change\n  "
            + "\n  ".join(changes)
            + f"\nbecause these decide what was fetched and measured "
            f"for {old.url}; build anew into another folder (it may change {', '.join(CHANGEABLE)})"
        )
    return recipe


def _is_changeable(line: str) -> bool:
    name = line.split(":")[0]
    return any(name == allowed or name.startswith(f"{allowed}.") for allowed in CHANGEABLE)


def check_source(old: Dataset, recipe: Recipe, out: str) -> None:
    """Checks, before anything is written, that the old dataset is whole and has the bytes that the recipe needs.

    Raises:
        UsageError: `out` is the old dataset itself.
        DatasetError: the old dataset is unfinished, or bytes were not kept; says how many, and what would have helped.
    """
    if Store(out).url == old.url:
        raise UsageError(f"--out is the dataset itself; a re-cut of {old.url} goes to another place")
    if is_interrupted(old.store):
        raise DatasetError(f"a takedown of {old.url} was interrupted: run it (or the build) again first")
    if not is_fetched(old):
        raise DatasetError(f"{old.url} is not fetched to its end: run `million-ird build` again first")
    wanted, lacking, rejected = _bytes_needed(old, recipe)
    if lacking:
        setting = old.recipe["images"]["keep_images"]
        raise DatasetError(
            f"{lacking:,} of {wanted:,} images that these settings keep have no bytes any more in {old.url}, which was "
            f'built with images.keep_images = "{setting}"; "{"all" if rejected else "kept"}" would have kept them. '
            "Nothing was written."
        )


def _bytes_needed(old: Dataset, recipe: Recipe) -> tuple[int, int, int]:
    """How many images the recipe keeps, how many of them have no bytes, and how many of those were rejected before."""
    wanted = lacking = rejected = 0
    there: dict[str, bool] = {"": False}
    tombstones = read_tombstones(old.store, recipe.takedown.tombstones)
    columns = ["key", "kept", "step", "reason", "tar", *recipe.screens.intervals]
    for generation in old.generations():
        for batch in old.image_rows_of(generation, columns):
            keeps = batch.filter(_passes(batch, recipe.screens.intervals))
            for row in keeps.select(["key", "kept", "tar"]).to_pylist():
                if row["key"] in tombstones.keys:
                    continue
                tar = row["tar"]
                if tar not in there:
                    home, name = locate(old.store, tar)
                    there[tar] = home.exists(name)
                wanted, lacking = wanted + 1, lacking + (not there[tar])
                rejected += not there[tar] and not row["kept"]
    return wanted, lacking, rejected


def _passes(rows: pa.RecordBatch, intervals: Mapping[str, Interval]) -> pa.Array:
    """Which rows the intervals keep, of those that only a screen can have rejected."""
    passes = pc.and_(
        pc.is_in(rows["step"], value_set=pa.array(["", "screen"])), pc.not_equal(rows["reason"], "taken_down")
    )
    for name, (low, high) in intervals.items():
        if name not in rows.schema.names:  # an open interval needs no measure
            continue
        inside = pc.and_(pc.greater_equal(rows[name], low), pc.less_equal(rows[name], high))
        passes = pc.and_(passes, pc.fill_null(inside, True))
    return passes


def recut(run: Run, old: Dataset) -> Dataset:
    """Cuts the images of `old` into the dataset of `run`; resumed by running it again.

    Raises:
        UsageError: what is in the new place was not cut from `old`.
    """
    dataset = _begin(run.store, old)
    tombstones = _carry_tombstones(run, dataset, old)
    job = JudgeJob(old.store, run.store, run.recipe.screens, tombstones)
    for generation in old.generations():
        _copy_plan(old.store, run.store, generation)
        _judge(run, dataset, old, generation, job)
        run_generation(run, dataset, generation)
    return finish(run)


def _judge(run: Run, dataset: Dataset, old: Dataset, generation: int, job: JudgeJob) -> None:
    """Judges a generation's units, and those again whose bytes a takedown in the old dataset has moved."""
    units = {marker.unit: marker.unit for marker in old.image_markers(generation)}
    done = {marker.unit for marker in dataset.image_markers(generation)}
    moved = {unit for unit in done & set(units) if _is_moved(job, unit)}
    if moved:
        begin(run.store, [patches_marker(generation)])
    if set(units) - (done - moved):
        lost = run.units("judge", judge_unit, job, units, done - moved)
        if lost:
            raise DatasetError(f"{len(lost)} units could not be judged; run the same command again")
    if moved:
        scrub(dataset, read_tombstones(run.store).keys)


def _is_moved(job: JudgeJob, unit: str) -> bool:
    """Whether a unit's rows refer to tars that the old dataset's rows do not name any more."""
    there = {_absolute(job.old, tar) for tar in _tars(job.old, unit)}
    return bool(_tars(job.store, unit) - there - {""})


def _tars(store: Store, unit: str) -> set[str]:
    with store.open(_table_of(store, unit)) as file:
        return set(read_parquet(file, ["tar"])["tar"].to_pylist())


def _table_of(store: Store, unit: str) -> str:
    marker = read_marker(store, fetch_marker(unit))
    table = marker.named(".parquet") if marker else None
    if table is None:
        raise DatasetError(f"{store.path(fetch_marker(unit))} has gone while it was read")
    return table.name


def _begin(store: Store, old: Dataset) -> Dataset:
    """The new dataset, which says from now on where its images are."""
    dataset = open_dataset(store.url)
    origin = dataset.info.get(ORIGIN, "" if dataset.generations() else old.url)
    if origin != old.url:
        came = f"was cut from {origin}" if origin else "was built, not cut from another dataset"
        raise UsageError(f"{store.url} {came}; choose another --out to cut {old.url}")
    if ORIGIN not in dataset.info:
        store.write(DATASET, to_json(dataset.info | {ORIGIN: origin}))
    return open_dataset(store.url)


def _carry_tombstones(run: Run, dataset: Dataset, old: Dataset) -> Tombstones:
    """The tombstones of both datasets, put at the new one's root; what they bury of it already is removed."""
    own, others = read_tombstones(run.store), read_tombstones(old.store)
    fresh = others.table.filter(pc.invert(pc.is_in(others.table["key"], value_set=own.table["key"].combine_chunks())))
    if fresh.num_rows:
        if dataset.generations():
            begin(run.store)
        run.store.write(TOMBSTONES, Tombstones(pa.concat_tables([own.table, fresh])).to_parquet())
    settle(run, dataset)
    return read_tombstones(run.store, run.recipe.takedown.tombstones)


def _copy_plan(old: Store, new: Store, generation: int) -> None:
    """Copies the planned rows of a generation, marker last."""
    name = sources_marker(generation)
    marker = read_marker(old, name)
    if marker is None or new.exists(name):
        return
    for file in marker.files:
        with new.spool() as spool:
            with old.open(file.name) as source, (spool / "file").open("wb") as copy:
                while chunk := source.read(1 << 22):
                    copy.write(chunk)
            new.put_file(spool / "file", file.name)
    new.create(name, marker.to_json())


def judge_unit(job: JudgeJob, unit: str) -> Mapping[str, int]:
    """Publishes a fetch unit of the new dataset: the old unit's rows, judged anew; returns its counts."""
    name = fetch_marker(unit)
    done = read_marker(job.store, name)
    if done is not None and not _is_moved(job, unit):
        return done.counts
    with job.old.open(_table_of(job.old, unit)) as file:
        rows = [judged(row, job) for row in read_parquet(file).to_pylist()]
    with job.store.spool() as spool:
        path = spool / "unit.parquet"
        schema = image_schema(job.screens.columns())
        pq.write_table(pa.Table.from_pylist(rows, schema=schema), path, compression="zstd")
        table, counts = f"{IMAGES}/{unit}-{file_checksum(path)[:12]}.parquet", unit_counts(rows)
        if done is None:
            return publish(job.store, name, unit, [(path, table)], counts).counts
        fresh = Marker(unit, (published(path, table),), counts)
        job.store.put_file(path, table)
        job.store.write(name, fresh.to_json())
    return counts


def judged(row: Row, job: JudgeJob) -> Row:
    """A row as the new dataset has it. What fetch and decode rejected, and what was taken down, stays as it is."""
    if row["key"] in job.tombstones.keys:
        return taken_down_row(row)
    row = {**row, "tar": _absolute(job.old, row["tar"])}
    if row["step"] not in ("", "screen") or row["reason"] == "taken_down":
        return row
    gone = job.tombstones.find(row["key"], row["sha256"], row["pixel_hash"], row["phash"] or b"")
    verdict = gone or judge(row, job.screens.intervals)
    if gone is not None:
        row |= {"thumbnail": None, "tar": "", "member": "", "offset": None, "size": None, "checksum": ""}
    if verdict is None:
        return row | {"kept": True, "step": "", "reason": "", "measured": None, "detail": ""}
    said = {"step": verdict.step, "reason": verdict.reason, "measured": verdict.measured, "detail": verdict.detail}
    return row | {"kept": False, **said}


def _absolute(store: Store, tar: str) -> str:
    return tar if not tar or "://" in tar or tar.startswith("/") else f"{store.url}/{tar}"
