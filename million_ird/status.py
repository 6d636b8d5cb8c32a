"""What of a dataset is done: read from markers alone, so it may be asked while a build is running."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from million_ird.dataset import Dataset
from million_ird.layout import LOG, duplicates_marker, patches_marker, sources_marker
from million_ird.markers import Marker, read_marker


@dataclass(frozen=True, slots=True)
class Step:
    """One step of one generation: finished and planned units (planned is None while that is not known yet)."""

    name: str
    done: int
    planned: int | None
    counts: dict[str, int]


@dataclass(frozen=True, slots=True)
class Status:
    """The state of a dataset: `building`, `complete` or `incomplete` (some units were given up), and its steps."""

    state: str
    generations: tuple[tuple[Step, ...], ...]
    given_up: tuple[str, ...]


def read_status(dataset: Dataset) -> Status:
    """Reads every marker once."""
    generations = tuple(_generation(dataset, number) for number in dataset.generations())
    return Status(dataset.info["state"], generations, tuple(dataset.store.list(f"{LOG}/given-up")))


def render(status: Status) -> str:
    """The status as a few lines for a terminal."""
    lines = [f"state: {status.state}"]
    for number, steps in enumerate(status.generations):
        lines.append(f"generation {number}")
        for step in steps:
            planned = "?" if step.planned is None else f"{step.planned:,}"
            counts = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in step.counts.items())
            lines.append(f"  {step.name:<12} {step.done:>6,} of {planned:>6} units   {counts}")
    if status.given_up:
        lines.append(f"given up: {len(status.given_up)} units; why: {status.given_up[0].rpartition('/')[0]}/")
    return "\n".join(lines)


def _generation(dataset: Dataset, number: int) -> tuple[Step, ...]:
    plan = read_marker(dataset.store, sources_marker(number))
    fetched = dataset.image_markers(number)
    unique = read_marker(dataset.store, duplicates_marker(number))
    shards = read_marker(dataset.store, patches_marker(number))
    cut = [marker for marker in dataset.shard_markers() if shards is not None and _belongs(marker.unit, shards.counts)]
    return (
        Step("plan", int(plan is not None), 1, _totals([plan])),
        Step("fetch", len(fetched), plan.counts["units"] if plan else None, _totals(fetched)),
        Step("deduplicate", int(unique is not None), 1, _totals([unique])),
        Step("plan shards", int(shards is not None), 1, _totals([shards])),
        Step("cut", len(cut), shards.counts["units"] if shards else None, _totals(cut)),
    )


def _belongs(unit: str, counts: Mapping[str, int]) -> bool:
    """Whether a shard (its marker's unit, `patches/jpg/00003`) is among those that a shard plan counts."""
    _, encoding, number = unit.split("/")
    first = counts.get(f"{encoding}_first", 0)
    return first <= int(number) < first + counts.get(f"{encoding}_units", 0)


def _totals(markers: Iterable[Marker | None]) -> dict[str, int]:
    """The sums of what the markers count; numbers of units and of single reasons are left out."""
    totals: Counter[str] = Counter()
    for marker in markers:
        if marker is not None:
            totals.update(marker.counts)
    return {name: count for name, count in totals.items() if name not in ("units", "first_unit") and "_" not in name}
