"""Every kind of task that settings accept says everything that the code asks of it, and what it says is so."""

from __future__ import annotations

import re
from dataclasses import MISSING, fields, replace
from pathlib import Path

import numpy as np
import pytest

from million_ird.errors import UsageError
from million_ird.local_blur import LocalBlurSettings
from million_ird.settings_fields import field_docs
from pretrain.degradations import degrade_whole
from pretrain.finetune.kinds import KINDS, TaskKind
from pretrain.finetune.tasks import TaskSettings
from tests.pretrain.degradations.crops import noise_picture

_TASKS = {
    "degraded": TaskSettings(clean=("a",), degraded=("b",)),
    "sigmas": TaskSettings(clean=("a",), sigmas=(15.0, 25.0)),
    "qualities": TaskSettings(clean=("a",), qualities=(10, 40)),
    "scale": TaskSettings(clean=("a",), scale=3),
    "mosaic": TaskSettings(clean=("a",), mosaic=True),
    "local_blur": TaskSettings(clean=("a",), local_blur=LocalBlurSettings()),
    "triples": TaskSettings(triples=("c",)),
}
_EACH = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.setting)


def test_every_setting_that_makes_a_task_has_an_entry() -> None:
    docs = field_docs(TaskSettings)
    making = {name for name, doc in docs.items() if re.search(r"makes it a task", doc, re.IGNORECASE)}
    assert making == {kind.setting for kind in KINDS} == _TASKS.keys()
    assert all(field.default is not MISSING for field in fields(TaskSettings))  # so that "given" can be told


def test_every_kind_is_in_the_documents() -> None:
    text = (Path(__file__).resolve().parents[3] / "docs" / "finetuning.md").read_text(encoding="utf-8")
    table = text.split("| setting | the task |")[1].split("\n\n")[0]
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == [kind.setting for kind in KINDS]
    assert all(f"`{kind.setting}`" in (TaskSettings.__doc__ or "") for kind in KINDS)


@_EACH
def test_a_task_knows_its_kind(kind: TaskKind) -> None:
    task = _TASKS[kind.setting]
    assert task.kind is kind
    assert [each for each in KINDS if each.is_given(task)] == [kind]
    assert kind.purpose and kind.in_words(task)


@_EACH
def test_photographs_are_degraded_and_nothing_else_is(kind: TaskKind) -> None:
    task = _TASKS[kind.setting]
    assert bool(task.degradations) == (kind.learns_from == "photographs")
    assert kind.stand_in is None or not task.degradations
    given = getattr(task, kind.setting)
    strengths = list(given) if isinstance(given, tuple) else [0.0]
    assert list(task.degradations) == (strengths if task.degradations else [])


@_EACH
def test_samples_are_what_the_kind_says(kind: TaskKind) -> None:
    made = [_TASKS[kind.setting]]
    made += [replace(made[0], noise="float")]
    picture = noise_picture(max(kind.least_side, 24), max(kind.least_side, 24))
    for task in made:
        for degradation in task.degradations.values():
            sample = degrade_whole(degradation, picture, "a")
            assert sample.input.dtype == (np.float32 if kind.has_floats(task) else np.uint8)
            assert (sample.mask is not None) == kind.has_masks
            assert degradation.scale == task.scale


@_EACH
def test_no_smaller_photographs_would_do(kind: TaskKind) -> None:
    side = kind.least_side - 1
    for degradation in _TASKS[kind.setting].degradations.values() if side else ():
        with pytest.raises(UsageError):
            degrade_whole(degradation, noise_picture(side, side), "a")
