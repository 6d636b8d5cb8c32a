"""Processes that work through a list, so that one that is killed costs its task and nothing else."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing.connection import wait as wait_for
from typing import Generic, TypeVar

_Task = TypeVar("_Task")
_Value = TypeVar("_Value")

_AHEAD = 2
"""Tasks in flight for each process: one at work, one waiting; never the whole list."""


@dataclass(frozen=True, slots=True)
class Died:
    """The process that worked on a task was killed, and again when it was tried alone."""


class Crew(Generic[_Task, _Value]):
    """Applies one function to many tasks, in processes of their own."""

    def __init__(self, function: Callable[[_Task], _Value], processes: int) -> None:
        """
        Args:
            function: of one task; found by its module and name, as processes begin anew.
            processes: how many, 1 or more.
        """
        self._function = function
        self._processes = processes

    def run(self, tasks: Iterable[_Task]) -> Iterator[tuple[_Task, _Value | Died]]:
        """Each task with its value, in the order in which they are done.

        When a process dies, all tasks that were in flight are suspects, and are done again one at a time: the one that
        kills its process again is given up.

        Raises:
            Whatever the function raises.
        """
        remaining = iter(tasks)
        while suspects := (yield from self._until_one_dies(remaining)):
            for suspect in suspects:
                yield suspect, self._alone(suspect)

    def _until_one_dies(self, tasks: Iterator[_Task]) -> Generator[tuple[_Task, _Value], None, list[_Task]]:
        """Goes through the tasks; returns those in flight when a process died, none if all are done."""
        flying: dict[Future[_Value], _Task] = {}
        with self._pool(self._processes) as pool:
            try:
                for task in tasks:
                    try:
                        flying[pool.submit(self._function, task)] = task
                    except BrokenProcessPool:
                        return [*flying.values(), task]
                    if len(flying) >= _AHEAD * self._processes:
                        yield from _landed(flying)
                while flying:
                    yield from _landed(flying)
            except BrokenProcessPool:
                return list(flying.values())
            finally:
                pool.shutdown(wait=False, cancel_futures=True)
        return []

    def _alone(self, task: _Task) -> _Value | Died:
        with self._pool(1) as pool:
            try:
                return pool.submit(self._function, task).result()
            except BrokenProcessPool:
                return Died()

    def _pool(self, processes: int) -> ProcessPoolExecutor:
        # Begun anew: a fork would copy the locks of whatever threads and database connections the parent has.
        context = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(processes, mp_context=context, initializer=_begin)


def _landed(flying: dict[Future[_Value], _Task]) -> Iterator[tuple[_Task, _Value]]:
    """What is done by now, at least one; taken out of `flying`."""
    done, _ = wait(flying, return_when=FIRST_COMPLETED)
    for future in done:
        value = future.result()  # where this raises, the task stays in flight
        yield flying.pop(future), value


def _begin() -> None:
    """What a process does first: one thread for each, a silent end at Ctrl-C, and one with its parent."""
    import cv2

    cv2.setNumThreads(1)
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C reaches all: end at once, and leave the words to the parent
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A parent that is killed cannot say so; its children would wait for tasks for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait_for([parent.sentinel])
        os._exit(1)
