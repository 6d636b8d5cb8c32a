"""The learning rate: constant as in the paper, a warm-up that never stands at zero, a cosine that ends where told."""

from __future__ import annotations

from typing import Any

import pytest

from million_ird.errors import UsageError
from pretrain.schedule import ScheduleSettings, learning_rate


def rates(settings: ScheduleSettings, steps: int) -> list[float]:
    return [learning_rate(step, steps, 2.0, settings) for step in range(steps)]


def test_the_default_does_not_move() -> None:
    assert rates(ScheduleSettings(), 5) == [2.0] * 5


def test_warm_up_begins_above_zero_and_ends_at_the_full_rate() -> None:
    assert rates(ScheduleSettings(warmup=4), 6) == [0.5, 1.0, 1.5, 2.0, 2.0, 2.0]


def test_the_cosine_falls_to_its_fraction() -> None:
    found = rates(ScheduleSettings(shape="cosine", final_fraction=0.1), 100)
    assert found[0] == 2.0
    assert found[50] == pytest.approx(2.0 * 0.55)
    assert found == sorted(found, reverse=True)
    assert learning_rate(100, 100, 2.0, ScheduleSettings(shape="cosine", final_fraction=0.1)) == pytest.approx(0.2)


def test_a_cosine_over_more_steps_stops_early_and_over_fewer_stays_at_its_end() -> None:
    longer = ScheduleSettings(shape="cosine", warmup=15, over=150)
    assert learning_rate(119, 120, 2e-4, longer) == pytest.approx(2.5e-5, rel=0.05)  # the published fine-tuning's last
    assert learning_rate(90, 100, 1.0, ScheduleSettings(shape="cosine", over=50)) == 0.0


def test_steps_fall_by_the_factor_at_each_milestone() -> None:
    assert rates(ScheduleSettings(shape="steps", milestones=(2, 5)), 7) == [2.0, 2.0, 1.0, 1.0, 1.0, 0.5, 0.5]
    assert rates(ScheduleSettings(shape="steps", milestones=(1,), factor=0.1), 3) == [2.0, 0.2, 0.2]
    assert rates(ScheduleSettings(shape="steps", milestones=(0,)), 2) == [1.0, 1.0]


def test_steps_follow_a_warm_up_and_may_lie_in_it() -> None:
    settings = ScheduleSettings(shape="steps", milestones=(1, 4), warmup=2)
    assert rates(settings, 6) == [1.0, 2.0, 1.0, 1.0, 0.5, 0.5]


def test_steps_do_not_move_with_the_length_of_the_run() -> None:
    settings = ScheduleSettings(shape="steps", milestones=(3,))
    assert rates(settings, 4) == rates(settings, 100)[:4]


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"shape": "steps"}, r"schedule\.milestones: steps in rising order"),
        ({"shape": "steps", "milestones": (5, 2)}, r"schedule\.milestones: steps in rising order"),
        ({"shape": "steps", "milestones": (2, 2)}, r"schedule\.milestones: steps in rising order"),
        ({"shape": "steps", "milestones": (-1, 2)}, r"schedule\.milestones: .* 0 or more"),
        ({"milestones": (2,)}, r'for shape = "steps" and no other'),
        ({"shape": "cosine", "milestones": (2,)}, r'for shape = "steps" and no other'),
        ({"shape": "steps", "milestones": (2,), "factor": 0.0}, r"schedule\.factor: got 0\.0"),
        ({"shape": "steps", "milestones": (2,), "factor": 1.5}, r"schedule\.factor: got 1\.5"),
    ],
)
def test_steps_that_cannot_be(values: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        ScheduleSettings(**values)


@pytest.mark.parametrize("values", [{"warmup": -1}, {"over": -1}, {"final_fraction": 1.5}])
def test_settings_that_cannot_be(values: dict[str, float]) -> None:
    with pytest.raises(UsageError, match=f"schedule.*{next(iter(values))}"):
        ScheduleSettings(**values)  # type: ignore[arg-type]
