"""Patches of built datasets as clean photographs to fine-tune on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn, overload

import numpy as np

from pretrain.crop import Crop
from pretrain.finetune.pictures import Example, PatchPicture
from pretrain.finetune.shrunk import shrunk
from pretrain.stream.cache import ShardCache, cache_folder
from pretrain.stream.index import Patch
from pretrain.stream.reader import ThreadReaders
from pretrain.stream.settings import HoldoutSettings, StreamSettings
from pretrain.stream.stream import Stream, open_stream

_UNIT = 16
"""Pixels: the crops of the stream are multiples of it."""


class PatchExamples(Sequence[Example]):
    """The patches of some datasets that are trained on, made into examples when they are asked for.

    Args:
        stream: the opened datasets.
        fetch: gives a patch's bytes.
        shrink: they are made smaller by it.
    """

    def __init__(self, stream: Stream, fetch: Callable[[Patch], bytes], shrink: int) -> None:
        self._selection, self._fetch, self._shrink = stream.selection, fetch, shrink

    def __len__(self) -> int:
        return len(self._selection)

    @overload
    def __getitem__(self, index: int) -> Example: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Example]: ...
    def __getitem__(self, index: int | slice) -> Example | Sequence[Example]:
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        patch = self._selection.patch(range(len(self))[index])
        return shrunk(Example(PatchPicture(patch, self._fetch)), self._shrink)


@dataclass(frozen=True)
class OpenPatches:
    """Patches to train on, one patch of each image that is held out, and what is known of the data."""

    training: PatchExamples
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
    one_of_each = {patch.image_key: patch for patch in reversed(stream.held_out)}
    judged = [shrunk(Example(PatchPicture(patch, fetch)), shrink) for patch in reversed(one_of_each.values())]
    return OpenPatches(PatchExamples(stream, fetch, shrink), judged, stream.fingerprint, stream.licences)


def _never(_crop: Crop, _rng: np.random.Generator) -> NoReturn:
    """In place of what corrupts the crops of pre-training."""
    raise AssertionError("fine-tuning asks the stream for patches, not for samples")
