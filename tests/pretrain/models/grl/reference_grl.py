"""GRL written a second time, from the description: one block pixel by pixel in loops, and the network around it.

Nothing is cut into windows, rolled or masked here: of each pair of pixels it is asked whether they share a window of
the shifted grid and whether they do so across the image's edge. All arrays are float64, (H, W, C).
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from pretrain.models.grl.settings import GRLSettings

Array = npt.NDArray[np.float64]
State = dict[str, Array]
Place = tuple[int, int]
MEAN = np.array([0.4488, 0.4371, 0.4040], np.float32).astype(np.float64)


def part(state: State, prefix: str) -> State:
    return {key.removeprefix(prefix + "."): value for key, value in state.items() if key.startswith(prefix + ".")}


def linear(x: Array, state: State, name: str) -> Array:
    return x @ state[f"{name}.weight"].T + state.get(f"{name}.bias", np.zeros(1))


def norm(x: Array, state: State, name: str) -> Array:
    mean, variance = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    return (x - mean) / np.sqrt(variance + 1e-5) * state[f"{name}.weight"] + state[f"{name}.bias"]


def gelu(x: Array) -> Array:
    return x * 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))


def coordinate(offset: int, farthest: int) -> float:
    scaled = 8 * offset / farthest
    return math.copysign(math.log(abs(scaled) + 1, 8), scaled)


def position_bias(offset: Place, farthest: Place, state: State) -> Array:
    """One number per head; `offset` is counted from the place that has the same position in the other grid."""
    where = np.array([coordinate(o, f) for o, f in zip(offset, farthest, strict=True)])
    hidden = np.maximum(linear(where, state, "bias.hidden"), 0)
    return 16 / (1 + np.exp(-linear(hidden, state, "bias.output")))


class Grid:
    """Tokens of which each stands for a square of `step` pixels, in windows of `size` tokens."""

    def __init__(self, height: int, width: int, size: Place, shifted: bool) -> None:
        self.size, self.extent = size, (height, width)
        self.shift = (size[0] // 2, size[1] // 2) if shifted else (0, 0)

    def places(self) -> list[Place]:
        return [(y, x) for y in range(self.extent[0]) for x in range(self.extent[1])]

    def moved(self, place: Place) -> Place:
        y, x = ((p - s) % e for p, s, e in zip(place, self.shift, self.extent, strict=True))
        return y, x

    def window(self, place: Place) -> Place:
        y, x = (p // s for p, s in zip(self.moved(place), self.size, strict=True))
        return y, x

    def inside(self, place: Place) -> Place:
        y, x = (p % s for p, s in zip(self.moved(place), self.size, strict=True))
        return y, x

    def wrapped(self, place: Place) -> tuple[bool, bool]:
        """Whether the shift has carried it over the image's upper or left edge."""
        return place[0] < self.shift[0], place[1] < self.shift[1]


def attention(q: Array, k: Array, v: Array, of_q: Grid, of_k: Grid, heads: int, state: State) -> Array:
    """Cosine attention between two grids over the same image."""
    fine, coarse = (of_q, of_k) if of_q.size >= of_k.size else (of_k, of_q)
    margins = [(f - c) // 2 for f, c in zip(fine.size, coarse.size, strict=True)]
    farthest = (fine.size[0] - 1 - margins[0], fine.size[1] - 1 - margins[1])
    sign = 1 if of_q is fine else -1
    sharpness = np.exp(np.minimum(state["log_sharpness"], math.log(100)))
    biases: dict[Place, Array] = {}
    out = np.zeros((*q.shape[:2], v.shape[2]))
    depth = q.shape[2] // heads
    for i in of_q.places():
        logits, values = [], []
        for j in of_k.places():
            if of_q.window(i) != of_k.window(j):
                continue
            here, there = of_q.inside(i), of_k.inside(j)
            offset = (here[0] - there[0] - sign * margins[0], here[1] - there[1] - sign * margins[1])
            if offset not in biases:
                biases[offset] = position_bias(offset, farthest, state)
            penalty = -100.0 if of_q.wrapped(i) != of_k.wrapped(j) else 0.0
            a, b = q[i].reshape(heads, depth), k[j].reshape(heads, depth)
            cosine = (a * b).sum(-1) / (np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1))
            logits.append(sharpness * cosine + biases[offset] + penalty)
            values.append(v[j].reshape(heads, depth))
        weights = np.exp(np.array(logits) - np.max(logits, axis=0))
        weights /= weights.sum(0)
        out[i] = (weights[..., None] * np.array(values)).sum(0).ravel()
    return out


