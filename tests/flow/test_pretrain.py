"""Whole pre-trainings by the command: what a run leaves, and that every kind of recipe trains."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from million_ird.plain_values import toml_value
from million_ird.settings import to_dict
from pretrain.checkpoint import Checkpoints, CheckpointSettings
from pretrain.draw import DrawSettings, draw_variants
from pretrain.logs import read_log
from pretrain.models.families import ModelSettings, settings_of
from pretrain.models.grl.settings import GRLSettings
from pretrain.models.lmd_vit.settings import LMDViTSettings
from pretrain.models.pretrained import from_pretrained
from pretrain.models.variants import WHOLE
from pretrain.recipe import PretrainRecipe, recipe_from_toml
from pretrain.run_folder import RECIPE
from tests.flow.training import STEPS, Trainer, traces


def lines(out: Path, kind: str) -> list[dict[str, Any]]:
    return read_log(out, kind)


def test_a_run_leaves_its_recipe_log_checkpoints_pictures_and_network(finished: Path) -> None:
    recipe = recipe_from_toml(PretrainRecipe, (finished / RECIPE).read_text())
    assert recipe.steps == STEPS
    last = lines(finished, "train")[-1]
    assert last["step"] == STEPS
    assert sum(last["updates"].values()) == STEPS
    drawn = [draw_variants(0, step, DrawSettings(), recipe.trained_variants())[0].name for step in range(STEPS)]
    assert last["updates"] == {name: drawn.count(name) for name in ("large", "small")}
    assert last["degraded"] == 0.5, "of 4 cells 2"
    assert last["masked"] in np.arange(0.25, 0.51, 0.0625), "1 or 2 of 4 cells in each of 2 samples of 2 steps"
    assert last["clean"] == pytest.approx(0.5 - last["masked"])
    for validation in lines(finished, "validation"):
        scores = [validation[name][task] for name in ("large", "small") for task in ("corrupted", "denoise_25")]
        assert validation["mean"] == pytest.approx(sum(scores) / 4)
    assert len(list((finished / "samples").iterdir())) == 2 * len(lines(finished, "validation"))
    assert list((finished / "tensorboard").iterdir())
    assert json.loads((finished / "holdout.json").read_text())["images"] >= 1


def test_the_network_it_hands_on_is_its_best_checkpoint_and_says_where_it_is_from(finished: Path) -> None:
    found = from_pretrained(finished / "model")
    best = Checkpoints(finished, CheckpointSettings()).best()
    assert best is not None
    expected = from_pretrained(best)
    for name, value in expected.model.state_dict().items():
        assert torch.equal(found.model.state_dict()[name], value)
    assert [variant.name for variant in found.variants] == ["large", "small"]
    assert recipe_from_toml(PretrainRecipe, found.metadata["recipe"]).steps == STEPS
    assert sum(json.loads(found.metadata["licences"]).values()) > 0
    assert found.metadata["stream_fingerprint"]
    image = torch.rand(1, 3, 21, 13)
    with torch.no_grad():
        assert not torch.equal(found.model(image, found.variant("large")), found.model(image, found.variant("small")))


def test_micro_batches_and_data_workers_change_nothing_that_matters(
    train: Trainer, trained: Mapping[str, Any], tmp_path: Path
) -> None:
    code, printed = train.run(tmp_path / "run", "accumulate=2", "stream.workers=1")
    assert code == 0, printed
    for line, expected in zip(traces(tmp_path / "run")["log"], trained["log"], strict=True):
        assert line["step"] == expected["step"]
        for name in {"loss", "psnr", "mean"} & expected.keys():
            assert line[name] == pytest.approx(expected[name], rel=1e-3)


@pytest.mark.parametrize(
    "settings",
    [
        {"draw.rule": "sandwich", "ema.enabled": True, "schedule.shape": "cosine", "schedule.warmup": 2},
        {"model.shared": False, "model.prompt_placement": "decoder"},
        {"stream.crop": [[0, 16], [3, 32]], "stream.crops_per_patch": 2},
        {"draw.probability": {"large": 1.0}, "mask.masked": 0.0, "optimizer.kind": "adamw", "optimizer.clip_norm": 0.1},
    ],
    ids=["alternatives", "unshared control", "growing crops", "controls"],
)
def test_every_kind_of_recipe_trains_and_goes_on(train: Trainer, tmp_path: Path, settings: dict[str, Any]) -> None:
    chosen = {"steps": 5, "validation.every": 4, "checkpoint.every": 3, "log.every": 1, **settings}
    words = [f"{name}={_toml(value)}" for name, value in chosen.items()]
    code, printed = train.run(tmp_path / "run", *words)
    assert code == 0, printed
    whole = traces(tmp_path / "run")
    last = lines(tmp_path / "run", "train")[-1]
    if "draw.rule" in settings:
        assert last["updates"] == {"large": 5, "small": 5}
        assert from_pretrained(tmp_path / "run/model-ema").variants
        assert "ema" in lines(tmp_path / "run", "validation")[0]
    elif "draw.probability" in settings:
        assert last["updates"] == {"large": 5, "small": 0}
        assert last["masked"] == 0
        assert "small" in lines(tmp_path / "run", "validation")[0], "never trained, and judged"
    for step in (4, 5):
        for file in (tmp_path / f"run/checkpoints/step-{step:08d}").glob("*"):
            file.unlink()
    code, printed = train.run(tmp_path / "run", *words, "--resume")
    assert code == 0, printed
    assert traces(tmp_path / "run") == whole


OTHERS: dict[str, ModelSettings] = {
    "grl": GRLSettings(width=8, depths=(2,), window=4, stripe=(4, 8), anchor_factor=2),
    "lmd-vit": LMDViTSettings(width=4, window=2, depths=(1,) * 9, heads=(1,) * 9),
}


@pytest.mark.parametrize("family", OTHERS)
def test_networks_of_other_families_train_go_on_and_are_handed_on(train: Trainer, tmp_path: Path, family: str) -> None:
    model = toml_value(to_dict(OTHERS[family]))
    words = [f"model={model}", "variants={}", "steps=3", "validation.every=3", "checkpoint.every=2", "log.every=1"]
    out = tmp_path / "run"
    code, printed = train.run(out, *words)
    assert code == 0, printed
    assert f'family = "{family}"' in (out / RECIPE).read_text()
    whole = traces(out)
    assert lines(out, "train")[-1]["updates"] == {"whole": 3}
    assert lines(out, "validation")[0]["whole"].keys() == {"corrupted", "denoise_25"}
    shutil.rmtree(out / "checkpoints/step-00000003")
    code, printed = train.run(out, *words, "--resume")
    assert code == 0, printed
    assert traces(out) == whole, "what is drawn while training is drawn again"
    found = from_pretrained(out / "model")
    assert settings_of(found.model) == OTHERS[family] and found.variants == (WHOLE,)
    with torch.no_grad():
        assert found.model(torch.rand(1, 3, 21, 13)).shape == (1, 3, 21, 13)
    code, printed = train.run(tmp_path / "dynets", f"model={model}", "steps=3")
    assert code == 2 and "variant 'large':" in printed and "variants are DyNet's" in printed


def test_networks_that_enlarge_are_sent_to_fine_tuning(train: Trainer, tmp_path: Path) -> None:
    code, printed = train.run(tmp_path / "run", 'model={family = "esrt"}', "variants={}")
    assert code == 2 and "super-resolution is a task of `million-ird finetune`" in printed, printed
    assert len(printed.splitlines()) == 1 and not (tmp_path / "run").exists()


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name} = {inner}" for name, inner in value.items()) + "}"
    return json.dumps(value)
