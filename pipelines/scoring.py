"""Where learned screens run: one actor per GPU of the Ray cluster, or else within each worker, on its core."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.executors.base import Executor
from pipelines.learned import LearnedScreens

Scores = dict[str, float | None]
Score = Callable[[NDArray[np.uint8]], Scores]
"""Photograph (H, W, 3) uint8 RGB → column `learned_<name>` → score."""


class ScoreHere:
    """Scores in the calling process; picklable, the networks are loaded once in each process that calls."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = tuple(names)

    def __call__(self, rgb: NDArray[np.uint8]) -> Scores:
        return _loaded(self._names).score(rgb)


class ScoreOnGpus:
    """Scores on Ray actors, one per GPU, in turn; picklable."""

    def __init__(self, actors: Sequence[Any]) -> None:
        self._actors = tuple(actors)
        self._turn = itertools.count()

    def __call__(self, rgb: NDArray[np.uint8]) -> Scores:
        import ray

        scores: Scores = ray.get(self._actors[next(self._turn) % len(self._actors)].score.remote(rgb))
        return scores


def make_score(names: Sequence[str], executor: Executor) -> Score | None:
    """The function that scores photographs by the metrics named, None if none is.

    Raises:
        MissingExtraError: pyiqa, or a metric's weights, cannot be had.
        UsageError: no such metric.
    """
    if not names:
        return None
    if not executor.gpus:
        _loaded(tuple(names))  # says now, not in a worker, what is missing
        return ScoreHere(names)
    import ray

    actor: Any = ray.remote(num_gpus=1, num_cpus=0, max_restarts=-1, max_task_retries=-1)(LearnedScreens)
    actors: list[Any] = [actor.remote(tuple(names)) for _ in range(executor.gpus)]
    try:
        ray.get([each.ready.remote() for each in actors])
    except ray.exceptions.RayActorError as error:
        cause = getattr(error, "cause", None)
        raise (cause if isinstance(cause, Exception) else error) from None
    return ScoreOnGpus(actors)


@cache
def _loaded(names: tuple[str, ...]) -> LearnedScreens:
    return LearnedScreens(names)
