from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from million_ird.windows import padding
from pretrain.models.counting import parameters
from pretrain.models.lmd_vit.network import LMDViT
from pretrain.models.lmd_vit.predictor import Predictor
from pretrain.models.lmd_vit.windows import window_means
from pretrain.models.window import partition
from tests.pretrain.models.lmd_vit import reference_lmd_vit as reference
from tests.pretrain.models.lmd_vit.tiny import TINY, network, random_decisions


def _image(batch: int, height: int, width: int) -> Tensor:
    return torch.rand(batch, 3, height, width, generator=torch.Generator().manual_seed(5))


def test_parameters_are_those_of_the_authors_code() -> None:
    with torch.device("meta"):
        model = LMDViT()
    predictors = sum(parameters(part) for part in model.modules() if isinstance(part, Predictor))
    assert parameters(model) == 54_549_163  # 54.55 M
    assert predictors == 3_667_640  # 3.67 M
    assert parameters(model.stages[5]) == 27_055_492  # dec0: 27.1 M
    assert model.grids(1436, 2152)[0] == (192, 272) and model.grids(1436, 2152)[7] == (12, 17)


def test_it_equals_the_description_written_a_second_time() -> None:
    model = network().double()
    image = _image(1, 64, 32).double()
    with torch.no_grad():
        found = model.predict(image)
    weights = {name: value.numpy() for name, value in model.state_dict().items()}
    restored, kept = reference.network(image[0].permute(1, 2, 0).numpy(), weights, TINY.window, TINY.depths, TINY.heads)
    for ours, theirs in zip(found.decisions, kept, strict=True):
        assert ours[0].tolist() == theirs.tolist()
    assert 0.1 < np.mean([each.mean() for each in kept]) < 0.9
    np.testing.assert_allclose(found.restored_B3HW[0].permute(1, 2, 0).numpy(), restored, rtol=0, atol=1e-10)


def _watched(model: LMDViT, image: Tensor, decisions: list[Tensor]) -> list[tuple[str, Tensor, Tensor]]:
    """Name, input and output of every block of a pass."""
    seen: list[tuple[str, Tensor, Tensor]] = []
    hooks = [
        part.register_forward_hook(lambda _part, given, got, name=name: seen.append((name, given[0], got)))
        for name, part in model.named_modules()
        if name.split(".")[-2:-1] == ["blocks"]
    ]
    with torch.no_grad():
        model(image, decisions=decisions)
    for hook in hooks:
        hook.remove()
    return seen


def test_every_block_passes_pruned_windows_bit_for_bit_and_changes_kept_ones() -> None:
    model, image = network(), _image(2, 40, 60)
    decisions = random_decisions(model, 2, 40, 60, 0.4, seed=1)
    of_map = {(decided.stage, decided.shifted): kept for decided, kept in zip(TINY.maps, decisions, strict=True)}
    seen = _watched(model, image, decisions)
    assert len(seen) == sum(TINY.depths)
    for name, given, got in seen:
        _, stage, _, index = name.split(".")
        shifted = int(index) % 2 == 1
        kept = of_map[int(stage), shifted]
        before, after = (partition(each, (TINY.window, TINY.window), shifted=shifted) for each in (given, got))
        assert torch.equal(before[~kept], after[~kept]), name
        assert (before[kept] != after[kept]).flatten(1).any(dim=1).all(), name


def test_all_kept_at_inference_is_the_unpruned_computation_of_training_bit_for_bit() -> None:
    model, image = network(), _image(2, 32, 40)
    ones = random_decisions(model, 2, 32, 40, 1.1, seed=0)
    with torch.no_grad():
        skipping = model(image, decisions=ones)
        multiplied = model.train()(image, decisions=[kept.float() for kept in ones])
    assert torch.equal(skipping, multiplied)


def test_training_and_inference_agree_on_any_decisions() -> None:
    model, image = network(), _image(2, 32, 40)
    some = random_decisions(model, 2, 32, 40, 0.5, seed=3)
    with torch.no_grad():
        torch.testing.assert_close(
            model(image, decisions=some), model.train()(image, decisions=some), rtol=1e-4, atol=1e-5
        )


