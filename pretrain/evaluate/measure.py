"""Measuring restorers on test sets. A restorer is any function of a picture, so networks are one kind among others."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from million_ird.errors import DatasetError
from million_ird.records import Rejection
from million_ird.shards import checksum
from pretrain.evaluate.folders import Item, PictureSet
from pretrain.evaluate.protocols import Floats, Noise, Protocol, to_unit
from pretrain.images import Pixels, decode_image, explain
from pretrain.pairs import LeftOut

Restorer = Callable[[Floats], Floats]
"""A picture (H, W, 3), float32 in about [0, 1] → the restored one of the same shape."""

INPUT = "input"
"""The name of the restorer that does nothing, which is always measured."""

_SMALLEST = 11
"""Pixels of the largest SSIM window."""


@dataclass(frozen=True, slots=True)
class ImageScore:
    """What was measured on one picture: restorer → metric → value. Checksums are BLAKE3-128 of the files' bytes."""

    name: str
    checksums: tuple[str, ...]
    height: int
    width: int
    values: Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class SetScore:
    """One set under one degradation; `sigma` is None where pictures came degraded; unpaired files are left out too."""

    set: PictureSet
    sigma: float | None
    images: tuple[ImageScore, ...]
    left_out: tuple[LeftOut, ...]

    @property
    def degradation(self) -> str:
        """`derain`, `dehaze`, … or `denoise σ=25`."""
        return self.set.degradation if self.sigma is None else f"{self.set.degradation} σ={self.sigma:g}"

    def mean(self, restorer: str, metric: str) -> float:
        """The mean over pictures (of PSNR: of the pictures' decibels, as all published tables have it)."""
        return math.fsum(image.values[restorer][metric] for image in self.images) / len(self.images)


def measure(
    sets: Sequence[PictureSet],
    restorers: Mapping[str, Restorer],
    protocol: Protocol,
    sigmas: Sequence[float],
    after_picture: Callable[[int, int], None] | None = None,
) -> list[SetScore]:
    """Scores of all sets in the order given: of clean sets for each σ in turn, of others once.

    All restorers see the same pictures. Files that cannot be used are left out and named.

    Args:
        after_picture: told how many pictures are done, and of how many; one counts once for each σ.

    Raises:
        DatasetError: not one usable picture in a set.
    """
    noise = protocol.make_noise()
    rounds = [(each, sigma) for each in sets for sigma in (sigmas if each.degradation == "denoise" else [None])]
    total, done = sum(len(each.items) for each, _ in rounds), 0
    scores = []
    for each, sigma in rounds:
        images, left_out = [], list(each.left_out)
        for item in each.items:
            outcome = _score(item, sigma, restorers, protocol, noise)
            if isinstance(outcome, LeftOut):
                left_out.append(outcome)
            else:
                images.append(outcome)
            done += 1
            if after_picture is not None:
                after_picture(done, total)
        scores.append(_set_score(each, sigma, images, left_out))
    return scores


def _set_score(each: PictureSet, sigma: float | None, images: list[ImageScore], left_out: list[LeftOut]) -> SetScore:
    if not images:
        reason = f"; the first: {left_out[0].path.name}: {left_out[0].reason}" if left_out else ""
        raise DatasetError(f"test set {each.name}: none of {len(left_out)} pictures can be used{reason}")
    return SetScore(each, sigma, tuple(images), tuple(left_out))


def _score(
    item: Item, sigma: float | None, restorers: Mapping[str, Restorer], protocol: Protocol, noise: Noise
) -> ImageScore | LeftOut:
    files = [_read(path) for path in (item.degraded, item.clean) if path is not None]
    for file in files:
        if isinstance(file, LeftOut):
            return file
    pictures = [file for file in files if not isinstance(file, LeftOut)]
    problem = _unfit(item, pictures, protocol)
    if problem is not None:
        return problem
    degraded, clean = protocol.cut(pictures[0].pixels), protocol.cut(pictures[-1].pixels)
    given = to_unit(degraded) if sigma is None else protocol.add_noise(clean, sigma, noise, item.name)
    outputs = {INPUT: given, **{name: restore(given) for name, restore in restorers.items()}}
    values = {name: protocol.score(output, clean) for name, output in outputs.items()}
    height, width = clean.shape[:2]
    return ImageScore(item.name, tuple(file.checksum for file in pictures), height, width, values)


@dataclass(frozen=True, slots=True)
class _Picture:
    pixels: Pixels
    checksum: str


def _read(path: Path) -> _Picture | LeftOut:
    try:
        data = path.read_bytes()
    except OSError as error:
        return LeftOut(path, f"cannot be read: {error.strerror}")
    pixels = decode_image(data)
    return LeftOut(path, explain(pixels)) if isinstance(pixels, Rejection) else _Picture(pixels, checksum(data))


def _unfit(item: Item, pictures: Sequence[_Picture], protocol: Protocol) -> LeftOut | None:
    sizes = [f"{picture.pixels.shape[1]}×{picture.pixels.shape[0]}" for picture in pictures]
    if len(set(sizes)) > 1:
        return LeftOut(item.degraded or item.clean, f"degraded and clean picture differ in size: {' and '.join(sizes)}")
    smallest = max(_SMALLEST, protocol.multiple)
    if min(pictures[-1].pixels.shape[:2]) < smallest:
        return LeftOut(item.clean, f"{sizes[-1]} pixels; at least {smallest}×{smallest} are needed")
    return None
