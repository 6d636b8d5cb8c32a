"""Trying failed downloads again: those whose reason may pass become a new generation."""

from __future__ import annotations

from dataclasses import dataclass

from million_ird.dataset import Dataset, open_dataset
from million_ird.errors import UsageError
from million_ird.layout import DATASET, sources_marker
from million_ird.markers import read_marker
from million_ird.status import read_status
from pipelines.build import Run, finish, run_generation, settle, to_json
from pipelines.generations import RETRIED, plan_retry
from pipelines.recipe import PACE, Recipe, recipe_with


@dataclass(frozen=True, slots=True)
class Retried:
    """How a retry went: images tried again, those of them that came, and those that the screens kept."""

    tried: int
    came: int
    kept: int

    def __str__(self) -> str:
        failed = self.tried - self.came
        noun = "image" if self.tried == 1 else "images"
        return f"{self.tried:,} {noun} tried again: {self.came:,} came ({self.kept:,} kept), {failed:,} failed again"


def retry_recipe(dataset: Dataset, overrides: list[str]) -> Recipe:
    """The dataset's recipe with more patience.

    Raises:
        UsageError: an override changes more than the pace of the downloads; names it.
    """
    recipe = recipe_with(dataset.recipe, overrides)
    changes = recipe.differences(dataset.recipe)
    if changes:
        raise UsageError(
            "retry-failed can change how patiently an answer is awaited, not what the dataset is:\n  "
            + "\n  ".join(changes)
            + f"\nWhat may be set: {', '.join(PACE)}, execution.*"
        )
    return recipe


def retry_failed(run: Run) -> Retried | None:
    """Fetches again what failed for a reason that may pass; None if nothing did.

    An unfinished build is finished first. A retry that was interrupted is finished and not followed by another.
    """
    dataset = open_dataset(run.store.url)
    settle(run, dataset)
    numbers = dataset.generations()
    is_pending = bool(numbers) and _is_pending(dataset, numbers[-1])
    for number in numbers:
        run_generation(run, dataset, number)
    if not is_pending:
        if plan_retry(dataset, run.recipe) is None:
            if dataset.info["state"] == "building":
                finish(run)
            return None
        numbers.append(len(numbers))
        run.store.write(DATASET, to_json(dataset.info | {"state": "building"}))
        run_generation(run, dataset, numbers[-1])
    finish(run)
    markers = dataset.image_markers(numbers[-1])
    return Retried(*(sum(marker.counts[name] for marker in markers) for name in ("rows", "fetched", "kept")))


def _is_pending(dataset: Dataset, generation: int) -> bool:
    """Whether a generation is a retry that did not come to its end."""
    marker = read_marker(dataset.store, sources_marker(generation))
    if marker is None or marker.named(f"/{RETRIED}") is None:
        return False
    steps = read_status(dataset).generations[-1]
    return dataset.info["state"] == "building" or any(step.done != step.planned for step in steps)
