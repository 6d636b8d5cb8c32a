"""The one place where the order of the steps is written.

    plan → fetch and screen → deduplicate → plan shards → cut and pack → report

Each step asks first what stands already (its marker, or its units' markers), does the rest and publishes its own
marker last; so the whole is resumed by running it again.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow.compute as pc

from million_ird import __version__
from million_ird.card import dataset_card
from million_ird.contamination import BenchmarkTable
from million_ird.dataset import Dataset, open_dataset
from million_ird.errors import UsageError
from million_ird.examine import Examination
from million_ird.jpeg import find_cutter
from million_ird.layout import (
    CARD,
    DATASET,
    LOG,
    RECIPE,
    REPORT,
    duplicates_marker,
    fetch_unit_name,
    patches_marker,
    plan_folder,
    shard_stem,
    sources_marker,
)
from million_ird.markers import Marker, read_marker
from million_ird.progress import Progress
from million_ird.records import FORMAT_VERSION
from million_ird.store import Store
from million_ird.tombstones import read_tombstones
from pipelines.crashes import CrashJournal
from pipelines.cut import CutJob, cut_unit
from pipelines.deduplicate import deduplicate
from pipelines.estimate import estimate, to_text
from pipelines.executors.base import Executor
from pipelines.fetch import FetchJob, fetch_unit, give_up_unit
from pipelines.generations import plan_generation
from pipelines.http.hosts import HostLedger
from pipelines.http.shared_hosts import Hosts, LocalHosts, start_hosts_actor
from pipelines.lease import Lease
from pipelines.plan import read_shared_hosts
from pipelines.recipe import Recipe, recipe_from_dict
from pipelines.report import report
from pipelines.scoring import Score, make_score
from pipelines.scrub import end, is_interrupted, scrub
from pipelines.shard_plan import plan_shards, read_shard_plan

Say = Callable[[str], None]


@dataclass
class Run:
    """One build at work: where, what, with which hands."""

    store: Store
    recipe: Recipe
    executor: Executor
    lease: Lease
    say: Say
    given_up: list[str] = field(default_factory=list)
    """Units that died at every attempt; why is in `log/given-up/`."""

    def units(
        self,
        step: str,
        function: Any,
        job: Any,
        payloads: Mapping[str, Any],
        done: set[str],
        may_pass: Callable[[str], bool] = lambda name: False,
    ) -> list[str]:
        """Runs a step's unfinished units (name → payload); returns the names of those that were given up.

        A unit that died at every attempt gets another round of attempts while `may_pass(name)`.
        """
        names = {payload: name for name, payload in payloads.items()}
        progress = Progress(step, len(payloads), len(done & set(payloads)))
        lost = []
        todo = [payloads[name] for name in payloads if name not in done]
        while todo:
            again = []
            for outcome in self.executor.run(function, job, todo):
                self.lease.check()
                if not outcome.failure:
                    progress.advance(outcome.result)
                elif may_pass(names[outcome.payload]):
                    again.append(outcome.payload)
                else:
                    lost.append(names[outcome.payload])
                    self.store.write(f"{LOG}/given-up/{lost[-1].replace('/', '-')}.txt", outcome.failure.encode())
                    self.say(f"{step}: unit {lost[-1]} was given up; why: {self.store.path(LOG)}/given-up/")
            todo = again
        progress.close()
        self.given_up += lost
        return lost


def open_output(store: Store, recipe: Recipe) -> None:
    """Begins a dataset, or checks that the one there is built with this very recipe.

    Raises:
        UsageError: a dataset of another recipe is there; names what changed and what to do.
        DatasetError: a dataset of another format version is there.
    """
    head = {
        "format_version": FORMAT_VERSION,
        "name": recipe.name,
        "state": "building",
        "fingerprint": recipe.fingerprint,
        "recipe": recipe.resolved,
        "software": f"million-ird {__version__}",
    }
    if store.create(DATASET, to_json(head)):
        store.write(RECIPE, recipe.to_toml().encode())
        return
    dataset = open_dataset(store.url)
    info = dataset.info
    if not dataset.generations() and info["fingerprint"] != recipe.fingerprint:  # a wrong manifest, say: nothing begun
        store.write(DATASET, to_json(head))
        store.write(RECIPE, recipe.to_toml().encode())
        return
    if not store.exists(RECIPE):  # killed between the two
        store.write(RECIPE, recipe_from_dict(info["recipe"]).to_toml().encode())
    if info["fingerprint"] != recipe.fingerprint:
        changes = "\n  ".join(recipe.differences(info["recipe"]))
        raise UsageError(
            f"{store.url} was built with another recipe:\n  {changes}\n"
            f"Write the new one to another folder, or use `million-ird recut {store.url}` to change patch size, "
            "flatness or thresholds without downloading again."
        )


def build(run: Run) -> Dataset:
    """Runs every generation to its end, then writes the dataset's head, card and report.

    A generation left unfinished is finished first; then, if the manifests hold rows that were never planned, a new
    one is added. Settings in `run.recipe` must be those of the output (see `open_output`).
    """
    dataset = open_dataset(run.store.url)
    settle(run, dataset)
    generations = dataset.generations()
    for generation in generations:
        run_generation(run, dataset, generation)
    new = plan_generation(run.store, run.recipe, len(generations), run.say)
    if new is not None:
        run.say(to_text(estimate(new, run.recipe), run.recipe))
        run_generation(run, dataset, len(generations))
    return finish(run)


def settle(run: Run, dataset: Dataset) -> None:
    """Comes before any work on a dataset: finishes an interrupted takedown and removes notes of old failures."""
    if is_interrupted(run.store):
        run.say("finishing a takedown that was interrupted")
        scrub(dataset, read_tombstones(run.store).keys)
    for note in run.store.list(f"{LOG}/given-up"):
        run.store.remove(note)  # every unit gets a new chance


def run_generation(run: Run, dataset: Dataset, generation: int) -> None:
    """Everything after the plan of one generation: fetch, deduplicate, plan its shards, cut them."""
    plan = _standing(run, sources_marker(generation))
    first = plan.counts["first_unit"]
    names = {fetch_unit_name(generation, unit): unit for unit in range(first, first + plan.counts["units"])}
    fetched = {marker.unit for marker in dataset.image_markers(generation)}
    if set(names) - fetched:
        with run.store.spool() as scratch:
            crashes = CrashJournal(str(scratch))
            job = _fetch_job(run, generation, crashes)
            for name in run.units("fetch", fetch_unit, job, names, fetched, crashes.may_pass):
                give_up_unit(job, names[name])
    if not run.store.exists(duplicates_marker(generation)):
        deduplicate(run, dataset, generation)
    if not run.store.exists(patches_marker(generation)):
        if hint := find_cutter().hint:
            run.say(f"hint: {hint}")
        plan_shards(run.store, dataset, generation, run.recipe.patches, run.recipe.shards)
    _cut(run, dataset, generation)


def _fetch_job(run: Run, generation: int, crashes: CrashJournal) -> FetchJob:
    shared = read_shared_hosts(run.store, plan_folder(generation))
    return FetchJob(
        store=run.store,
        generation=generation,
        examination=examination(run.store, run.recipe, make_score(run.recipe.screens.learned, run.executor)),
        http=run.recipe.fetch,
        images=run.recipe.images,
        hosts=_hosts(run) if shared else None,
        shared_hosts=shared,
        crashes=crashes,
    )


def _hosts(run: Run) -> Hosts:
    """One ledger for all workers, so that politeness holds over all of them."""
    if run.executor.name == "ray":
        return start_hosts_actor(run.recipe.fetch)
    return LocalHosts(HostLedger(run.recipe.fetch))


def examination(store: Store, recipe: Recipe, score: Score | None = None) -> Examination:
    """What the recipe says about examining an image, with the tables it names loaded."""
    tombstones = read_tombstones(store, recipe.takedown.tombstones)
    benchmarks = BenchmarkTable.from_settings(recipe.contamination)
    return Examination(
        recipe.decode, recipe.screens, recipe.duplicates, recipe.contamination, benchmarks, tombstones, score
    )


def _cut(run: Run, dataset: Dataset, generation: int) -> None:
    _standing(run, patches_marker(generation))
    plan = f"{plan_folder(generation)}/patches.parquet"
    coders, shards = read_shard_plan(run.store, plan)
    units = {shard_stem(shard.encoding, shard.number): shard for shard in shards}
    done = {marker.unit for marker in dataset.shard_markers()}
    if set(units) - done:
        gone = frozenset(read_tombstones(run.store).keys)
        job = CutJob(run.store, plan, coders, run.recipe.decode, run.recipe.patches, gone)
        run.units("cut", cut_unit, job, units, done)


def _standing(run: Run, name: str) -> Marker:
    marker = read_marker(run.store, name)
    if marker is None:
        raise UsageError(f"{run.store.path(name)} has gone; has somebody removed files of this dataset?")
    return marker


def finish(run: Run) -> Dataset:
    """Writes `dataset.json` with its list of shards, the card and the report; returns the dataset as it stands."""
    dataset = open_dataset(run.store.url)
    if run.recipe.images.keep_images == "none" and not run.given_up:
        drop_images(dataset)
    conclude(run.store, run.recipe, "incomplete" if run.given_up else "complete")
    return open_dataset(run.store.url)


def conclude(store: Store, recipe: Recipe, state: str) -> None:
    """Writes the dataset's card, its report and last its head with this state, from what stands; ends a takedown.

    While a generation is not fetched to its end, the rows of a report cannot balance: then there is none.
    """
    dataset = open_dataset(store.url)
    store.write(CARD, card(dataset, recipe.patches.size).encode())
    if is_fetched(dataset):
        report(dataset)
    else:
        for name in store.list(REPORT):
            store.remove(name)
    shards = [
        {"tar": shard.tar, "encoding": shard.encoding, "patches": shard.patches, "bytes": shard.nbytes}
        for shard in dataset.shards()
        if shard.tar
    ]
    head = dataset.info | {"state": state, "shards": shards, "generations": len(dataset.generations())}
    store.write(DATASET, to_json(head))
    end(store)
    store.sweep()


def is_fetched(dataset: Dataset) -> bool:
    """Whether there is a plan, and every planned fetch unit of every generation is finished."""
    planned = {number: read_marker(dataset.store, sources_marker(number)) for number in dataset.generations()}
    return bool(planned) and all(
        plan and len(dataset.image_markers(number)) == plan.counts["units"] for number, plan in planned.items()
    )


def card(dataset: Dataset, size: int) -> str:
    """The dataset card, with patches counted by encoding, license and source."""
    counts: dict[str, Counter[str]] = {name: Counter() for name in ("encoding", "license", "source")}
    for batch in dataset.patch_rows(["kept", *counts]):
        kept = batch.filter(batch["kept"])
        for name, counter in counts.items():
            for entry in pc.value_counts(kept[name]).to_pylist():
                counter[entry["values"]] += entry["counts"]
    encodings, licenses, sources = counts.values()
    return dataset_card(
        dataset.info["name"], sorted(encodings), encodings, size, licenses, sources, dataset.info["fingerprint"]
    )


def drop_images(dataset: Dataset) -> None:
    """Removes the image tars of a finished dataset whose recipe keeps no images; the rows stay."""
    for marker in dataset.image_markers():
        for file in marker.files:
            if file.name.endswith(".tar"):
                dataset.store.remove(file.name)


def to_json(content: Mapping[str, Any]) -> bytes:
    """Canonical JSON: equal content gives equal bytes."""
    return (json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()
