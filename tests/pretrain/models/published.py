"""The published networks, written down a second time: key layouts, and the equations in the plainest form.

Nothing here uses `pretrain`. The layouts follow net/model.py of PromptIR and net/DyNet_large.py of DyNet; the equations
follow the papers as they stand there (Restormer, equations (1) and (2); PromptIR, equations (1) to (3)).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

State = dict[str, Tensor]


@dataclass(frozen=True)
class Layout:
    """Shapes of a published state."""

    shared: bool
    width: int = 48
    prompts: tuple[int, int, int] = (64, 128, 320)
    sides: tuple[int, int, int] = (64, 32, 16)
    components: int = 5
    blocks: tuple[int, int, int, int] = (4, 6, 6, 8)
    refinement: int = 4
    heads: tuple[int, int, int, int] = (1, 2, 4, 8)

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Every key of the state and its shape, the convolutions that are never run included."""
        return dict(self._shapes())

    def state(self, seed: int = 0, dtype: torch.dtype = torch.float64) -> State:
        """A state of random values at which no part of the network is idle."""
        generator = torch.Generator().manual_seed(seed)
        state = {}
        for key, shape in self.shapes().items():
            fan = max(1, torch.Size(shape[1:]).numel())
            scale = 0.3 if len(shape) < 2 or "temperature" in key else fan**-0.5
            offset = 1.0 if "norm" in key and key.endswith("weight") else 0.0
            state[key] = torch.randn(shape, generator=generator, dtype=dtype) * scale + offset
        return state

    def _shapes(self) -> Iterator[tuple[str, tuple[int, ...]]]:
        w, p = self.width, self.prompts
        yield "patch_embed.proj.weight", (w, 3, 3, 3)
        for number in (1, 2, 3):
            lines = 2**number * w
            yield f"prompt{number}.prompt_param", (1, self.components, p[number - 1], *[self.sides[number - 1]] * 2)
            yield f"prompt{number}.linear_layer.weight", (self.components, lines)
            yield f"prompt{number}.linear_layer.bias", (self.components,)
            yield f"prompt{number}.conv3x3.weight", (p[number - 1], p[number - 1], 3, 3)
        yield from self._never_run()
        for number in (1, 2, 3):
            yield from self._level(f"encoder_level{number}", self.blocks[number - 1], 2 ** (number - 1) * w, number - 1)
        yield from self._level("latent", self.blocks[3], 8 * w, 3)
        for key, channels in (("down1_2", w), ("down2_3", 2 * w), ("down3_4", 4 * w)):
            yield f"{key}.body.0.weight", (channels // 2, channels, 3, 3)
        for key, channels in (("up4_3", 4 * w), ("up3_2", 4 * w), ("up2_1", 2 * w)):
            yield f"{key}.body.0.weight", (2 * channels, channels, 3, 3)
        yield "reduce_chan_level3.weight", (4 * w, 6 * w, 1, 1)
        yield "reduce_chan_level2.weight", (2 * w, 4 * w, 1, 1)
        for number, (channels, out) in {1: (2 * w, 2 * w), 2: (4 * w, 4 * w), 3: (8 * w, 4 * w)}.items():
            joined = channels + p[number - 1]
            yield from _block_shapes(f"noise_level{number}", joined, self.heads[2])
            yield f"reduce_noise_level{number}.weight", (out, joined, 1, 1)
        for number, channels in ((1, 2 * w), (2, 2 * w), (3, 4 * w)):
            yield from self._level(f"decoder_level{number}", self.blocks[number - 1], channels, number - 1)
        for index in range(self.refinement):
            yield from _block_shapes(f"refinement.{index}", 2 * w, self.heads[0])
        yield "output.weight", (3, 2 * w, 3, 3)

    def _level(self, key: str, blocks: int, channels: int, level: int) -> Iterator[tuple[str, tuple[int, ...]]]:
        for name in [key] if self.shared else [f"{key}.{index}" for index in range(blocks)]:
            yield from _block_shapes(name, channels, self.heads[level])

    def _never_run(self) -> Iterator[tuple[str, tuple[int, ...]]]:
        w = self.width
        for number, (channels, more) in {1: (w, 64), 2: (2 * w, 128), 3: (4 * w, 256)}.items():
            yield f"reduce_noise_channel_{number}.weight", (channels, channels + more, 1, 1)
        if not self.shared:
            for number, (channels, out) in {1: (64, 64), 2: (128, 128), 3: (320, 256)}.items():
                yield f"chnl_reduce{number}.weight", (out, channels, 1, 1)


def _block_shapes(key: str, channels: int, heads: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    hidden = int(channels * 2.66)
    for norm in ("norm1", "norm2"):
        yield f"{key}.{norm}.body.weight", (channels,)
        yield f"{key}.{norm}.body.bias", (channels,)
    yield f"{key}.attn.temperature", (heads, 1, 1)
    yield f"{key}.attn.qkv.weight", (3 * channels, channels, 1, 1)
    yield f"{key}.attn.qkv_dwconv.weight", (3 * channels, 1, 3, 3)
    yield f"{key}.attn.project_out.weight", (channels, channels, 1, 1)
    yield f"{key}.ffn.project_in.weight", (2 * hidden, channels, 1, 1)
    yield f"{key}.ffn.dwconv.weight", (2 * hidden, 1, 3, 3)
    yield f"{key}.ffn.project_out.weight", (channels, hidden, 1, 1)


def restore(state: State, image: Tensor, shared: bool, repeats: Sequence[int], skips: bool) -> Tensor:
    """What the published network gives for an image whose sides are multiples of 8.

    `repeats`: applications at levels 1 to 3 and latent; `skips`: prompts stand on the skip connections (DyNet), else
    behind the decoder's levels (PromptIR).
    """

    def level(key: str, x: Tensor, times: int) -> Tensor:
        for index in range(times):
            x = block(state, key if shared else f"{key}.{index}", x)
        return x

    one = level("encoder_level1", convolve(state, "patch_embed.proj", image), repeats[0])
    two = level("encoder_level2", down(state, "down1_2", one), repeats[1])
    three = level("encoder_level3", down(state, "down2_3", two), repeats[2])
    latent = interact(state, 3, level("latent", down(state, "down3_4", three), repeats[3]))

    skip = interact(state, 2, three) if skips else three
    x = convolve(state, "reduce_chan_level3", torch.cat([up(state, "up4_3", latent), skip], 1))
    x = level("decoder_level3", x, repeats[2])
    x = x if skips else interact(state, 2, x)

    skip = interact(state, 1, two) if skips else two
    x = convolve(state, "reduce_chan_level2", torch.cat([up(state, "up3_2", x), skip], 1))
    x = level("decoder_level2", x, repeats[1])
    x = x if skips else interact(state, 1, x)

    x = level("decoder_level1", torch.cat([up(state, "up2_1", x), one], 1), repeats[0])
    for index in range(len({key.split(".")[1] for key in state if key.startswith("refinement.")})):
        x = block(state, f"refinement.{index}", x)
    return convolve(state, "output", x) + image


def block(state: State, key: str, x: Tensor) -> Tensor:
    x = x + attend(state, f"{key}.attn", norm(state, f"{key}.norm1.body", x))
    return x + feed(state, f"{key}.ffn", norm(state, f"{key}.norm2.body", x))


def norm(state: State, key: str, x: Tensor) -> Tensor:
    centred = x - x.mean(1, keepdim=True)
    scaled = centred / (centred.pow(2).mean(1, keepdim=True) + 1e-5).sqrt()
    return scaled * state[f"{key}.weight"].view(-1, 1, 1) + state[f"{key}.bias"].view(-1, 1, 1)


def attend(state: State, key: str, x: Tensor) -> Tensor:
    heads = state[f"{key}.temperature"].shape[0]
    q, k, v = convolve(state, f"{key}.qkv_dwconv", convolve(state, f"{key}.qkv", x)).chunk(3, 1)
    images = []
    for q_CHW, k_CHW, v_CHW in zip(q, k, v, strict=True):  # noqa: N806
        outs = []
        for head in range(heads):
            a, b, c = (part.chunk(heads)[head].flatten(1) for part in (q_CHW, k_CHW, v_CHW))
            a, b = (part / part.norm(dim=1, keepdim=True).clamp_min(1e-12) for part in (a, b))
            outs.append(torch.softmax(a @ b.T * state[f"{key}.temperature"][head], dim=1) @ c)
        images.append(torch.cat(outs).view_as(v_CHW))
    return convolve(state, f"{key}.project_out", torch.stack(images))


def feed(state: State, key: str, x: Tensor) -> Tensor:
    gate, value = convolve(state, f"{key}.dwconv", convolve(state, f"{key}.project_in", x)).chunk(2, 1)
    return convolve(state, f"{key}.project_out", 0.5 * gate * (1 + torch.erf(gate / 2**0.5)) * value)


def interact(state: State, number: int, x: Tensor) -> Tensor:
    key = f"prompt{number}"
    logits = x.mean((2, 3)) @ state[f"{key}.linear_layer.weight"].T + state[f"{key}.linear_layer.bias"]
    mixed = sum(
        share.view(-1, 1, 1, 1) * component
        for share, component in zip(torch.softmax(logits, 1).T, state[f"{key}.prompt_param"][0], strict=True)
    )
    assert isinstance(mixed, Tensor)
    prompt = functional.interpolate(mixed, tuple(x.shape[2:]), mode="bilinear")
    joined = torch.cat([x, convolve(state, f"{key}.conv3x3", prompt)], 1)
    return convolve(state, f"reduce_noise_level{number}", block(state, f"noise_level{number}", joined))


def down(state: State, key: str, x: Tensor) -> Tensor:
    x = convolve(state, f"{key}.body.0", x)
    quarters = [x[:, :, row::2, column::2] for row in (0, 1) for column in (0, 1)]
    return torch.stack(quarters, 2).flatten(1, 2)


def up(state: State, key: str, x: Tensor) -> Tensor:
    x = convolve(state, f"{key}.body.0", x)
    grown = x.new_zeros(x.shape[0], x.shape[1] // 4, 2 * x.shape[2], 2 * x.shape[3])
    for row in (0, 1):
        for column in (0, 1):
            grown[:, :, row::2, column::2] = x[:, 2 * row + column :: 4]
    return grown


def convolve(state: State, key: str, x: Tensor) -> Tensor:
    weight = state[f"{key}.weight"]
    return functional.conv2d(x, weight, padding=weight.shape[-1] // 2, groups=x.shape[1] // weight.shape[1])
