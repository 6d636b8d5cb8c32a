"""What a process is made to before it runs units: one that uses one core, and keeps the memory it has."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any


@cache
def become_worker() -> None:
    """Once per process: OpenCV on one thread, and freed memory kept for the next image (on Linux).

    Workers share out the cores by units. Threads of OpenCV below them would only stand in each other's way, one pool
    of as many as the machine has cores in every worker; those of BLAS are switched off in `pipelines/__init__.py`.
    """
    import cv2

    from million_ird.jpeg.turbo import keep_freed_memory

    cv2.setNumThreads(1)
    keep_freed_memory()


def as_worker(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """The same function of job and payload, in a process made a worker."""

    def work(job: Any, payload: Any) -> Any:
        become_worker()
        return function(job, payload)

    work.__name__ = work.__qualname__ = function.__name__  # what Ray shows of a task
    return work
