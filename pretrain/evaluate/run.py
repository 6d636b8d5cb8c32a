"""One evaluation: a checkpoint, some test sets, a protocol; scores and the record of how they came about."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from million_ird.errors import DatasetError, MillionIrdError, UsageError
from million_ird.settings import to_dict
from million_ird.shards import file_checksum
from pretrain.evaluate.folders import PictureSet
from pretrain.evaluate.measure import INPUT, SetScore, measure
from pretrain.evaluate.protocols import Floats, Protocol
from pretrain.evaluate.record import describe
from pretrain.models.pretrained import from_pretrained, weights_file
from pretrain.restore import Restorer, RestoreSettings, TooLargeError

_WHOLE = RestoreSettings(mode="whole")
_CPU = torch.device("cpu")


@dataclass(frozen=True)
class Evaluation:
    """What came out."""

    scores: list[SetScore]
    variants: list[str]
    record: dict[str, Any]
    """Plain values, fit for JSON: see `pretrain.evaluate.record`."""


def evaluate(
    checkpoint: Path,
    sets: Sequence[PictureSet],
    protocol: Protocol,
    sigmas: Sequence[float],
    variants: Sequence[str] = (),
    settings: RestoreSettings = _WHOLE,
    device: torch.device = _CPU,
    after_picture: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Measures variants of a network on test sets; all of them see the same pictures.

    Args:
        checkpoint: a folder or file as `pretrain.models.pretrained.from_pretrained` takes it.
        sets: in the order in which they are measured, which `promptir` depends on.
        protocol: how.
        sigmas: noise levels of 255 for sets of clean pictures, in their order.
        variants: names; all that the network was trained for if none is given.
        settings: how pictures go through the network; in mode `auto`, whole or in bands, as memory allows.
        device: where.
        after_picture: told how many pictures are done, and of how many.

    Raises:
        UsageError: no such checkpoint or variant.
        DatasetError: the checkpoint is damaged, or a set has not one usable picture.
        MillionIrdError: a picture is too large for the memory in this mode.
    """
    file = weights_file(checkpoint.expanduser())
    network = from_pretrained(file)
    chosen = [network.variant(name) for name in variants] or list(network.variants)
    if INPUT in (variant.name for variant in chosen):
        raise UsageError(f"a variant named {INPUT!r} cannot be told from the degraded pictures themselves: rename it")
    built = {variant.name: Restorer(network.model, variant, settings, device) for variant in chosen}
    restorers = {name: partial(_restored, restorer) for name, restorer in built.items()}
    scores = measure(sets, restorers, protocol, sigmas, after_picture)
    about = {
        "path": str(checkpoint),
        "file": file.name,
        "blake3": file_checksum(file),
        "variants": {variant.name: list(variant.repeats) for variant in chosen},
        "metadata": dict(network.metadata),
    }
    names = list(restorers)
    inference = {**to_dict(next(iter(built.values())).settings), "device": str(device)}
    record = describe(scores, names, protocol, sigmas, about, inference)
    return Evaluation(scores, names, record)


def _restored(restorer: Restorer, picture: Floats) -> Floats:
    """What the network gives; numbers that can be judged."""
    try:
        restored = restorer(picture)
    except TooLargeError as error:
        height, width = picture.shape[:2]
        raise MillionIrdError(f"a picture of {width}×{height} pixels: {error}") from error
    if not np.isfinite(restored).all():
        raise DatasetError(
            f"variant {restorer.variant.name} gives numbers that are not finite: its weights are damaged or diverged"
        )
    return restored
