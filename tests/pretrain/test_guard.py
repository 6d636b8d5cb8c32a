"""The guard: what it lets pass, what it stops, and that it remembers."""

from __future__ import annotations

import json
import math

import pytest

from million_ird.errors import UsageError
from pretrain.guard import Guard, GuardSettings


def fed(losses: list[float], settings: GuardSettings) -> Guard:
    guard = Guard(settings)
    for loss in losses:
        guard.note(loss, guard.judge(loss, 1.0))
    return guard


def test_numbers_that_are_not_finite_are_stopped_from_the_first_step() -> None:
    guard = Guard(GuardSettings(spike=0))
    assert guard.judge(math.nan, 1.0) == "loss is not finite"
    assert guard.judge(math.inf, 1.0) == "loss is not finite"
    assert guard.judge(0.1, math.nan) == "gradient is not finite"
    assert guard.judge(1e30, 1e30) == ""


def test_a_spike_is_judged_by_the_median_of_the_accepted_losses_once_there_are_enough() -> None:
    settings = GuardSettings(spike=5, window=4)
    assert fed([1.0] * 3, settings).judge(1000.0, 1.0) == ""
    guard = fed([1.0] * 4, settings)
    assert guard.judge(4.9, 1.0) == ""
    assert guard.judge(5.1, 1.0) == "loss spike"
    guard.note(1000.0, "loss spike")
    assert guard.limit == 5.0, "a skipped loss is not part of the median"
    guard.note(4.0, "")
    assert guard.limit == 5.0, "one high loss does not move a median"


def test_skips_are_counted_and_a_row_of_them_ends_the_run() -> None:
    guard = fed([1.0, math.nan, math.nan, 1.0, math.nan], GuardSettings(most_in_a_row=2))
    assert (guard.skipped, guard.in_a_row, guard.exhausted) == (3, 1, False)
    guard.note(math.nan, "loss is not finite")
    assert guard.exhausted


def test_a_restored_guard_judges_as_the_one_before() -> None:
    settings = GuardSettings(spike=3, window=5)
    guard = fed([0.1 * n / 3 for n in range(1, 9)] + [math.nan], settings)
    again = Guard(settings)
    again.load(json.loads(json.dumps(guard.state())))
    assert (again.limit, again.skipped, again.in_a_row) == (guard.limit, 1, 1)
    for one in (guard, again):
        one.note(0.05, "")
    assert again.state() == guard.state()


@pytest.mark.parametrize("values", [{"spike": 1.0}, {"spike": -2.0}, {"window": 0}, {"most_in_a_row": 0}])
def test_settings_that_cannot_be(values: dict[str, float]) -> None:
    with pytest.raises(UsageError, match=f"guard.*{next(iter(values))}"):
        GuardSettings(**values)  # type: ignore[arg-type]
