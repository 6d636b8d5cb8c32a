"""LMD-ViT written a second time from its description: one window and one head at a time, in NumPy's double precision.

Pictures are (H, W, C). Weights are those of the network, by name.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

Array = NDArray[Any]
Weights = Mapping[str, Array]

_gelu = np.vectorize(lambda x: x * 0.5 * (1.0 + math.erf(x / math.sqrt(2.0))), otypes=[np.float64])


def below(weights: Weights, prefix: str) -> Weights:
    """The weights of one part."""
    return {name[len(prefix) :]: value for name, value in weights.items() if name.startswith(prefix)}


def linear(x: Array, weights: Weights, name: str) -> Array:
    return np.asarray(np.einsum("...c,dc->...d", x, weights[f"{name}.weight"]) + weights[f"{name}.bias"])


def norm(x: Array, weights: Weights, name: str) -> Array:
    centred = x - x.mean(-1, keepdims=True)
    scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)
    return np.asarray(scaled * weights[f"{name}.weight"] + weights[f"{name}.bias"])


def attention(x: Array, weights: Weights, heads: int) -> Array:
    """Of one window, (side, side, C)."""
    side, _, channels = x.shape
    each = channels // heads
    q, kv = linear(x, weights, "query"), linear(x, weights, "key_value")
    mixed = np.zeros_like(x)
    places = [(i, j) for i in range(side) for j in range(side)]
    for head in range(heads):
        own, values = slice(head * each, (head + 1) * each), slice(channels + head * each, channels + (head + 1) * each)
        for i, j in places:
            scores = []
            for m, n in places:
                row = (i - m + side - 1) * (2 * side - 1) + (j - n + side - 1)
                bias = weights["offset_bias"][row, head]
                scores.append(float(q[i, j, own] @ kv[m, n, own]) / math.sqrt(each) + bias)
            powers = [math.exp(score - max(scores)) for score in scores]
            for power, (m, n) in zip(powers, places, strict=True):
                mixed[i, j, own] += power / sum(powers) * kv[m, n, values]
    return linear(mixed, weights, "project")


def feed_forward(x: Array, weights: Weights) -> Array:
    """Of one window."""
    side = len(x)
    hidden = _gelu(linear(x, weights, "widen"))
    kernel, bias = weights["depthwise.weight"][:, 0], weights["depthwise.bias"]
    mixed = np.zeros_like(hidden)
    for i in range(side):
        for j in range(side):
            mixed[i, j] = bias
            for di in (-1, 0, 1):
                for dj in (-1, 0, 1):
                    m, n = _reflected(i + di, side), _reflected(j + dj, side)
                    mixed[i, j] += kernel[:, di + 1, dj + 1] * hidden[m, n]
    return linear(_gelu(mixed), weights, "narrow")


def _reflected(at: int, side: int) -> int:
    return -at if at < 0 else (2 * (side - 1) - at if at >= side else at)


def block(x: Array, weights: Weights, heads: int, side: int, decisions: Array, shifted: bool) -> Array:
    """The kept windows of a picture replaced, one after the other."""
    result = x.copy()
    for r, k in zip(*np.nonzero(decisions), strict=True):
        rows, columns = _places(r, side, len(x), shifted), _places(k, side, x.shape[1], shifted)
        window = x[np.ix_(rows, columns)]
        normed = norm(window, weights, "attention_norm")
        if "modulator_TC" in weights:
            normed = normed + weights["modulator_TC"].reshape(side, side, -1)
        window = window + attention(normed, below(weights, "attention."), heads)
        normed = norm(window, weights, "feed_forward_norm")
        result[np.ix_(rows, columns)] = window + feed_forward(normed, below(weights, "feed_forward."))
    return result


def _places(index: int, side: int, length: int, shifted: bool) -> list[int]:
    first = index * side + (side // 2 if shifted else 0)
    return [(first + step) % length for step in range(side)]


def predictor(x: Array, weights: Weights) -> Array:
    """Logits (H, W, 2)."""
    embedded = linear(norm(_gelu(linear(x, weights, "embed.0")), weights, "embed.2"), weights, "embed.3")
    half = embedded.shape[-1] // 2
    embedded[..., half:] = embedded[..., half:].reshape(-1, half).mean(0)
    hidden = _gelu(linear(embedded, weights, "judge.0"))
    return linear(_gelu(linear(hidden, weights, "judge.2")), weights, "judge.4")


def decide(logits: Array, side: int, shifted: bool) -> Array:
    """bool (R, K): keeping has the larger mean logit."""
    rows, columns = logits.shape[0] // side, logits.shape[1] // side
    kept = np.zeros((rows, columns), np.bool_)
    for r in range(rows):
        for k in range(columns):
            inside = np.ix_(
                _places(r, side, logits.shape[0], shifted), _places(k, side, logits.shape[1], shifted), [0, 1]
            )
            keep, prune = logits[inside].reshape(-1, 2).mean(0)
            kept[r, k] = keep > prune
    return kept


def stage(x: Array, weights: Weights, heads: int, side: int, depth: int) -> tuple[Array, list[Array]]:
    """The features and the decisions of one or two maps."""
    kept: list[Array] = []
    for index in range(depth):
        shifted = index % 2 == 1
        if index < 2:
            kept.append(decide(predictor(x, below(weights, f"predictors.{index}.")), side, shifted))
        x = block(x, below(weights, f"blocks.{index}."), heads, side, kept[index % 2], shifted)
    return x, kept


def network(
    picture: Array, weights: Weights, side: int, depths: Sequence[int], heads: Sequence[int]
) -> tuple[Array, list[Array]]:
    """A picture (H, W, 3) whose sides need no padding → the restored one, and the decisions of all maps."""

    def convolve(x: Array, name: str, **how: int) -> Array:
        given = torch.from_numpy(x.transpose(2, 0, 1)[None].copy())
        weight, bias = (torch.from_numpy(weights[f"{name}.{part}"]) for part in ("weight", "bias"))
        operation = functional.conv_transpose2d if name.startswith("ups") else functional.conv2d
        found: Array = operation(given, weight, bias, **how)[0].numpy().transpose(1, 2, 0)
        return found

    def run(x: Array, index: int) -> Array:
        x, kept = stage(x, below(weights, f"stages.{index}."), heads[index], side, depths[index])
        decisions.extend(kept)
        return x

    decisions: list[Array] = []
    x = convolve(picture, "embed.0", padding=1)
    enc0 = run(np.where(x > 0, x, 0.01 * x), 0)
    enc1 = run(convolve(enc0, "downs.0", stride=2, padding=1), 1)
    enc2 = run(convolve(enc1, "downs.1", stride=2, padding=1), 2)
    enc3 = run(convolve(enc2, "downs.2", stride=2, padding=1), 3)
    deepest = run(convolve(enc3, "downs.3", stride=2, padding=1), 4)
    dec0 = run(np.concatenate([convolve(deepest, "ups.0", stride=2), enc3], 2), 5)
    dec1 = run(np.concatenate([convolve(dec0, "ups.1", stride=2), enc2], 2), 6)
    dec2 = run(np.concatenate([convolve(dec1, "ups.2", stride=2), enc1], 2), 7)
    dec3 = run(np.concatenate([convolve(dec2, "ups.3", stride=2), enc0], 2), 8)
    out = convolve(dec3, "output", padding=1)
    gate = np.maximum(1.0 / (1.0 + np.exp(-out[..., 3:])), 0.1)
    return picture + out[..., :3] * gate, decisions
