"""One evaluation: a checkpoint, some test sets, a protocol; scores and the record of how they came about."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from million_ird.errors import DatasetError, UsageError
from million_ird.settings import to_dict
from million_ird.shards import file_checksum
from pretrain.degradations import Degradation
from pretrain.evaluate.measure import INPUT, SetScore, measure
from pretrain.evaluate.network_degradations import network_degradations
from pretrain.evaluate.picture_set import PictureSet
from pretrain.evaluate.protocols import Protocol, ProtocolName, protocol_for
from pretrain.evaluate.record import describe
from pretrain.levels import Picture
from pretrain.models.dynet import DyNet
from pretrain.models.families import scale_of, settings_of
from pretrain.models.pretrained import Pretrained, from_pretrained, weights_file
from pretrain.restore import Restorer, RestoreSettings

_WHOLE = RestoreSettings(mode="whole")
_CPU = torch.device("cpu")


@dataclass(frozen=True)
class Evaluation:
    """What came out."""

    scores: list[SetScore]
    variants: list[str]
    protocol: Protocol
    record: dict[str, Any]
    """Plain values, fit for JSON: see `pretrain.evaluate.record`."""


def evaluate(
    checkpoint: Path,
    sets: Sequence[PictureSet],
    protocol: ProtocolName | None = None,
    degradations: Sequence[Degradation] = (),
    variants: Sequence[str] = (),
    settings: RestoreSettings = _WHOLE,
    device: torch.device = _CPU,
    after_picture: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Measures variants of a network on test sets; all of them see the same pictures.

    Args:
        checkpoint: a folder or file as `pretrain.models.pretrained.from_pretrained` takes it.
        sets: in the order in which they are measured, which `promptir` depends on.
        protocol: how; None: as papers on such networks do (see `default_protocol`).
        degradations: of sets of clean pictures, in their order; what the network is for if there are none.
        variants: names; all that the network was trained for if none is given.
        settings: how pictures go through the network; in mode `auto`, whole or in parts, as memory allows.
        device: where.
        after_picture: told how many pictures are done, and of how many.

    Raises:
        UsageError: no such checkpoint or variant, or a protocol or degradation that does not suit the network.
        DatasetError: the checkpoint is damaged, or no set has one usable picture.
    """
    file = weights_file(checkpoint.expanduser())
    network = from_pretrained(file)
    scale = scale_of(settings_of(network.model))
    chosen_protocol = protocol_for(protocol or default_protocol(network), scale)
    how = list(degradations) or network_degradations(network, str(checkpoint))
    _check_scale(how, scale)
    chosen = [network.variant(name) for name in variants] or list(network.variants)
    if INPUT in (variant.name for variant in chosen):
        raise UsageError(f"a variant named {INPUT!r} cannot be told from the degraded pictures themselves: rename it")
    built = {variant.name: Restorer(network.model, variant, settings, device) for variant in chosen}
    restorers = {name: partial(_restored, restorer) for name, restorer in built.items()}
    scores = measure(sets, restorers, chosen_protocol, how, after_picture)
    about = {
        "path": str(checkpoint),
        "file": file.name,
        "blake3": file_checksum(file),
        "family": settings_of(network.model).family,
        "variants": {variant.name: list(variant.repeats) for variant in chosen},
        "metadata": dict(network.metadata),
    }
    names = list(restorers)
    inference = {**to_dict(next(iter(built.values())).settings), "device": str(device)}
    record = describe(scores, names, chosen_protocol, how, about, inference)
    return Evaluation(scores, names, chosen_protocol, record)


def default_protocol(network: Pretrained) -> ProtocolName:
    """`sr` for a network that enlarges, `promptir` for DyNet, whose tables it is, `fixed` for all others."""
    if scale_of(settings_of(network.model)) > 1:
        return "sr"
    return "promptir" if isinstance(network.model, DyNet) else "fixed"


def _check_scale(degradations: Sequence[Degradation], scale: int) -> None:
    for each in degradations:
        if each.scale != scale:
            raise UsageError(f"{each.title}: this network enlarges by {scale}; it is measured on smaller pictures")


def _restored(restorer: Restorer, picture: Picture) -> Picture:
    """What the network gives; numbers that can be judged."""
    restored = restorer(picture)
    if not np.isfinite(restored).all():
        raise DatasetError(
            f"variant {restorer.variant.name} gives numbers that are not finite: its weights are damaged or diverged"
        )
    return restored
