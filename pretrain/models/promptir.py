"""Checkpoints of the published codes, by key: PromptIR's into the unshared control, DyNet's into the shared network.

Layouts: net/model.py of PromptIR (arXiv 2306.13090) and net/DyNet_large.py of DyNet (arXiv 2404.02154). They name their
parts alike; PromptIR numbers the blocks of a level, DyNet has one. Both save through Lightning, which puts `net.`
before every key. Convolutions that the codes build and never run are left behind, and only those.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeVar

from torch import Tensor

from million_ird.errors import DatasetError, UsageError
from pretrain.models.blueprint import blueprint
from pretrain.models.dynet import MULTIPLE, DyNet, DyNetSettings
from pretrain.models.variants import Variant

Value = TypeVar("Value")
LIGHTNING_PREFIX = "net."
UNUSED = re.compile(r"(reduce_noise_channel_|chnl_reduce)[123]\.weight")
"""Keys of the convolutions that are never run."""

_BLOCK = {
    "attention_norm": "norm1.body",
    "attention.temperature": "attn.temperature",
    "attention.project_in": "attn.qkv",
    "attention.depthwise": "attn.qkv_dwconv",
    "attention.project_out": "attn.project_out",
    "feed_forward_norm": "norm2.body",
    "feed_forward.project_in": "ffn.project_in",
    "feed_forward.depthwise": "ffn.dwconv",
    "feed_forward.project_out": "ffn.project_out",
}
_PARTS = {
    "embed": "patch_embed.proj",
    "down.0.convolution": "down1_2.body.0",
    "down.1.convolution": "down2_3.body.0",
    "down.2.convolution": "down3_4.body.0",
    "up.0.convolution": "up2_1.body.0",
    "up.1.convolution": "up3_2.body.0",
    "up.2.convolution": "up4_3.body.0",
    "reduce.level_2": "reduce_chan_level2",
    "reduce.level_3": "reduce_chan_level3",
    "output": "output",
}
_LEVELS = {
    **{f"encoder.{index}": f"encoder_level{index + 1}" for index in range(3)},
    **{f"decoder.{index}": f"decoder_level{index + 1}" for index in range(3)},
    "latent": "latent",
    "refinement": "refinement",
}
_PROMPT_NUMBER = {"level_2": 1, "level_3": 2, "latent": 3}
"""Their prompts are numbered by where they come from, ours are named by the features they act on."""
_PROMPT = {
    "components": "prompt{n}.prompt_param",
    "mixture": "prompt{n}.linear_layer",
    "convolution": "prompt{n}.conv3x3",
    "reduce": "reduce_noise_level{n}",
}


def is_published(state: Mapping[str, object]) -> bool:
    """Whether the keys are of the published layouts."""
    return "patch_embed.proj.weight" in _without_prefix(state)


def from_published(state: Mapping[str, Tensor], place: str = "the checkpoint") -> DyNet:
    """The network that a published checkpoint holds, with its weights; everything about its shape is read off it.

    Args:
        state: the model's state, with or without Lightning's `net.` before every key.
        place: what messages call it.

    Raises:
        DatasetError: it is no whole state of either layout.
    """
    theirs = _without_prefix(state)
    try:
        build = _network(theirs)
        planned = blueprint(build, tensors=len(theirs))
    except (KeyError, IndexError) as error:
        raise DatasetError(f"{place} is no PromptIR or DyNet state: {error} is missing or has an odd shape") from error
    except UsageError as error:
        raise DatasetError(f"{place} is no PromptIR or DyNet state: {error}") from error
    mapped = map_published(theirs, planned, place)
    model = build()
    model.load_state_dict(mapped)
    return model


def map_published(state: Mapping[str, Tensor], model: DyNet, place: str = "the checkpoint") -> dict[str, Tensor]:
    """The published state under the keys and in the shapes of `model`.

    Raises:
        DatasetError: a tensor is missing, is left over, or has another shape; the text names the first one.
    """
    left = _without_prefix(state)
    mapped: dict[str, Tensor] = {}
    for key, own in model.state_dict().items():
        name = published_key(key, model.settings.shared)
        if name not in left:
            raise DatasetError(f"{place} misses {name}")
        tensor = left.pop(name)
        if tensor.shape[-own.ndim :] != own.shape or tensor.numel() != own.numel():
            raise DatasetError(f"{place}: {name} is {list(tensor.shape)}, expected {list(own.shape)}")
        mapped[key] = tensor.reshape(own.shape)  # prompts have one dimension of 1 more there
    extra = sorted(key for key in left if not UNUSED.fullmatch(key))
    if extra:
        raise DatasetError(f"{place} has {len(extra)} more tensors than the network, the first is {extra[0]}")
    return mapped


def published_key(key: str, shared: bool) -> str:
    """What the published codes call a tensor of ours; `shared`: DyNet's code, else PromptIR's."""
    module, _, kind = key.rpartition(".")
    if key.startswith("prompts."):
        return _prompt_key(key)
    if module in _PARTS:
        return f"{_PARTS[module]}.{kind}"
    level, _, inner = key.partition(".blocks.")
    number, _, part = inner.partition(".")
    numbered = "" if shared and level != "refinement" else f".{number}"
    return f"{_LEVELS[level]}{numbered}.{_block_key(part)}"


def _prompt_key(key: str) -> str:
    _, name, part = key.split(".", 2)
    number = _PROMPT_NUMBER[name]
    if part.startswith("block."):
        return f"noise_level{number}.{_block_key(part.removeprefix('block.'))}"
    head, dot, kind = part.partition(".")
    return _PROMPT[head].format(n=number) + dot + kind


def _block_key(part: str) -> str:
    if part in _BLOCK:  # the temperature, a tensor of its own
        return _BLOCK[part]
    module, _, kind = part.rpartition(".")
    return f"{_BLOCK[module]}.{kind}"


def _without_prefix(state: Mapping[str, Value]) -> dict[str, Value]:
    prefixed = all(key.startswith(LIGHTNING_PREFIX) for key in state)
    return {key.removeprefix(LIGHTNING_PREFIX) if prefixed else key: tensor for key, tensor in state.items()}


def _network(state: Mapping[str, Tensor]) -> Callable[[], DyNet]:
    """What makes a network of the shapes that a state of theirs has."""
    shared = "latent.norm1.body.weight" in state

    def blocks(level: str) -> int:
        return len({key.split(".")[1] for key in state if key.startswith(f"{level}.")})

    def heads(level: str) -> int:
        return state[f"{level}{'' if shared else '.0'}.attn.temperature"].shape[0]

    names = [*(f"encoder_level{level}" for level in (1, 2, 3)), "latent"]
    components = state["prompt3.prompt_param"]
    settings = DyNetSettings(
        width=state["patch_embed.proj.weight"].shape[0],
        heads=(heads(names[0]), heads(names[1]), heads(names[2]), heads(names[3])),
        refinement=blocks("refinement"),
        shared=shared,
        prompt_placement="skips" if shared else "decoder",
        prompts=components.shape[1],
        prompt_crop=components.shape[-1] * MULTIPLE,
    )
    decoder = [f"decoder_level{level}" for level in (1, 2, 3)]
    depth = None if shared else Variant.of("depth", [blocks(name) for name in [*names, *decoder]])
    return partial(DyNet, settings, depth)
