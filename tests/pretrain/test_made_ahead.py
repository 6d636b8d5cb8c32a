"""Samples made by threads: in order, so many steps ahead and no more, and ended by `close`."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial

import pytest

from pretrain.made_ahead import MadeAhead


def plan(step: int) -> list[Callable[[], str]]:
    return [partial("{}-{}".format, step, row) for row in range(3)]


@pytest.mark.parametrize("threads", [0, 1, 4])
def test_steps_come_in_order_whatever_the_number_of_threads(threads: int) -> None:
    made = MadeAhead(plan, 5, threads, 3)
    try:
        assert [made.take() for _ in range(3)] == [[f"{step}-{row}" for row in range(3)] for step in (5, 6, 7)]
        assert made.step == 8
    finally:
        made.close()


@pytest.mark.parametrize(("threads", "asked"), [(0, [0]), (2, [0, 1, 2])])
def test_threads_run_so_many_steps_ahead(threads: int, asked: list[int]) -> None:
    steps: list[int] = []

    def noting(step: int) -> list[Callable[[], str]]:
        steps.append(step)
        return plan(step)

    made = MadeAhead(noting, 0, threads, 3)
    made.take()
    made.close()
    assert steps == asked


@pytest.mark.parametrize("threads", [0, 2])
def test_what_goes_wrong_in_a_thread_is_raised_where_the_sample_is_taken(threads: int) -> None:
    def fails() -> str:
        raise ValueError("broken")

    made = MadeAhead(lambda _step: [fails], 0, threads, 1)
    with pytest.raises(ValueError, match="broken"):
        made.take()
    made.close()


def test_no_thread_is_left() -> None:
    made = MadeAhead(plan, 0, 3, 2)
    made.take()
    made.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("pictures")]
