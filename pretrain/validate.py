"""How a network is judged while it is trained: a score in dB of every variant on fixed tasks.

A task is a list of fixed pairs (what the network sees, what it should say). Nothing here depends on the number of
ranks: pairs are gathered into the same batches whoever computes them, and means are taken in the order of the pairs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from million_ird.errors import DatasetError, UsageError
from million_ird.metrics import psnr
from pretrain.degradations.resize import enlargement
from pretrain.images import Pixels
from pretrain.levels import Picture
from pretrain.models.variants import AnyVariant
from pretrain.ranks import Ranks
from pretrain.restore import before_after
from pretrain.say import to_stderr

Scores = dict[str, dict[str, float]]
"""Variant → task → mean score in dB."""
Score = Callable[[int, Picture, Picture], float]
"""(number of the pair, what the network made of the input, clamped to [0, 1] but not rounded, the clean picture) → how
good it is, in dB: more is better. Infinite where there is nothing to improve."""

MOST_DB = 100.0
"""What a perfectly restored picture counts, so that means stay finite."""
_SHOWN_SIDE = 256
"""Pixels, the largest side of what a picture of the validation shows."""
_LEFT_OUT = -math.inf
"""In the place of a damaged pair's score."""


def rgb_psnr(_index: int, restored: Picture, clean: Picture) -> float:
    """PSNR over RGB, the score of a task that has no other."""
    return psnr(restored, clean, 1.0)


@dataclass(frozen=True)
class ValidationSettings:
    """How a pre-training is judged on images that it never sees (ours: the paper validates nothing)."""

    every: int = 10_000
    """Steps between two validations (ours: about a quarter of an hour of the paper's recipe on one H100); one more is
    made after the last step. 0: never, and then no checkpoint is the best one."""
    crops: int = 256
    """Held-out patches of which one crop each is corrupted and masked as in training; the same ones every time."""
    patches: int = 32
    """Held-out patches that are denoised whole; the same ones every time."""
    sigma: float = 25.0
    """Standard deviation of their Gaussian noise in levels of 255; neither rounded nor clipped."""
    batch: int = 32
    """Crops restored at a time; whole patches go one by one."""
    pictures: int = 4
    """Pairs of each task that are shown as a picture, beside what each variant makes of them; 0: none."""

    def __post_init__(self) -> None:
        for name, least in {"every": 0, "crops": 0, "patches": 0, "batch": 1, "pictures": 0}.items():
            if getattr(self, name) < least:
                raise UsageError(f"validation.{name}: got {getattr(self, name)}, expected at least {least}")
        if self.every and not self.crops + self.patches:
            raise UsageError("validation: crops and patches are both 0; say every = 0 for no validation")
        if self.sigma < 0:
            raise UsageError(f"validation.sigma: got {self.sigma}, expected at least 0")


@dataclass(frozen=True)
class Task:
    """Pairs to judge by, made when they are needed."""

    name: str
    """What the log calls it."""
    count: int
    """How many pairs there are."""
    pair: Callable[[int], tuple[Picture, Picture]]
    """(input, clean) of a number from 0 to count - 1: always the same. The clean picture's sides are those of the input
    times the network's scale. Where it raises `DatasetError`, it is damaged and left out."""
    batch: int = 1
    """Pairs restored at a time; more than one must be of one size."""
    score: Score = rgb_psnr
    """What is averaged over the pairs."""


