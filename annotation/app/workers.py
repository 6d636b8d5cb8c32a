"""Long computations, away from the event loop and from the threads that take strokes; and what of them is kept."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import Generic, ParamSpec, TypeVar

from annotation.app.errors import RequestError

_P = ParamSpec("_P")
_T = TypeVar("_T")


class Workers:
    """A few threads with a short queue; when it is full, a client is told to come back."""

    def __init__(self, threads: int, waiting: int, name: str) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._limit = threads + waiting
        self._taken = 0

    async def run(self, function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """The function's value, computed in one of the threads.

        Raises:
            RequestError: too many computations wait already (503).
        """
        if self._taken >= self._limit:
            raise RequestError(503, "the server is busy with other pictures; try again in a moment")
        self._taken += 1
        try:
            return await asyncio.wrap_future(self._pool.submit(function, *args, **kwargs))
        finally:
            self._taken -= 1

    def close(self) -> None:
        """Forget what waits. What runs comes to its end by itself; the process does not end before."""
        self._pool.shutdown(wait=False, cancel_futures=True)


class Kept(Generic[_T]):
    """Values that are dear to compute: each computed once even if asked for at once, the oldest forgotten first."""

    def __init__(self, budget: int, cost: Callable[[_T], int]) -> None:
        """
        Args:
            budget: of all values together, in the unit of `cost` (bytes).
            cost: of one value.
        """
        self._budget = budget
        self._cost = cost
        self._lock = Lock()
        self._values: OrderedDict[Hashable, Future[_T]] = OrderedDict()

    def get(self, key: Hashable, compute: Callable[[], _T]) -> _T:
        """The value of `key`; whoever comes first computes it, in its own thread, and others wait. A failure is not
        kept."""
        with self._lock:
            future = self._values.get(key)
            is_mine = future is None
            if future is None:
                future = self._values[key] = Future()
            self._values.move_to_end(key)
        if is_mine:
            self._fill(key, future, compute)
        return future.result()

    def _fill(self, key: Hashable, future: Future[_T], compute: Callable[[], _T]) -> None:
        try:
            future.set_result(compute())
        except BaseException as error:  # noqa: BLE001  whatever it is, those who wait must get it, and it must not stay
            with self._lock:
                del self._values[key]
            future.set_exception(error)
            return
        with self._lock:
            done = {each: self._cost(kept.result()) for each, kept in self._values.items() if kept.done()}
            spent = sum(done.values())
            for each in list(done):
                if spent <= self._budget or each == key:
                    continue
                spent -= done[each]
                del self._values[each]
