"""Judging: PSNR as it is defined, the same numbers whoever computes them, and a network left as it was."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from unittest import mock

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from million_ird.errors import DatasetError, UsageError
from million_ird.metrics import psnr
from pretrain.images import Pixels
from pretrain.levels import Picture
from pretrain.models.variants import WHOLE, Variant
from pretrain.picture_table import draw_table
from pretrain.ranks import Ranks
from pretrain.validate import Task, ValidationSettings, Validator, mean_score
from tests.pretrain.tiny import LARGE, SMALL


class Dimmer(nn.Module):
    """Multiplies by the number of applications over 10: every variant gives something else. Remembers batch sizes."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(0.1))
        self.batches: list[int] = []
        self.modes: set[tuple[bool, bool]] = set()

    def forward(self, x: Tensor, variant: Variant) -> Tensor:
        self.batches.append(len(x))
        self.modes.add((self.training, torch.is_grad_enabled()))
        return x * self.weight * variant.applications


def pair(index: int) -> tuple[Picture, Picture]:
    rng = np.random.default_rng(index)
    clean = rng.random((6, 8, 3)).astype(np.float32)
    return clean + np.float32(0.1) * rng.standard_normal(clean.shape, np.float32), clean


TASKS = [Task("five", 5, pair, batch=2), Task("three", 3, lambda index: pair(index + 100))]


@dataclass(frozen=True)
class Scripted(Ranks):
    """A rank whose fellows' numbers are known from the time before."""

    everyone: dict[int, list[list[float]]] = field(default_factory=dict)

    def gather(self, numbers: Sequence[float]) -> list[list[float]]:
        mine = self.everyone.setdefault(self.rank, [])
        mine.append(list(numbers))
        turn = len(mine) - 1
        return [
            self.everyone[rank][turn] if turn < len(self.everyone.get(rank, [])) else [0.0] * len(numbers)
            for rank in range(self.count)
        ]


def test_scores_are_means_of_the_psnr_of_the_clamped_output() -> None:
    model = Dimmer()
    scores = Validator(TASKS, (LARGE, SMALL), Ranks()).scores(model)
    expected = [
        psnr((np.float32(0.1) * x * LARGE.applications).clip(0, 1), clean, 1.0) for x, clean in map(pair, range(5))
    ]
    assert scores["large"]["five"] == pytest.approx(sum(expected) / 5, abs=1e-4)
    assert [list(tasks) for tasks in scores.values()] == [["five", "three"]] * 2
    assert scores["large"]["five"] != scores["small"]["five"]
    assert mean_score(scores) == pytest.approx(sum(sum(tasks.values()) for tasks in scores.values()) / 4)
    assert model.batches == [2, 2, 1, 1, 1, 1] * 2
    assert model.modes == {(False, False)}
    assert model.training


@pytest.mark.parametrize("count", [2, 3, 7])
def test_scores_do_not_depend_on_the_number_of_ranks(count: int) -> None:
    expected = Validator(TASKS, (LARGE, SMALL), Ranks()).scores(Dimmer())
    known: dict[int, list[list[float]]] = {}
    for rank in range(count):
        Validator(TASKS, (LARGE, SMALL), Scripted(rank, count, everyone=known)).scores(Dimmer())
    for rank in range(count):
        fellows = {other: numbers for other, numbers in known.items() if other != rank}
        assert Validator(TASKS, (LARGE, SMALL), Scripted(rank, count, everyone=fellows)).scores(Dimmer()) == expected


def test_a_perfect_network_counts_100_and_a_diverged_one_nothing() -> None:
    task = Task("clean", 2, lambda index: (pair(index)[1],) * 2)
    model = Dimmer()
    with torch.no_grad():
        model.weight.fill_(1 / SMALL.applications)
    assert Validator([task], (SMALL,), Ranks()).scores(model)["small"]["clean"] == pytest.approx(100, abs=30)
    with torch.no_grad():
        model.weight.fill_(math.nan)
    validator = Validator([task], (SMALL,), Ranks(), shown=2)
    assert math.isnan(validator.scores(model)["small"]["clean"])
    assert validator.pictures(model)["clean"].dtype == np.uint8


def _rows_and_columns(picture: Pixels, side: int) -> tuple[float, float]:
    """How many pictures of `side` pixels stand below and beside each other in a table."""
    sample = np.zeros((side, side, 3), np.uint8)
    one, two = (draw_table([[sample] * n] * n, [""] * n).shape[:2] for n in (1, 2))
    rows, columns = ((length - a) / (b - a) + 1 for length, a, b in zip(picture.shape[:2], one, two, strict=True))
    return rows, columns


