"""One evaluation: a checkpoint, some test sets, a protocol; scores and the record of how they came about."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from million_ird.errors import UsageError
from million_ird.shards import file_checksum
from pretrain.bands import DEFAULT_ROWS, check_rows, restore_banded
from pretrain.evaluate.folders import PictureSet
from pretrain.evaluate.measure import INPUT, Restorer, SetScore, measure
from pretrain.evaluate.protocols import Floats, Protocol
from pretrain.evaluate.record import describe
from pretrain.models.dynet import DyNet
from pretrain.models.pretrained import from_pretrained, weights_file
from pretrain.models.variants import Variant
from pretrain.tiles import check_tiles, restore_tiled

Mode = Literal["whole", "tiled", "banded"]


@dataclass(frozen=True)
class Inference:
    """How pictures go through a network."""

    mode: Mode = "whole"
    """"whole"; "banded": the same result with less memory; "tiled": approximate, as a tile knows only its own
    statistics."""
    tile: int = 512
    """Side of the tiles in pixels; a multiple of 8."""
    overlap: int = 32
    """Pixels that neighbouring tiles share; a multiple of 8."""
    band_rows: int = DEFAULT_ROWS
    """Rows of a band; even."""
    device: str = "cpu"
    """Where it is computed, always in float32."""

    def __post_init__(self) -> None:
        check_tiles(self.tile, self.overlap)
        check_rows(self.band_rows)

    def described(self) -> dict[str, Any]:
        """What of this decides the result, for the record."""
        sizes = {"whole": {}, "tiled": {"tile": self.tile, "overlap": self.overlap}, "banded": {"rows": self.band_rows}}
        return {"mode": self.mode, **sizes[self.mode], "device": self.device, "precision": "float32"}


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
    inference: Inference | None = None,
    after_picture: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Measures variants of a network on test sets; all of them see the same pictures.

    Args:
        checkpoint: a folder or file as `pretrain.models.pretrained.from_pretrained` takes it.
        sets: in the order in which they are measured, which `promptir` depends on.
        protocol: how.
        sigmas: noise levels of 255 for sets of clean pictures, in their order.
        variants: names; all that the network was trained for if none is given.
        inference: how pictures go through the network.
        after_picture: told how many pictures are done, and of how many.

    Raises:
        UsageError: no such checkpoint or variant.
        DatasetError: the checkpoint is damaged, or a set has not one usable picture.
    """
    inference = inference or Inference()
    file = weights_file(checkpoint.expanduser())
    network = from_pretrained(file)
    chosen = [network.variant(name) for name in variants] or list(network.variants)
    if INPUT in (variant.name for variant in chosen):
        raise UsageError(f"a variant named {INPUT!r} cannot be told from the degraded pictures themselves: rename it")
    model = network.model.to(torch.device(inference.device))
    restorers = {variant.name: restorer(model, variant, inference) for variant in chosen}
    scores = measure(sets, restorers, protocol, sigmas, after_picture)
    about = {
        "path": str(checkpoint),
        "file": file.name,
        "blake3": file_checksum(file),
        "variants": {variant.name: list(variant.repeats) for variant in chosen},
        "metadata": dict(network.metadata),
    }
    names = list(restorers)
    record = describe(scores, names, protocol, sigmas, about, inference.described())
    return Evaluation(scores, names, record)


def restorer(model: DyNet, variant: Variant, inference: Inference) -> Restorer:
    """A variant of a network as a function of pictures (H, W, 3); the model is on its device."""
    run: Callable[..., torch.Tensor] = model
    if inference.mode == "tiled":
        run = partial(restore_tiled, model, tile=inference.tile, overlap=inference.overlap)
    elif inference.mode == "banded":
        run = partial(restore_banded, model, band_rows=inference.band_rows)

    def restore(picture: Floats) -> Floats:
        x_BCHW = torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)))[None]  # noqa: N806
        with torch.inference_mode():
            restored = run(x_BCHW.to(torch.device(inference.device)), variant=variant)
        return restored[0].float().cpu().numpy().transpose(1, 2, 0)

    return restore
