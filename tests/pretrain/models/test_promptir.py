from __future__ import annotations

import pytest
import torch
from torch import Tensor

from million_ird.errors import DatasetError
from pretrain.models.counting import UNUSED_IN_DYNET, UNUSED_IN_PROMPTIR
from pretrain.models.dynet import DyNet, DyNetSettings
from pretrain.models.promptir import UNUSED, from_published, is_published, map_published, published_key
from tests.pretrain.models.published import Layout, State

NARROW = {"width": 8, "prompts": (12, 20, 52), "sides": (8, 4, 2)}


def narrow(shared: bool) -> State:
    return Layout(shared, **NARROW).state(dtype=torch.float32)  # type: ignore[arg-type]


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("prefix", ["", "net."])
def test_the_published_layouts_map_onto_the_network_key_by_key(shared: bool, prefix: str) -> None:
    """At full width: every tensor is used once, under the name and in the shape that the network has."""
    placement = "skips" if shared else "decoder"
    with torch.device("meta"):
        model = DyNet(DyNetSettings(shared=shared, prompt_placement=placement))  # type: ignore[arg-type]
    shapes = Layout(shared).shapes()
    state = {prefix + key: torch.tensor(float(i)).expand(shape) for i, (key, shape) in enumerate(shapes.items())}
    mapped = map_published(state, model)
    assert {key: tensor.shape for key, tensor in mapped.items()} == {
        key: tensor.shape for key, tensor in model.state_dict().items()
    }
    numbers = dict(enumerate(shapes))
    used = [numbers[int(tensor.flatten()[0])] for tensor in mapped.values()]
    unused = set(shapes) - set(used)
    assert len(used) == len(set(used)) and all(UNUSED.fullmatch(key) for key in unused)
    assert len(unused) == len(UNUSED_IN_DYNET if shared else UNUSED_IN_PROMPTIR)


def test_the_network_is_read_off_the_state() -> None:
    model = from_published(narrow(False))
    assert model.settings == DyNetSettings(width=8, shared=False, prompt_placement="decoder", prompt_crop=16)
    assert model.depth is not None and model.depth.repeats == (4, 6, 6, 8)
    shared = from_published(narrow(True))
    assert shared.settings == DyNetSettings(width=8, prompt_crop=16) and shared.depth is None


def test_keys_of_both_codes() -> None:
    assert (
        published_key("encoder.1.blocks.3.attention.temperature", shared=False) == "encoder_level2.3.attn.temperature"
    )
    assert published_key("latent.blocks.0.feed_forward_norm.bias", shared=True) == "latent.norm2.body.bias"
    assert published_key("prompts.level_3.components", shared=True) == "prompt2.prompt_param"
    assert published_key("prompts.latent.block.feed_forward.depthwise.weight", True) == "noise_level3.ffn.dwconv.weight"
    assert published_key("refinement.blocks.2.attention_norm.weight", shared=True) == "refinement.2.norm1.body.weight"


def _without(state: State) -> State:
    del state["output.weight"]
    return state


def _with_more(state: State) -> State:
    return {**state, "prompt4.prompt_param": torch.zeros(1)}


def _of_other_shape(state: State) -> State:
    return {**state, "down1_2.body.0.weight": torch.zeros(4, 8, 1, 1)}


def _without_prompts(state: State) -> State:
    return {key: tensor for key, tensor in state.items() if not key.startswith("prompt")}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (_without, "misses output.weight"),
        (_with_more, "has 1 more tensors than the network, the first is prompt4.prompt_param"),
        (_of_other_shape, r"down1_2.body.0.weight is \[4, 8, 1, 1\], expected \[4, 8, 3, 3\]"),
        (_without_prompts, "is no PromptIR or DyNet state"),
    ],
)
@pytest.mark.parametrize("shared", [True, False])
def test_a_state_that_is_not_whole_is_refused(change: object, says: str, shared: bool) -> None:
    assert callable(change)
    with pytest.raises(DatasetError, match=f"model.ckpt:? {says}"):
        from_published(change(narrow(shared)), "model.ckpt")


def test_other_states_are_told_apart() -> None:
    assert is_published({"net.patch_embed.proj.weight": Tensor()})
    assert not is_published({"embed.weight": Tensor()}) and not is_published({})
