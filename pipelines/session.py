"""Everything a writing verb needs, taken and given back in order: the lease, the executor, a clean scratch folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from million_ird.store import Store
from pipelines.build import Run, open_output
from pipelines.executors.base import ExecutionSettings, Executor
from pipelines.lease import Lease
from pipelines.recipe import Recipe


@contextmanager
def session(url: str, recipe: Recipe, say: Callable[[str], None]) -> Iterator[Run]:
    """A run on the dataset at `url`, which is begun if there is none and must else be of this recipe."""
    store = Store(url)
    with Lease(store, recipe.execution.lease_s, say) as lease:
        open_output(store, recipe)
        store.sweep()
        executor = make_executor(recipe.execution)
        try:
            yield Run(store, recipe, executor, lease, say)
        finally:
            executor.close()
            store.sweep()


def make_executor(settings: ExecutionSettings) -> Executor:
    """The executor that the settings name."""
    if settings.executor == "serial":
        from pipelines.executors.serial import SerialExecutor

        return SerialExecutor()
    from pipelines.executors.on_ray import RayExecutor

    return RayExecutor(settings)
