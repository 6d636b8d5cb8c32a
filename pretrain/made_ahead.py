"""The samples of step after step, made by threads some steps ahead of their use."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

Sample = TypeVar("Sample")


class MadeAhead(Generic[Sample]):
    """Gives the samples of one step after the other. Close it to end its threads.

    Args:
        plan: what makes each sample of a step, in their order; asked in the thread of the caller.
        start_step: the first step.
        threads: that make samples; 0 makes them when they are asked for.
        prefetch: steps that the threads run ahead.
    """

    def __init__(
        self, plan: Callable[[int], Sequence[Callable[[], Sample]]], start_step: int, threads: int, prefetch: int
    ) -> None:
        self.step = start_step
        """The step of the next samples."""
        self._plan = plan
        self._prefetch = prefetch if threads else 1
        self._threads = ThreadPoolExecutor(threads, "pictures") if threads else None
        self._ahead: deque[Sequence[Callable[[], Sample]]] = deque()

    def take(self) -> list[Sample]:
        """The samples of the next step. Whatever the making of one raises."""
        while len(self._ahead) < self._prefetch:
            self._ahead.append(self._order(self.step + len(self._ahead)))
        samples = [result() for result in self._ahead.popleft()]
        self.step += 1
        return samples

    def close(self) -> None:
        """Ends the threads, which finish the sample they are at. It gives no more samples."""
        if self._threads is not None:
            self._threads.shutdown(wait=True, cancel_futures=True)

    def _order(self, step: int) -> Sequence[Callable[[], Sample]]:
        """Has the samples of a step made; each is had by a call."""
        makers = self._plan(step)
        return makers if self._threads is None else [self._threads.submit(make).result for make in makers]
