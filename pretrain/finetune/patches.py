"""Patches of built datasets as clean photographs to fine-tune on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

import numpy as np

from pretrain.crop import Crop
from pretrain.finetune.examples import Example, MadeExamples
from pretrain.finetune.pictures import PatchPicture
from pretrain.finetune.shrunk import shrunk
from pretrain.stream.cache import ShardCache, cache_folder
from pretrain.stream.index import Patch
from pretrain.stream.reader import ThreadReaders
from pretrain.stream.settings import HoldoutSettings, StreamSettings
from pretrain.stream.stream import open_stream

_UNIT = 16
"""Pixels: the crops of the stream are multiples of it."""


@dataclass(frozen=True)
class OpenPatches:
    """Patches to train on, one patch of each image that is held out, and what is known of the data."""

    training: Sequence[Example]
    held_out: list[Example]
    fingerprint: str
    licences: Mapping[str, int]
    """Patches under each licence."""


def open_patches(
    locations: Sequence[str], side: int, shrink: int, hold_out: int, seed: int, say: Callable[[str], None]
) -> OpenPatches:
    """Opens datasets, and holds images out.

    Args:
        locations: as `pretrain.stream.stream.open_stream` takes them.
        side: of the crops in pixels of the patches; those smaller than the next multiple of 16 are left out.
        shrink: patches are made smaller by it.
        hold_out: so many images are held out, at most half.
        seed: decides which.
        say: takes a line for a person.

    Raises:
        DatasetError, StoreError: a location cannot be read, or nothing is left to train on.
    """
    held = HoldoutSettings(fraction=0.5 if hold_out else 0.0, max_images=max(1, hold_out))
    settings = StreamSettings(crop=-(-side // _UNIT) * _UNIT, holdout=held)
    stream = open_stream(locations, settings, seed, _never, None, say)
    cache = ShardCache(cache_folder(settings.cache), int(settings.cache_gb * 1e9))
    fetch = ThreadReaders(stream.index, cache).read
    selection = stream.selection

    def example(patch: Patch) -> Example:
        return shrunk(Example(PatchPicture(patch, fetch)), shrink)

    training = MadeExamples(len(selection), lambda number: example(selection.patch(number)))
    one_of_each = {patch.image_key: patch for patch in reversed(stream.held_out)}
    judged = [example(patch) for patch in reversed(one_of_each.values())]
    return OpenPatches(training, judged, stream.fingerprint, stream.licences)


def _never(_crop: Crop, _rng: np.random.Generator) -> NoReturn:
    """In place of what corrupts the crops of pre-training."""
    raise AssertionError("fine-tuning asks the stream for patches, not for samples")
