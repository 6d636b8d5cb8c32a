"""Measuring restorers on test sets. A restorer is any function of a picture, so networks are one kind among others."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from million_ird.errors import DatasetError
from pretrain.degradations import Degradation
from pretrain.degradations.resize import as_large
from pretrain.evaluate.items import read_item
from pretrain.evaluate.picture_set import Item, PictureSet
from pretrain.evaluate.protocols import Noise, Protocol
from pretrain.images import shown_name
from pretrain.levels import Picture, to_unit
from pretrain.pairs import LeftOut
from pretrain.restore import TooLargeError

Restore = Callable[[Picture], Picture]
"""A picture (H, W, 3), float32 in about [0, 1] → the restored one, (scale · H, scale · W, 3)."""

INPUT = "input"
"""The name of the restorer that does nothing, which is always measured; a smaller picture it enlarges by bicubic
interpolation."""


@dataclass(frozen=True, slots=True)
class ImageScore:
    """What was measured on one picture: restorer → metric → value. Checksums are BLAKE3-128 of the files' bytes.

    Height and width are the clean picture's, as it was cut.
    """

    name: str
    checksums: tuple[str, ...]
    height: int
    width: int
    values: Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class SetScore:
    """One set under one degradation, which is None where pictures came degraded; unpaired files are left out too."""

    set: PictureSet
    degradation: Degradation | None
    images: tuple[ImageScore, ...]
    left_out: tuple[LeftOut, ...]

    @property
    def task(self) -> str:
        """`derain`, `dehaze`, `denoise` …: what is averaged as one."""
        return self.set.task if self.degradation is None else self.degradation.task

    @property
    def title(self) -> str:
        """`derain`, `dehaze`, … or `denoise σ=25`."""
        return self.set.task if self.degradation is None else self.degradation.title

    def mean(self, restorer: str, metric: str) -> float | None:
        """The mean over those pictures that have the metric; None if there are none.

        Of PSNR, as in all published tables, it is the mean of the pictures' decibels.
        """
        values = [image.values[restorer][metric] for image in self.images if metric in image.values[restorer]]
        return math.fsum(values) / len(values) if values else None


def measure(
    sets: Sequence[PictureSet],
    restorers: Mapping[str, Restore],
    protocol: Protocol,
    degradations: Sequence[Degradation],
    after_picture: Callable[[int, int], None] | None = None,
) -> list[SetScore]:
    """Scores of all sets in the order given: of clean sets under each of `degradations` in turn, of others once.

    All restorers see the same pictures. Files that cannot be used are left out and named.

    Args:
        after_picture: told how many pictures are done, and of how many; one counts once for each degradation.

    Raises:
        DatasetError: not one usable picture in any set.
    """
    noise = protocol.make_noise()
    rounds = [(each, how) for each in sets for how in (degradations if each.is_clean else [None])]
    total, done = sum(len(each.items) for each, _ in rounds), 0
    scores = []
    for each, how in rounds:
        images, left_out = [], list(each.left_out)
        for item in each.items:
            outcome = _score(item, how, restorers, protocol, noise)
            if isinstance(outcome, LeftOut):
                left_out.append(outcome)
            else:
                images.append(outcome)
            done += 1
            if after_picture is not None:
                after_picture(done, total)
        scores.append(SetScore(each, how, tuple(images), tuple(left_out)))
    _check_any(scores)
    return scores


def _check_any(scores: Sequence[SetScore]) -> None:
    if any(score.images for score in scores):
        return
    names = ", ".join(dict.fromkeys(score.set.name for score in scores))
    left_out = {each.path: each for score in scores for each in score.left_out}
    first = next(iter(left_out.values()), None)
    reason = f"; the first: {shown_name(first.path.name)}: {first.reason}" if first else ""
    raise DatasetError(f"test set {names}: none of {len(left_out)} pictures can be used{reason}")


def _score(
    item: Item, how: Degradation | None, restorers: Mapping[str, Restore], protocol: Protocol, noise: Noise
) -> ImageScore | LeftOut:
    read = read_item(item, how, protocol, noise)
    if isinstance(read, LeftOut):
        return read
    made, checksums = read
    seen = to_unit(made.input)
    try:
        restored = {name: restore(seen) for name, restore in restorers.items()}
    except TooLargeError as error:
        return LeftOut(item.clean, f"too large: {error}")
    outputs = {INPUT: as_large(seen, made.target)} | restored
    values = {name: protocol.score(output, made.target, made.mask) for name, output in outputs.items()}
    height, width = made.target.shape[:2]
    return ImageScore(item.name, checksums, height, width, values)