def test_pictures_of_a_batch_are_decided_each_by_itself() -> None:
    model, images = network().double(), _image(3, 32, 64).double()
    images[1] = 0.5
    with torch.no_grad():
        together = model.predict(images)
        alone = [model.predict(image[None]) for image in images]
    torch.testing.assert_close(together.restored_B3HW, torch.cat([each.restored_B3HW for each in alone]))
    for index, decided in enumerate(together.decisions):
        assert torch.equal(decided, torch.cat([each.decisions[index] for each in alone]))
    assert any((decided[0] != decided[1]).any() for decided in together.decisions)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (33, 31), (32, 32), (5, 70)])
def test_any_size_is_padded_around_and_cropped(height: int, width: int) -> None:
    model, image = network(), _image(1, height, width)
    frame = padding(height, width, TINY.multiple)
    padded = torch.zeros(1, 3, frame.height, frame.width)
    inside = (..., slice(frame.top, frame.top + height), slice(frame.left, frame.left + width))
    padded[inside] = image
    with torch.no_grad():
        result = model(image)
        assert result.shape == image.shape
        assert torch.equal(result, model(padded)[inside])


def test_logits_are_of_the_features_and_decisions_of_their_means() -> None:
    model = network()
    with torch.no_grad():
        found = model.predict(_image(1, 64, 32))
    for decided, logits, kept in zip(TINY.maps, found.logits, found.decisions, strict=True):
        assert logits.shape == (1, 2, 64 >> decided.level, 32 >> decided.level)
        means = window_means(logits.permute(0, 2, 3, 1), TINY.window, shifted=decided.shifted)
        assert torch.equal(kept, means[..., 0] > means[..., 1])


def test_draws_come_from_the_generator_given() -> None:
    model, image = network(dataclasses.replace(TINY, drop_path=0.3)).train(), _image(2, 32, 32)
    before = torch.get_rng_state()
    first, again, other = (
        model.predict(image, generator=torch.Generator().manual_seed(seed)).restored_B3HW for seed in (1, 1, 2)
    )
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert torch.equal(before, torch.get_rng_state())
    torch.manual_seed(4)
    by_global = model(image)
    torch.manual_seed(4)
    assert torch.equal(by_global, model(image))


def test_in_training_the_second_map_is_multiplied_by_the_first_if_chained() -> None:
    image = _image(2, 64, 64)
    for chained in (True, False):
        model = network(dataclasses.replace(TINY, chained=chained)).train()
        decisions = model.predict(image, generator=torch.Generator().manual_seed(0)).decisions
        pairs = zip(decisions[1:15:2], decisions[2:15:2], strict=True)
        inside = [bool((second <= first).all()) for first, second in pairs]
        assert all(inside) if chained else not all(inside)


@torch.no_grad()
@pytest.mark.parametrize("width", [4, 16])
def test_a_new_networks_predictors_tell_pixels_apart(width: int) -> None:
    torch.manual_seed(0)
    model = LMDViT(dataclasses.replace(TINY, width=width)).eval()
    for logits in model.predict(torch.rand(1, 3, 64, 64)).logits:
        assert (logits[:, 0] - logits[:, 1]).std() > 0.01


def test_modulators_stand_in_the_decoder_alone() -> None:
    with torch.device("meta"):
        model = LMDViT()
    names = [name for name, _ in model.named_parameters() if "modulator" in name]
    assert {name.split(".")[1] for name in names} == {"5", "6", "7", "8"} and len(names) == 8 + 8 + 2 + 1


def test_the_gate_is_never_shut() -> None:
    model, image = network(), _image(1, 32, 32)
    nn.init.zeros_(model.output.weight)
    with torch.no_grad():
        model.state_dict()["output.bias"].copy_(torch.tensor([1.0, 1.0, 1.0, -50.0]))
        torch.testing.assert_close(model(image), image + 0.1)


@pytest.mark.parametrize("training", [False, True])
def test_half_precision(training: bool) -> None:
    model, image = network().train(training), _image(2, 32, 40)
    some = random_decisions(model, 2, 32, 40, 0.5, seed=3)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        result = model(image, decisions=some)
        free = model.predict(image)
    with torch.no_grad():
        exact = model(image, decisions=some)
    assert result.dtype == torch.float32 and torch.isfinite(free.restored_B3HW).all()
    assert float((result - exact).abs().mean() / (exact - image).abs().mean()) < 0.05


def test_decisions_of_another_grid_are_refused() -> None:
    model = network()
    with pytest.raises(ValueError, match="decisions: expected shapes"):
        model(_image(1, 32, 32), decisions=random_decisions(model, 1, 64, 32, 1.0, seed=0))
