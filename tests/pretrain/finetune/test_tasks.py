"""What a task's section may say."""

from __future__ import annotations

import pytest

from million_ird.errors import UsageError
from million_ird.local_blur import LocalBlurSettings
from pretrain.finetune.tasks import TaskSettings, task_weights


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"clean": ("a",)}, "exactly one of degraded .* triples"),
        ({"clean": ("a",), "degraded": ("b",), "shrink": 2}, "shrink: got 2, but pairs"),
        ({"triples": ("a",), "shrink": 2}, "shrink: got 2, but pairs and triples keep their size"),
        ({"clean": ("a",), "degraded": ("b",), "sigmas": (25.0,)}, "degraded and sigmas are different tasks"),
        ({"clean": ("a",), "scale": 2, "mosaic": True}, "scale and mosaic are different"),
        ({"clean": ("a",), "local_blur": LocalBlurSettings(), "qualities": (9,)}, "qualities and local_blur"),
        ({"clean": ("a",), "triples": ("b",)}, "takes no clean"),
        ({"dataset": ("a",), "triples": ("b",)}, "no dataset"),
        ({"triples": ("b",), "blur_aware": 1.5}, "blur_aware: got 1.5, expected 0 to 1"),
        ({"triples": ("b",), "blur_aware": float("nan")}, "blur_aware"),
        ({"triples": ("b",), "speck": 0}, "speck: got 0, expected at least 1"),
        ({"clean": ("a",), "qualities": (10, 0)}, "qualities: got .*, expected 1 to 100"),
        ({"scale": 2}, "needs clean photographs"),
        ({"mosaic": True}, "needs clean photographs"),
        ({"degraded": ("b",)}, "clean pictures from clean"),
        ({"clean": ("a",), "degraded": ("b",), "dataset": ("c",)}, "from no dataset"),
        ({"sigmas": (25.0,)}, "needs clean photographs"),
        ({"clean": ("a",), "sigmas": (25.0, 0.0)}, "above 0"),
        ({"clean": ("a",), "sigmas": (float("inf"),)}, "sigmas: got .*, expected levels above 0, up to 255"),
        ({"clean": ("a",), "sigmas": (25.0,), "weight": -1.0}, "at least 0"),
        ({"clean": ("a",), "sigmas": (25.0,), "weight": float("inf")}, "weight: got inf"),
    ],
)
def test_what_cannot_be_a_task_says_so(values: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        TaskSettings(**values)  # type: ignore[arg-type]


def test_tasks_of_local_blur_have_masks_and_the_others_have_none() -> None:
    assert TaskSettings(triples=("a",)).kind.has_masks
    assert TaskSettings(clean=("a",), local_blur=LocalBlurSettings()).kind.has_masks
    assert not TaskSettings(clean=("a",), degraded=("b",)).kind.has_masks


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
