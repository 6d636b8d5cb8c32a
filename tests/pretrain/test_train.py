"""Pre-training put together: the images held out stay held out, and the log's fractions are what the batch shows."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from million_ird import Dataset
from million_ird.errors import DatasetError, UsageError
from pretrain.ranks import Ranks
from pretrain.recipe import PretrainRecipe
from pretrain.stream.batch import Batch
from pretrain.stream.settings import HoldoutSettings, StreamSettings
from pretrain.train import assemble, fractions
from pretrain.validate import ValidationSettings
from tests.pretrain.tiny import LARGE, SETTINGS, SMALL


def recipe(dataset: Dataset, cache: Path, **more: Any) -> PretrainRecipe:
    stream = StreamSettings(crop=32, lanes=8, workers=0, cache=str(cache), holdout=HoldoutSettings(fraction=0.3))
    values = {"model": SETTINGS, "variants": {"large": LARGE.repeats, "small": SMALL.repeats}, "batch": 2, **more}
    return PretrainRecipe(dataset=(dataset.url,), stream=stream, **values)


def test_the_images_held_out_are_recorded_and_stay_so(built: Dataset, tmp_path: Path) -> None:
    mine = recipe(built, tmp_path / "cache")
    first = assemble(mine, tmp_path, Ranks())
    recorded = json.loads((tmp_path / "holdout.json").read_text())
    assert recorded["images"] == first.source.holdout.images > 0  # type: ignore[attr-defined]
    other = replace(mine, stream=replace(mine.stream, holdout=HoldoutSettings(fraction=0.5)))
    assert assemble(other, tmp_path, Ranks()).source.holdout != first.source.holdout  # type: ignore[attr-defined]
    assemble(mine, tmp_path, Ranks())
    (tmp_path / "log.jsonl").touch()  # from its first step on, a run keeps them
    again = assemble(other, tmp_path, Ranks())
    assert again.source.holdout == first.source.holdout, "the record decides"  # type: ignore[attr-defined]
    assert again.source.fingerprint == first.source.fingerprint


def test_fractions_are_shares_of_the_cells(built: Dataset, tmp_path: Path) -> None:
    grid = torch.zeros(2, 2, 2, dtype=torch.bool)
    degraded, masked = grid.clone(), grid.clone()
    degraded[0, 0] = masked[0, 0, 0] = masked[1, 1, 1] = True
    pictures = torch.zeros(2, 3, 32, 32, dtype=torch.uint8)
    batch = Batch(0, pictures, pictures, degraded, masked, grid.to(torch.uint8), ("a", "b"), 0)
    assert fractions(batch) == {"degraded": 2 / 8, "masked": 2 / 8, "clean": 5 / 8}
    real = next(assemble(recipe(built, tmp_path), tmp_path, Ranks()).source.loader(2, 0, 1, 0, False, substituted=0))
    found = fractions(real)  # type: ignore[arg-type]
    assert found["degraded"] == 0.5
    assert sum(found.values()) == pytest.approx(1)


def test_without_validation_nothing_need_be_held_out(built: Dataset, tmp_path: Path) -> None:
    mine = recipe(built, tmp_path, validation=ValidationSettings(every=0))
    mine = replace(mine, stream=replace(mine.stream, holdout=HoldoutSettings(fraction=0)))
    assert assemble(mine, tmp_path, Ranks()).judge is None
    with pytest.raises(UsageError, match="no image is held out"):
        assemble(replace(mine, validation=ValidationSettings()), tmp_path, Ranks())


def test_data_that_are_not_there(built: Dataset, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="nowhere"):
        assemble(replace(recipe(built, tmp_path), dataset=(str(tmp_path / "nowhere"),)), tmp_path, Ranks())
