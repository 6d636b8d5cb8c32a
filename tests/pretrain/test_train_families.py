"""Every family through the training loop: it learns, it goes on where it broke off, and how is no matter."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from million_ird.errors import DatasetError, UsageError
from pretrain.checkpoint import CheckpointSettings, read_checkpoint
from pretrain.ema import Ema, EmaSettings
from pretrain.export import export
from pretrain.guard import Guard, GuardSettings
from pretrain.logs import LogSettings, read_log
from pretrain.models.families import ModelSettings, before_step, settings_of
from pretrain.models.ghost.anneal import ghost_layers
from pretrain.models.ghost.network import GhostNetworkSettings
from pretrain.models.lmd_vit.settings import LMDViTSettings
from pretrain.models.pretrained import from_pretrained
from pretrain.models.variants import WHOLE
from pretrain.objective import LossSettings, Objective, objective_of
from pretrain.optimizer import OptimizerSettings, make_optimizer
from pretrain.recipe import TrainingRecipe
from pretrain.step import StepResult, StepSettings, accumulate_gradients, training_step
from tests.pretrain.every_family import (
    NETWORKS,
    FamilySource,
    batch_of,
    keep_everything,
    network,
    variants_of,
)
from tests.pretrain.test_loop import curve, last_files, train
from tests.pretrain.tiny import TinyBatch

DRAWING = ["grl", "lmd-vit", "ghost of edsr"]
"""Networks that draw while they train: what they leave out, which windows they keep, which offsets they take."""


def recipe_of(name: str) -> TrainingRecipe:
    """A few steps with everything that a resumed run must take up again."""
    return TrainingRecipe(
        name=name.replace(" ", "-"),
        steps=4,
        batch=4,
        accumulate=2,
        model=NETWORKS[name],
        loss=LossSettings("deblurring", pruning=0.1) if name == "lmd-vit" else LossSettings("l1"),
        optimizer=OptimizerSettings(lr=1e-3),
        ema=EmaSettings(enabled=name.startswith("ghost"), decay=0.5),
        guard=GuardSettings(window=2),
        checkpoint=CheckpointSettings(every=2, keep=9),
        log=LogSettings(every=1, tensorboard=False),
    )


def run(out: Path, recipe: TrainingRecipe, most: int = 10**6, resume: bool = False) -> int:
    source = FamilySource(recipe.model, most)
    return train(out, recipe, resume, source=source, objective=objective_of(recipe.loss, recipe.model))


@pytest.mark.parametrize("name", ["esrt", "grl", "grl enlarging", "lmd-vit", "edsr", "rdn", "carn-m", "ghost of edsr"])
def test_every_family_trains_and_hands_on_what_it_learned(name: str, tmp_path: Path) -> None:
    recipe = recipe_of(name)
    assert run(tmp_path, recipe) == 0
    last = curve(tmp_path)[-1]
    assert last["step"] == 4 and last["updates"] == {"whole": 4} and last["skipped"] == 0
    assert read_log(tmp_path, "skipped") == [], "no loss is negative, so none is a spike"
    checkpoint = read_checkpoint(tmp_path / "checkpoints/step-00000004")
    first = read_checkpoint(tmp_path / "checkpoints/step-00000002")
    assert (checkpoint.ema is not None) == recipe.ema.enabled
    for folder, expected in (("model", checkpoint.model), ("model-ema", checkpoint.ema)):
        if expected is None:
            continue
        read = from_pretrained(tmp_path / folder)
        assert settings_of(read.model) == recipe.model and read.variants == (WHOLE,)
        assert all(torch.equal(value, expected[key]) for key, value in read.model.state_dict().items())
        assert "[model]" in read.metadata["recipe"] and f'family = "{recipe.model.family}"' in read.metadata["recipe"]
    weights = [key for key, _ in from_pretrained(tmp_path / "model").model.named_parameters()]
    moved = [key for key in weights if not torch.equal(checkpoint.model[key], first.model[key])]
    assert len(moved) > 0.7 * len(weights)


@pytest.mark.parametrize("name", DRAWING)
def test_a_run_that_draws_goes_on_as_if_it_had_not_broken_off(name: str, tmp_path: Path) -> None:
    recipe = recipe_of(name)
    torch.manual_seed(1)
    assert run(tmp_path / "whole", recipe) == 0
    with pytest.raises(DatasetError, match="the data have ended"):
        run(tmp_path / "broken", recipe, most=3)
    torch.manual_seed(2)  # another process draws from another state
    assert run(tmp_path / "broken", recipe, resume=True) == 0
    assert curve(tmp_path / "broken") == curve(tmp_path / "whole")
    assert last_files(tmp_path / "broken") == last_files(tmp_path / "whole")


def test_ghosts_begin_with_a_dense_run_and_their_noise_fades(tmp_path: Path) -> None:
    shape = NETWORKS["ghost of edsr"]
    assert isinstance(shape, GhostNetworkSettings)
    dense = replace(recipe_of("edsr"), model=shape.network, steps=2)
    assert run(tmp_path / "dense", dense) == 0
    ghost = replace(recipe_of("ghost of edsr"), init=str(tmp_path / "dense"))
    assert run(tmp_path / "ghost", ghost) == 0 and run(tmp_path / "again", ghost) == 0
    assert last_files(tmp_path / "ghost").keys() == last_files(tmp_path / "again").keys()
    states = [read_checkpoint(tmp_path / folder / "checkpoints/step-00000004").model for folder in ("ghost", "again")]
    assert all(torch.equal(states[1][key], value) for key, value in states[0].items()), "the seed decides the offsets"
    (noise,) = {float(value) for key, value in states[0].items() if key.endswith(".noise")}
    assert noise == pytest.approx(0.97 ** (3 / shape.epoch_steps)), "as it was when the last step, the fourth, began"
    with pytest.raises(UsageError, match=r"init: .*dense is not the network of \[model\.network\].*width: 6 → 8"):
        run(tmp_path / "wrong", replace(ghost, model=replace(shape, network=replace(shape.network, width=8))))


def test_the_average_of_a_ghost_network_averages_weights_and_keeps_the_rest(tmp_path: Path) -> None:
    assert run(tmp_path, recipe_of("ghost of edsr")) == 0
    saved = read_checkpoint(tmp_path / "checkpoints/step-00000004")
    assert saved.ema is not None
    for name, value in saved.model.items():
        same = torch.equal(saved.ema[name], value)
        assert same == name.endswith((".noise", ".index", "colour.mean")), name
    model = network(NETWORKS["ghost of edsr"])
    ema = Ema(model, EmaSettings(enabled=True, decay=0.5, ramp=False))
    before_step(model, 40)
    _, layer = next(ghost_layers(model))
    layer.order.set(torch.tensor([5, 4, 3, 2, 1, 0]))
    ema.update(0)
    with ema.applied():
        assert float(layer.noise) == pytest.approx(0.97**10)
        assert layer.order.index.tolist() == [5, 4, 3, 2, 1, 0]


def _gradients(shape: ModelSettings, settings: StepSettings, batch: TinyBatch) -> tuple[Tensor, dict[str, Tensor]]:
    model = keep_everything(network(shape))
    torch.manual_seed(3)
    measured = accumulate_gradients(model, batch, variants_of(shape)[:1], settings)
    return measured, {name: weight.grad for name, weight in model.named_parameters() if weight.grad is not None}


@pytest.mark.parametrize("name", ["lmd-vit", "carn"])
def test_micro_batches_with_masks_give_the_same_gradient(name: str) -> None:
    shape = NETWORKS[name]
    if hasattr(shape, "drop_path"):
        shape = replace(shape, drop_path=0.0)  # type: ignore[call-overload]
    objective, batch = objective_of(LossSettings(pruning=1.0), shape), batch_of(shape, batch=4)
    whole, expected = _gradients(shape, StepSettings(objective=objective), batch)
    measured, found = _gradients(shape, StepSettings(2, objective=objective), batch)
    torch.testing.assert_close(measured, whole, rtol=1e-5, atol=0)
    assert found.keys() == expected.keys()
    for key, gradient in expected.items():
        torch.testing.assert_close(found[key], gradient, rtol=1e-3, atol=1e-5, msg=key)
    if name == "lmd-vit":
        assert batch.masks is not None
        turned = replace(batch, masks=batch.masks.flip(0))
        _, other = _gradients(shape, StepSettings(2, objective=objective), turned)
        assert any(not torch.equal(other[key], gradient) for key, gradient in found.items()), "masks keep their samples"


def _stepped(model: nn.Module, shape: ModelSettings, settings: StepSettings) -> StepResult:
    torch.manual_seed(3)
    optimizer = make_optimizer(model, OptimizerSettings(lr=1e-3))
    return training_step(model, batch_of(shape), variants_of(shape)[:1], optimizer, Guard(GuardSettings()), settings)


@pytest.mark.parametrize("name", ["esrt", "grl", "lmd-vit", "rdn", "carn-m", "ghost of edsr"])
def test_a_step_in_bf16_is_near_one_in_fp32_and_leaves_float32(name: str) -> None:
    shape = NETWORKS[name]
    objective = objective_of(LossSettings("charbonnier"), shape)
    model = keep_everything(network(shape))
    exact = _stepped(keep_everything(network(shape)), shape, StepSettings(objective=objective))
    half = _stepped(model, shape, StepSettings(precision="bf16", objective=objective))
    assert half.verdict == "" and half.loss == pytest.approx(exact.loss, rel=0.1) and half.loss != exact.loss
    grown = [weight.grad for weight in model.parameters() if weight.grad is not None]
    assert {weight.dtype for weight in (*model.parameters(), *grown)} == {torch.float32}


def test_masks_of_another_size_than_the_batch_are_not_passed_over() -> None:
    shape = NETWORKS["lmd-vit"]
    assert isinstance(shape, LMDViTSettings)
    batch = batch_of(shape, batch=4)
    assert batch.masks is not None
    objective = objective_of(LossSettings(), shape)
    with pytest.raises((ValueError, RuntimeError)):
        _gradients(shape, StepSettings(objective=objective), replace(batch, masks=batch.masks[:2]))
    plain = StepSettings(objective=Objective())
    measured, _ = _gradients(shape, plain, replace(batch, masks=None))
    assert measured.isfinite().all(), "what looks at no masks needs none"


@pytest.mark.parametrize("form", ["program", "onnx"])
def test_only_dynet_is_exported(form: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="only networks of the family dynet can be exported") as caught:
        export(network(NETWORKS["esrt"]), WHOLE, tmp_path / "x.pt2", form)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value) and not list(tmp_path.iterdir())