class Validator:
    """Judges a network by `tasks`.

    Args:
        tasks: with different names.
        variants: those that are judged.
        ranks: among whom the work is divided.
        shown: how many pairs of a task its picture shows.
    """

    def __init__(self, tasks: Sequence[Task], variants: Sequence[AnyVariant], ranks: Ranks, shown: int = 0) -> None:
        self._tasks, self._variants, self._ranks, self._shown = tasks, variants, ranks, shown
        self._damaged: set[tuple[str, int]] = set()

    def scores(self, model: nn.Module) -> Scores:
        """The mean score of each variant on each task, output clamped to [0, 1]; the same on every rank.

        A collective call: every rank makes it. Computed in float32, without autocast, in eval mode.

        Raises:
            DatasetError: not one pair of a task can be made.
        """
        with _judging(model):
            return {v.name: {task.name: self._score(model, v, task) for task in self._tasks} for v in self._variants}

    def pictures(self, model: nn.Module) -> dict[str, Pixels]:
        """For each task a picture, (H, W, 3) RGB: a row for each of the first pairs with the input, what each variant
        makes of it, and the clean picture; of large ones a square from the middle. An input smaller than the clean
        picture is shown enlarged by bicubic interpolation. No collective call."""
        with _judging(model):
            pictures = {task.name: self._picture(model, task) for task in self._tasks if self._shown}
        return {name: picture for name, picture in pictures.items() if picture is not None}

    def _picture(self, model: nn.Module, task: Task) -> Pixels | None:
        pairs = [pair for place in range(min(self._shown, task.count)) if (pair := self._pair(task, place))]
        if not pairs:
            return None
        scale = enlargement(*pairs[0])
        side = min(_SHOWN_SIDE // scale, *(length for seen, _ in pairs for length in seen.shape[:2]))
        shown = [(_middle(seen, side, 1), _middle(clean, side, scale)) for seen, clean in pairs]
        return before_after(model, self._variants, shown)

    def _score(self, model: nn.Module, variant: AnyVariant, task: Task) -> float:
        starts = range(0, task.count, task.batch)
        mine: list[float] = []
        for start in starts[self._ranks.rank :: self._ranks.count]:
            places = range(start, min(start + task.batch, task.count))
            pairs = [self._pair(task, place) for place in places]
            found = iter(restored_inputs(model, variant, [pair[0] for pair in pairs if pair], self._ranks.device))
            mine += [
                _decibels(task.score, place, next(found), pair[1]) if pair else _LEFT_OUT
                for place, pair in zip(places, pairs, strict=True)
            ]
        per_rank = -(-len(starts) // self._ranks.count) * task.batch
        gathered = self._ranks.gather(mine + [_LEFT_OUT] * (per_rank - len(mine)))  # equally many from everyone
        turns = [divmod(place, task.batch) for place in range(task.count)]
        ordered = [gathered[turn % len(gathered)][turn // len(gathered) * task.batch + rest] for turn, rest in turns]
        counted = [number for number in ordered if number != _LEFT_OUT]
        if not counted:
            raise DatasetError(f"validation: not one of the {task.count} pictures of {task.name} can be read")
        return sum(counted) / len(counted)

    def _pair(self, task: Task, place: int) -> tuple[Picture, Picture] | None:
        """A pair, or None where it is damaged, which is said the first time."""
        if (task.name, place) in self._damaged:
            return None
        try:
            return task.pair(place)
        except DatasetError as error:
            self._damaged.add((task.name, place))
            to_stderr(f"left out of the validation: {error}")
            return None


def mean_score(scores: Scores) -> float:
    """One number to choose the best checkpoint by: the mean over variants and tasks, in dB."""
    numbers = [value for tasks in scores.values() for value in tasks.values()]
    return sum(numbers) / len(numbers)


def restored_inputs(
    model: nn.Module, variant: AnyVariant, inputs: Sequence[Picture], device: torch.device
) -> list[Picture]:
    """What the network makes of each input, clamped to [0, 1]. They are of one size; of none, there is none."""
    if not inputs:
        return []
    x_BCHW = torch.stack([_tensor(seen) for seen in inputs]).to(device)  # noqa: N806
    restored = model(x_BCHW, **variant.arguments).clamp(0.0, 1.0).permute(0, 2, 3, 1).cpu().numpy()
    return list(restored)


def _decibels(score: Score, place: int, restored: Picture, clean: Picture) -> float:
    """At most 100. NaN where the network gives any: such a network is never the best, and the run goes on to say why
    it ends."""
    return min(score(place, restored, clean), MOST_DB) if np.isfinite(restored).all() else math.nan


@contextmanager
def _judging(model: nn.Module) -> Iterator[None]:
    """The model in eval mode and without gradients, and as it was afterwards."""
    training = model.training
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        model.train(training)


def _middle(picture: Picture, side: int, scale: int) -> Picture:
    """Of a picture that is `scale` times as large as the input, the part over the input's middle square of `side`."""
    top, left = (scale * ((length // scale - side) // 2) for length in picture.shape[:2])
    return picture[top : top + scale * side, left : left + scale * side]


def _tensor(picture: Picture) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)))
