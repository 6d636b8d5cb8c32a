"""What a task's section may say."""

from __future__ import annotations

import pytest

from million_ird.errors import UsageError
from pretrain.finetune.tasks import TaskSettings, task_weights


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"clean": ("a",)}, "either degraded .* or sigmas"),
        ({"clean": ("a",), "degraded": ("b",), "sigmas": (25.0,)}, "and not both"),
        ({"degraded": ("b",)}, "clean pictures from clean"),
        ({"clean": ("a",), "degraded": ("b",), "dataset": ("c",)}, "from no dataset"),
        ({"sigmas": (25.0,)}, "needs clean photographs"),
        ({"clean": ("a",), "sigmas": (25.0, 0.0)}, "above 0"),
        ({"clean": ("a",), "sigmas": (25.0,), "weight": -1.0}, "at least 0"),
    ],
)
def test_what_cannot_be_a_task_says_so(values: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        TaskSettings(**values)  # type: ignore[arg-type]


_NOISE = TaskSettings(clean=("a",), sigmas=(25.0,))


def test_a_weight_of_zero_leaves_a_task_out() -> None:
    tasks = {"denoise": _NOISE, "mine": TaskSettings(clean=("a",), sigmas=(5.0,), weight=0.0)}
    assert task_weights(tasks, "weights") == {"denoise": 1.0}
    assert task_weights(tasks, "published") == {"denoise": 46_296}
    with pytest.raises(UsageError, match="at least one"):
        task_weights({"mine": tasks["mine"]}, "weights")


def test_the_published_shares_are_of_three_tasks_only() -> None:
    with pytest.raises(UsageError, match="denoise, derain, dehaze, not mine"):
        task_weights({"denoise": _NOISE, "mine": _NOISE}, "published")
