from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from million_ird.errors import UsageError
from pretrain.models.counting import parameters
from pretrain.models.dynet import DyNet, DyNetSettings, reflect_to_multiple
from pretrain.models.promptir import from_published, map_published
from pretrain.models.variants import LARGE, SMALL, Variant
from tests.pretrain.models import published

TINY = DyNetSettings(width=8, prompt_crop=32, refinement=1)
SHORT, LONG = Variant.of("short", (1, 1, 1, 1)), Variant.of("long", (1, 2, 2, 3, 2, 1, 2))


def tiny(**changes: Any) -> DyNet:
    torch.manual_seed(0)
    return DyNet(replace(TINY, **changes), LONG)


@pytest.mark.parametrize(
    ("settings", "count"),
    [
        (DyNetSettings(), 16_613_135),
        (DyNetSettings(shared=False, prompt_placement="decoder"), 35_376_967),
        (DyNetSettings(shared=False), 35_376_967),  # counts cannot tell where prompts stand
    ],
)
def test_it_has_the_published_number_of_parameters(settings: DyNetSettings, count: int) -> None:
    with torch.device("meta"):
        assert parameters(DyNet(settings)) == count


@pytest.mark.parametrize("shared", [True, False])
def test_it_computes_what_the_published_equations_say(shared: bool) -> None:
    layout = published.Layout(
        shared, width=8, prompts=(12, 20, 52), sides=(12, 6, 3), components=3, blocks=(2, 1, 2, 3), refinement=2
    )
    state = layout.state()
    model = from_published(state).double()
    model.load_state_dict(map_published(state, model))  # in double precision
    image = torch.rand(2, 3, 16, 24, dtype=torch.float64)
    for repeats in [(2, 1, 2, 3), (1, 1, 1, 2)]:
        expected = published.restore(state, image, shared, repeats, skips=shared)
        torch.testing.assert_close(model(image, Variant.of("a", repeats)), expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("placement", ["skips", "decoder"])
def test_prompts_stand_where_the_setting_says(placement: str) -> None:
    model = tiny(prompt_placement=placement)
    seen: dict[str, Tensor] = {}

    def remember(name: str, taken: bool) -> Any:
        def hook(module: nn.Module, given: tuple[Any, ...], result: Tensor) -> None:
            seen[name] = given[0] if taken else result

        return hook

    for index in (1, 2):
        model.encoder[index].register_forward_hook(remember(f"skips {index}", False))
        model.decoder[index].register_forward_hook(remember(f"decoder {index}", False))
        model.prompts[f"level_{index + 1}"].register_forward_hook(remember(f"prompt {index}", True))
    model.latent.register_forward_hook(remember("latent", False))
    model.prompts["latent"].register_forward_hook(remember("prompt latent", True))
    model(torch.rand(1, 3, 16, 16), SHORT)
    assert seen["prompt latent"] is seen["latent"]
    for index in (1, 2):
        assert seen[f"prompt {index}"] is seen[f"{placement} {index}"]


def test_the_prompt_of_level_1_stands_on_its_skip_connection() -> None:
    model = tiny(prompt_level_1=True)
    seen: list[Tensor] = []
    model.encoder[0].register_forward_hook(lambda module, given, result: seen.append(result))
    model.prompts["level_1"].register_forward_hook(lambda module, given, result: seen.append(given[0]))
    model(torch.rand(1, 3, 16, 16), SHORT)
    assert seen[0] is seen[1]
    assert set(tiny().prompts) == {"latent", "level_3", "level_2"}


def test_both_variants_send_gradients_to_every_tensor() -> None:
    model = tiny()
    tensors = {name: id(parameter) for name, parameter in model.named_parameters()}
    for variant in (SHORT, LONG):
        model.zero_grad()
        model(torch.rand(1, 3, 16, 16), variant).square().sum().backward()
        idle = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.abs().max() > 0]
        assert idle == []
    assert tensors == {name: id(parameter) for name, parameter in model.named_parameters()}


def test_a_state_saved_after_training_one_variant_serves_the_other() -> None:
    model, other = tiny(), DyNet(TINY)
    model(torch.rand(1, 3, 16, 16), SHORT).mean().backward()
    with torch.no_grad():
        for parameter in model.parameters():
            assert parameter.grad is not None
            parameter -= parameter.grad
    other.load_state_dict(model.state_dict())
    image = torch.rand(1, 3, 16, 16)
    for variant in (SHORT, LONG, LARGE, SMALL):
        assert torch.equal(model(image, variant), other(image, variant))
    assert not torch.equal(model(image, SHORT), model(image, LONG))