def mixed_attention(x: Array, state: State, settings: GRLSettings, index: int) -> Array:
    height, width, channels = x.shape
    half, factor, heads = channels // 2, settings.anchor_factor, settings.heads
    stripe = settings.stripe if index % 2 == 0 else (settings.stripe[1], settings.stripe[0])
    qkv = linear(x, state, "qkv")
    q, k, v, stripe_q, stripe_k, stripe_v = (qkv[..., n * half : (n + 1) * half] for n in range(6))
    square = Grid(height, width, (settings.window, settings.window), index in (0, 2, 4, 6))
    regional = attention(q, k, v, square, square, heads, part(state, "window.attention"))
    means = np.array(
        [
            [x[y : y + factor, z : z + factor].mean((0, 1)) for z in range(0, width, factor)]
            for y in range(0, height, factor)
        ]
    )
    anchors = linear(means, state, "anchor")
    shifted = index in (2, 3, 6, 7)
    of_pixels = Grid(height, width, stripe, shifted)
    of_anchors = Grid(height // factor, width // factor, (stripe[0] // factor, stripe[1] // factor), shifted)
    gathered = attention(anchors, stripe_k, stripe_v, of_anchors, of_pixels, heads, part(state, "stripe.gather"))
    spread = attention(stripe_q, anchors, gathered, of_pixels, of_anchors, heads, part(state, "stripe.spread"))
    return linear(np.concatenate([regional, spread], -1), state, "mix")


def local(x: Array, state: State) -> Array:
    features = convolution(gelu(convolution(x, state, "convolutions.0")), state, "convolutions.2")
    hidden = features.mean((0, 1)) @ state["weights.1.weight"][..., 0, 0].T + state["weights.1.bias"]
    weights = np.maximum(hidden, 0) @ state["weights.3.weight"][..., 0, 0].T + state["weights.3.bias"]
    return features / (1 + np.exp(-weights))


def block(x: Array, state: State, settings: GRLSettings, index: int) -> Array:
    attended = x + norm(mixed_attention(x, part(state, "attention"), settings, index), state, "attention_norm")
    if settings.local:
        attended = attended + local(x, part(state, "local"))
    change = linear(gelu(linear(attended, state, "feed_forward.0")), state, "feed_forward.2")
    return attended + norm(change, state, "feed_forward_norm")


def convolution(x: Array, state: State, name: str) -> Array:
    """3×3, zeros around the image."""
    weight, bias = state[f"{name}.weight"], state[f"{name}.bias"]
    around = np.pad(x, ((1, 1), (1, 1), (0, 0)))
    height, width = x.shape[:2]
    taps = (around[dy : dy + height, dx : dx + width] @ weight[:, :, dy, dx].T for dy in range(3) for dx in range(3))
    return sum(taps, np.zeros((height, width, weight.shape[0]))) + bias


def shuffled(x: Array, factor: int) -> Array:
    tensor = torch.from_numpy(x).permute(2, 0, 1)
    result: Array = functional.pixel_shuffle(tensor, factor).permute(1, 2, 0).numpy()
    return result


def upsampled(x: Array, state: State, settings: GRLSettings) -> Array:
    if settings.upsampler == "none":
        return convolution(x, state, "0")
    if settings.upsampler == "direct":
        return shuffled(convolution(x, state, "0"), settings.scale)
    x = convolution(x, state, "0")
    x = np.where(x > 0, x, 0.01 * x)
    if settings.upsampler == "nearest":
        for name in ("3", "6", "8"):
            x = x.repeat(2, 0).repeat(2, 1) if name != "8" else x
            x = convolution(x, state, name)
            x = np.where(x > 0, x, 0.2 * x)
        return convolution(x, state, "10")
    factors = {2: [2], 3: [3], 4: [2, 2]}[settings.scale]
    for step, factor in enumerate(factors):
        x = shuffled(convolution(x, state, str(2 + 2 * step)), factor)
    return convolution(x, state, str(2 + 2 * len(factors)))


def network(image: Array, state: State, settings: GRLSettings) -> Array:
    """Of an image that needs no padding."""
    mean = MEAN if settings.colours == 3 else np.zeros(1)
    shallow = convolution(image - mean, state, "first")
    x = norm(shallow, state, "norm_before")
    for number, depth in enumerate(settings.depths):
        before, of_stage = x, part(state, f"stages.{number}")
        for index in range(depth):
            x = block(x, part(of_stage, f"blocks.{index}"), settings, index)
        x = before + convolution(x, of_stage, "convolution")
    features = shallow + convolution(norm(x, state, "norm_after"), state, "last")
    result = upsampled(features, part(state, "upsampler"), settings)
    return result + (image if settings.upsampler == "none" else mean)
