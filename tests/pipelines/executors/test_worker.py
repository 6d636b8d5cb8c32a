"""A worker uses one core: neither OpenCV nor BLAS start threads of their own below it."""

from __future__ import annotations

import os
import subprocess
import sys

import cv2
import pytest

from pipelines.executors.serial import SerialExecutor
from pipelines.executors.worker import as_worker, become_worker


def _opencv_threads(job: None, payload: int) -> tuple[int, int]:
    return payload, cv2.getNumThreads()


def test_units_run_with_one_thread_of_opencv() -> None:
    before = cv2.getNumThreads()
    become_worker.cache_clear()
    try:
        cv2.setNumThreads(4)
        outcomes = list(SerialExecutor().run(_opencv_threads, None, [7, 8]))
        assert [outcome.result for outcome in outcomes] == [(7, 1), (8, 1)]
    finally:
        cv2.setNumThreads(before)


def test_a_task_is_named_after_its_function() -> None:
    assert as_worker(_opencv_threads).__name__ == "_opencv_threads"


@pytest.mark.parametrize(("chosen", "expected"), [({}, "1"), ({"OPENBLAS_NUM_THREADS": "3"}, "3")])
def test_blas_has_one_thread_unless_somebody_chose(chosen: dict[str, str], expected: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"} | chosen
    code = "import pipelines, os, sys; assert 'numpy' not in sys.modules; print(os.environ['OPENBLAS_NUM_THREADS'])"
    printed = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert printed.stdout.split() == [expected]