@pytest.mark.parametrize("batch", [1, 2, 5])
def test_a_damaged_pair_is_left_out_and_said_once(batch: int, capsys: pytest.CaptureFixture[str]) -> None:
    def damaged(index: int) -> tuple[Picture, Picture]:
        if index in (0, 3):
            raise DatasetError(f"number {index} is damaged")
        return pair(index)

    validator = Validator([Task("some", 5, damaged, batch)], (LARGE, SMALL), Ranks(), shown=2)
    found = validator.scores(Dimmer())
    sound = [1, 2, 4]
    whole = Validator([Task("some", 3, lambda index: pair(sound[index]))], (LARGE, SMALL), Ranks()).scores(Dimmer())
    assert found["large"]["some"] == pytest.approx(whole["large"]["some"], rel=1e-6)
    assert _rows_and_columns(validator.pictures(Dimmer())["some"], 6) == (1, 4)
    said = capsys.readouterr().err.splitlines()
    assert said == [f"left out of the validation: number {number} is damaged" for number in (0, 3)]
    none = Validator([Task("none", 1, lambda index: damaged(0))], (LARGE,), Ranks(), shown=1)
    assert none.pictures(Dimmer()) == {}
    with pytest.raises(DatasetError, match="not one of the 1 pictures of none can be read"):
        none.scores(Dimmer())


def test_a_picture_has_a_row_for_each_pair_and_a_column_for_each_variant() -> None:
    pictures = Validator(TASKS, (LARGE, SMALL), Ranks(), shown=2).pictures(Dimmer())
    assert list(pictures) == ["five", "three"]
    assert _rows_and_columns(pictures["five"], 6) == (2, 4)
    assert Validator(TASKS, (LARGE,), Ranks()).pictures(Dimmer()) == {}


class Enlarger(nn.Module):
    """Repeats every pixel `scale` times either way; has no variants."""

    def __init__(self, scale: int) -> None:
        super().__init__()
        self.scale, self.zero = scale, nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        return x.repeat_interleave(self.scale, 2).repeat_interleave(self.scale, 3) + self.zero


def test_a_network_that_enlarges_is_judged_by_the_tasks_score_of_each_pair() -> None:
    seen: list[tuple[int, tuple[int, ...], tuple[int, ...]]] = []

    def score(index: int, restored: Picture, clean: Picture) -> float:
        seen.append((index, restored.shape, clean.shape))
        return 10.0 * index + psnr(restored, clean, 1.0)

    def pair(index: int) -> tuple[Picture, Picture]:
        small = np.full((4, 5, 3), 0.25 + index / 8, np.float32)
        return small, small.repeat(3, 0).repeat(3, 1) + np.float32(0.1)

    scores = Validator([Task("x3", 3, pair, 2, score)], (WHOLE,), Ranks()).scores(Enlarger(3))
    assert seen == [(index, (12, 15, 3), (12, 15, 3)) for index in range(3)]
    assert scores == {"whole": {"x3": pytest.approx(10 + 20, abs=1e-3)}}
    perfect = Task("x3", 3, lambda index: (pair(index)[0],) * 2, 1, lambda *_: math.inf)
    assert Validator([perfect], (WHOLE,), Ranks()).scores(Enlarger(1)) == {"whole": {"x3": 100}}


def test_a_small_input_is_shown_enlarged_over_the_same_place() -> None:
    """The input has one bright pixel left and above of the middle square of 85; the clean picture its enlargement."""
    small = np.zeros((90, 101, 3), np.float32)
    small[2, 8] = 1.0
    large = small.repeat(3, 0).repeat(3, 1)
    with mock.patch("pretrain.restore.draw_table", lambda rows, headings: (rows, headings)):
        task = Task("x3", 1, lambda index: (small, large))
        rows, headings = Validator([task], (WHOLE,), Ranks(), shown=1).pictures(Enlarger(3))["x3"]
    assert headings == ["input, bicubic ×3", "whole", "clean"]
    shown, restored, clean = (np.asarray(picture, np.float64).mean(axis=2) for picture in rows[0])
    assert shown.shape == restored.shape == clean.shape == (255, 255)
    np.testing.assert_array_equal(restored, clean)
    for picture in (shown, clean):
        weights = picture / picture.sum()
        assert (weights.sum(1) @ np.arange(255), weights.sum(0) @ np.arange(255)) == pytest.approx((1, 1), abs=0.6)


def test_large_pictures_are_shown_by_their_middle_and_of_one_size() -> None:
    sizes = [(300, 400), (280, 270), (512, 512)]
    task = Task("large", 3, lambda index: (np.zeros((*sizes[index], 3), np.float32),) * 2)
    (picture,) = Validator([task], (SMALL,), Ranks(), shown=3).pictures(Dimmer()).values()
    assert _rows_and_columns(picture, 256) == (3, 3)


@pytest.mark.parametrize(
    "values", [{"every": -1}, {"batch": 0}, {"crops": 0, "patches": 0}, {"sigma": -1.0}, {"pictures": -1}]
)
def test_settings_that_cannot_be(values: dict[str, float]) -> None:
    with pytest.raises(UsageError, match=f"validation.*{next(iter(values))}"):
        ValidationSettings(**values)  # type: ignore[arg-type]
    ValidationSettings(every=0, crops=0, patches=0)
