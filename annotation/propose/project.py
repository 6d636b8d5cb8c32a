"""Proposals for a whole project: for every layer on which nobody has drawn."""

from __future__ import annotations

import fnmatch
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import cv2

from annotation.mask import pack_bits, unpack_bits
from annotation.project import Project, open_project
from annotation.propose.crew import Crew, Died
from annotation.propose.pair import propose_pair
from annotation.propose.single import propose_single
from annotation.records import Item, Layer
from annotation.store import ConflictError
from million_ird.errors import MillionIrdError, UsageError
from million_ird.progress import Progress


@dataclass(frozen=True, slots=True)
class Proposed:
    """A proposal on its way to the store: `packed` as by `annotation.mask.pack_bits`."""

    packed: bytes
    area: int
    confidence: float
    note: str
    is_registered: bool


@dataclass(frozen=True, slots=True)
class Failed:
    """Why there is none, in one line that names the item."""

    reason: str


@dataclass(frozen=True, slots=True)
class Row:
    """One stored proposal."""

    name: str
    confidence: float
    share: float
    note: str


@dataclass
class Summary:
    """What a run came to; every layer is in exactly one of `counts`."""

    counts: Counter[str] = field(default_factory=Counter)
    """By outcome: proposed, nothing found, has a proposal, drawn on, finished, drawn on meanwhile, failed."""
    rows: list[Row] = field(default_factory=list)
    """One for each stored proposal that is not empty."""
    failures: list[str] = field(default_factory=list)
    """One line for each item that none could be made for."""
    unregistered: int = 0
    """Pairs whose frames could not be laid on each other."""


@dataclass(frozen=True, slots=True)
class Task:
    """An item of a project, and its layers that want a proposal."""

    folder: Path
    item: Item
    layers: tuple[int, ...]


def propose_project(
    project: Project, names: Sequence[str] = (), again: bool = False, first_only: bool = False, processes: int = 1
) -> Summary:
    """Stores a proposal in every layer that shows nothing; a person's work is never touched.

    Args:
        project: an open one.
        names: items' names, or patterns with * and ?; all items unless given.
        again: replace the machine's own earlier proposals.
        first_only: leave second layers empty, so that second opinions stay independent.
        processes: how many compute at once.

    Raises:
        UsageError: no item has such a name. StoreError: the project cannot be written.
    """
    summary = Summary()
    tasks = _tasks(project, names, again, first_only, summary)
    progress = Progress("propose", len(tasks), unit="items")
    if tasks:
        for task, outcome in Crew(compute, processes).run(tasks):
            _keep(project, task, outcome, summary, progress)
        progress.close()
    return summary


def compute(task: Task) -> Proposed | Failed:
    """The proposal for one item, computed in a process of its own."""
    item = task.item
    try:
        pictures = _opened(task.folder).pictures
        blurred = pictures.pixels(item, "blurred")
        found = propose_pair(blurred, pictures.pixels(item, "sharp")) if item.is_pair else propose_single(blurred)
    except (MillionIrdError, cv2.error, MemoryError) as error:  # OpenCV says by its own error that memory is short
        reason = "there is too little memory for this picture" if isinstance(error, MemoryError) else str(error)
        reason = " ".join(reason.removeprefix(f"{item.name}: ").split())
        return Failed(f"{item.name}: {reason}")
    is_registered = found.registration is None or found.registration.trusted
    return Proposed(pack_bits(found.mask), int(found.mask.sum()), found.confidence, found.note, is_registered)


@lru_cache(maxsize=1)
def _opened(folder: Path) -> Project:
    """The project, once in each process."""
    return open_project(folder)


def _tasks(project: Project, names: Sequence[str], again: bool, first_only: bool, summary: Summary) -> list[Task]:
    """What is to be done; counts what is not."""
    found, chosen = [], list(_chosen(project, names))
    for item in chosen:
        layers = []
        for layer in project.store.layers(item.id):
            if first_only and layer.number > 1:
                continue
            reason = _why_not(project, layer, again)
            if reason:
                summary.counts[reason] += 1
            else:
                layers.append(layer.id)
        if layers:
            found.append(Task(project.folder, item, tuple(layers)))
    return found


def _chosen(project: Project, names: Sequence[str]) -> Iterator[Item]:
    """Items whose name is given or fits a pattern. `UsageError` for one that fits none."""
    unused = set(names)
    for item in project.store.every_item():
        fitting = {name for name in names if name == item.name or fnmatch.fnmatchcase(item.name, name)}
        unused -= fitting
        if fitting or not names:
            yield item
    if unused:
        missing = ", ".join(repr(name) for name in names if name in unused)
        raise UsageError(f"{project.folder} has no item named {missing}; `million-ird annotate status` counts them")


def _why_not(project: Project, layer: Layer, again: bool) -> str:
    """Why a layer gets no proposal, "" if it does."""
    if layer.state not in ("todo", "in_progress"):
        return "finished"
    if any(revision.kind not in ("empty", "proposal") for revision in project.store.history(layer.id)):
        return "drawn on"
    if layer.is_proposal and not again:
        return "has a proposal"
    return ""


def _keep(
    project: Project, task: Task, outcome: Proposed | Failed | Died, summary: Summary, progress: Progress
) -> None:
    """Stores what came of an item and counts it, once for each of its layers."""
    if isinstance(outcome, Died):
        outcome = Failed(f"{task.item.name}: its process was killed twice; most likely there is too little memory")
    if isinstance(outcome, Failed):
        summary.failures.append(outcome.reason)
        summary.counts["failed"] += len(task.layers)
        progress.line(outcome.reason)
        progress.advance({"failed": 1})
        return
    summary.unregistered += not outcome.is_registered
    mask = unpack_bits(outcome.packed, task.item.width, task.item.height)
    for layer in task.layers:
        try:
            project.store.add_proposal(layer, mask, outcome.confidence, outcome.note)
        except ConflictError:
            summary.counts["drawn on meanwhile"] += 1
            continue
        summary.counts["proposed" if outcome.area else "nothing found"] += 1
        if outcome.area:
            share = outcome.area / (task.item.width * task.item.height)
            summary.rows.append(Row(task.item.name, outcome.confidence, share, outcome.note))
    progress.advance({"proposals": 1})