def test_repeats_of_the_decoder_are_its_own() -> None:
    model, image = tiny(), torch.rand(1, 3, 16, 16)
    mirrored, own = Variant.of("a", (1, 2, 1, 1)), Variant.of("b", (1, 2, 1, 1, 1, 1, 1))
    assert not torch.equal(model(image, mirrored), model(image, own))


def test_without_sharing_a_variant_runs_the_first_blocks() -> None:
    model, image = tiny(shared=False), torch.rand(1, 3, 16, 16)
    with torch.no_grad():
        before = [model(image, variant) for variant in (SHORT, LONG)]
        model.encoder[1].blocks[1].feed_forward.project_out.weight += 1  # type: ignore[union-attr, index]
        after = [model(image, variant) for variant in (SHORT, LONG)]
    assert torch.equal(before[0], after[0]) and not torch.equal(before[1], after[1])
    with pytest.raises(UsageError, match=r"'large' runs \[4, 6, 6, 8\] blocks, but this network"):
        model(image, LARGE)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (2, 3), (7, 5), (8, 8), (9, 15), (16, 31)])
def test_any_size_goes_in_and_comes_out(size: tuple[int, int]) -> None:
    model, image = tiny(), torch.rand(1, 3, *size)
    restored = model(image, SHORT)
    assert restored.shape == image.shape and restored.isfinite().all()
    more = [(0, 0), (0, 0), *((0, -side % 8) for side in size)]
    padded = torch.from_numpy(np.pad(image.numpy(), more, mode="reflect"))
    assert torch.equal(reflect_to_multiple(image), padded)
    whole = model.restore_padded(padded, SHORT)
    assert torch.equal(restored, whole[:, :, : size[0], : size[1]])


def test_a_fresh_network_is_not_clamped_and_has_no_idle_branch() -> None:
    model, image = tiny(), torch.rand(1, 3, 16, 16)
    assert (model(image, SHORT) - image).abs().max() > 1e-4
    assert model(image * 0 + 1, SHORT).max() > 1


def test_gradients_of_the_network_are_those_of_its_equations() -> None:
    torch.manual_seed(0)
    settings = DyNetSettings(width=2, heads=(1, 1, 2, 2), refinement=1, prompts=2, prompt_crop=8, prompt_level_1=True)
    model = DyNet(settings).double()
    shapes = {name: parameter.shape for name, parameter in model.named_parameters()}
    values = torch.cat([parameter.detach().flatten() for parameter in model.parameters()]).requires_grad_()

    def run(image: Tensor, values: Tensor) -> Tensor:
        parts = values.split([shape.numel() for shape in shapes.values()])
        weights = {name: part.view(shapes[name]) for name, part in zip(shapes, parts, strict=True)}
        result: Tensor = torch.func.functional_call(model, weights, (image, SHORT))
        return result

    image = torch.rand(1, 3, 9, 16, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(run, (image, values), fast_mode=True)


def test_compiled_it_has_one_graph_for_each_variant_and_no_break() -> None:
    from torch._dynamo.testing import CompileCounter

    counter = CompileCounter()
    model = tiny(refinement=0)
    compiled = torch.compile(model, backend=counter, dynamic=False, fullgraph=True)
    image = torch.rand(1, 3, 16, 16)
    for variant in (SHORT, Variant.of("b", (1, 1, 1, 2)), SHORT, Variant.of("short", (1, 1, 1, 1))):
        assert torch.equal(compiled(image, variant), model(image, variant))
    assert counter.frame_count == 2
    torch.compiler.reset()


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"width": 0}, "width: got 0"),
        ({"width": 7}, "width: got 7, expected an even number"),
        ({"heads": (1, 2, 3, 8)}, "heads: 3 do not divide the 32 channels of level 3"),
        ({"heads": (1, 2, 4)}, "heads: got"),
        ({"expansion": 0.01}, "no hidden channel"),
        ({"refinement": -1}, "refinement: got -1"),
        ({"prompts": 0}, "prompts: got 0"),
        ({"prompt_crop": 20}, "prompt_crop: got 20, expected a multiple of 8"),
        ({"prompt_level_1": True, "prompt_placement": "decoder"}, "prompt_level_1: stands on a skip"),
    ],
)
def test_settings_that_cannot_be_are_refused_by_name(values: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        replace(TINY, **values)
