"""What pre-training is judged by: crops of held-out patches, corrupted and masked as in training, and whole held-out
patches under Gaussian noise. Fixed: the randomness of each comes from its patch's key alone, not from the run's seed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from typing import TypeVar

import numpy as np

from million_ird.errors import DatasetError, UsageError
from pretrain.corrupt import CorruptSettings, degrade
from pretrain.crop import Crop, DamagedPatchError, random_crop
from pretrain.levels import Picture, to_unit
from pretrain.masking import MaskSettings
from pretrain.stream.index import Patch
from pretrain.stream.samples import sample_rng
from pretrain.stream.stream import Stream
from pretrain.validate import Task, ValidationSettings

Made = TypeVar("Made")

_SEED = 0
"""In place of the run's seed, so that runs with different seeds are judged by the same corruptions."""
_CROP, _WHOLE = 0, 1
"""Numbers of crop of the two tasks: the same patch gives each its own randomness."""
_LARGEST_WHOLE = 512
"""Patches of other people's tars may be whole photographs; of those a square of this side is denoised."""


def heldout_tasks(
    stream: Stream, settings: ValidationSettings, corrupting: CorruptSettings, masking: MaskSettings
) -> list[Task]:
    """The tasks "corrupted" and "denoise_σ" (as far as `settings` want them) on the stream's held-out patches.

    Pairs are decoded when they are first asked for, and kept as uint8.

    Raises:
        UsageError: no image is held out.
    """
    if not stream.held_out:
        raise UsageError(
            "validation: no image is held out; set stream.holdout.fraction above 0, or validation.every = 0"
        )
    side = stream.settings.stages[-1][1]

    def corrupted(patch: Patch) -> tuple[Crop, Crop]:
        rng = sample_rng(_SEED, 0, patch.key, _CROP)
        clean = _square(stream, patch, side, rng)
        return degrade(clean, rng, corrupting, masking).input, clean

    def whole(patch: Patch) -> Crop:
        rng = sample_rng(_SEED, 0, patch.key, _WHOLE)
        return _square(stream, patch, min(patch.width, patch.height, _LARGEST_WHOLE), rng)

    def noisy(patch: Patch, clean: Crop) -> tuple[Picture, Picture]:
        rng = sample_rng(_SEED, 1, patch.key, _WHOLE)
        picture = to_unit(clean)
        noise = rng.standard_normal(picture.shape, np.float32) * np.float32(settings.sigma / 255.0)
        return picture + noise, picture

    tasks = []
    if settings.crops:
        chosen = spread(stream.held_out, settings.crops)
        pair = _kept(corrupted, chosen)
        tasks.append(
            Task("corrupted", len(chosen), lambda i: (to_unit(pair(i)[0]), to_unit(pair(i)[1])), settings.batch)
        )
    if settings.patches:
        patches = spread(stream.held_out, settings.patches)
        picture = _kept(whole, patches)
        tasks.append(Task(f"denoise_{settings.sigma:g}", len(patches), lambda i: noisy(patches[i], picture(i))))
    return tasks


def spread(patches: Sequence[Patch], count: int) -> list[Patch]:
    """At most `count` of the patches: of each image one, then of each a second …, images in the order of their shards,
    so that many images and few shards are met."""
    seen: Counter[str] = Counter()
    turns = []
    for patch in sorted(patches, key=lambda patch: patch.number):
        turns.append((seen[patch.image_key], patch.number, patch))
        seen[patch.image_key] += 1
    return [patch for _, _, patch in sorted(turns, key=lambda turn: turn[:2])[:count]]


def _kept(make: Callable[[Patch], Made], patches: Sequence[Patch]) -> Callable[[int], Made]:
    return cache(lambda index: make(patches[index]))


def _square(stream: Stream, patch: Patch, side: int, rng: np.random.Generator) -> Crop:
    try:
        data = stream.read(patch)
        return random_crop(data, patch.encoding, patch.width, patch.height, patch.orientation, side, rng)
    except DamagedPatchError as error:
        raise DatasetError(f"held-out patch {patch.key}: {error}") from error
