"""Verifies a dataset unit by unit, on as many workers as there are."""

from __future__ import annotations

from collections.abc import Callable

from million_ird.dataset import Dataset
from million_ird.progress import Progress
from million_ird.store import Store
from million_ird.verify import Checked, Problem, check_unit, check_whole, unit_markers
from pipelines.executors.base import Executor


def verify(dataset: Dataset, executor: Executor, say: Callable[[str], None]) -> tuple[int, int, list[Problem]]:
    """Checks everything; returns how many files and members were looked at, and what is wrong."""
    markers = unit_markers(dataset)
    images_kept = dataset.recipe["images"]["keep_images"] != "none"
    progress = Progress("verify", len(markers))
    files = members = 0
    problems: list[Problem] = []
    for outcome in executor.run(_check, (dataset.store, images_kept), markers):
        if outcome.failure:
            problems.append(Problem(outcome.payload, f"cannot be checked: {outcome.failure.splitlines()[-1]}"))
            continue
        files, members = files + outcome.result.files, members + outcome.result.members
        problems += outcome.result.problems
        progress.advance({"members": outcome.result.members})
    progress.close()
    say("comparing the units with each other")
    problems += check_whole(dataset)
    return files, members, sorted(problems, key=str)


def _check(job: tuple[Store, bool], marker: str) -> Checked:
    store, images_kept = job
    return check_unit(store, marker, images_kept)
