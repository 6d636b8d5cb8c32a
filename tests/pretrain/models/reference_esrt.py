"""ESRT written down a second time, in numpy and double precision: pixel by pixel, token by token.

Nothing here uses `pretrain` but the names of its weights. One image at a time, (C, H, W).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Reference:
    """The network of these weights, with the choices of the authors' code unless told otherwise."""

    state: Mapping[str, Array]
    scale: int
    blocks: int
    low_repeats: int
    heads: int
    segments: int = 4
    divisor: str = "token"
    average: bool = False
    skip_relu: bool = True

    def enlarge(self, image: Array) -> Array:
        """(3, H, W) → (3, scale · H, scale · W)."""
        shallow = self._conv("head", image)
        x, levels = shallow, []
        for block in range(self.blocks):
            x = self._block(f"blocks.{block}", x)
            levels.append(x)
        deep = self._conv("after_transformer", self._transformer(self._conv("join", np.concatenate(levels))))
        a, b = self.state["weights"]
        main = self._enlarged("tail", self._conv("reduce", a * shallow + b * deep))
        skip = self._enlarged("skip", shallow)
        return main + (np.maximum(skip, 0) if self.skip_relu else skip)

    def _block(self, key: str, x: Array) -> Array:
        encoded = self._residual(f"{key}.encode", x)
        low = encoded[:, 0 : x.shape[1] // 2 * 2, 0 : x.shape[2] // 2 * 2]
        low = (low[:, ::2, ::2] + low[:, 1::2, ::2] + low[:, ::2, 1::2] + low[:, 1::2, 1::2]) / 4
        high = self._residual(f"{key}.high", encoded - bilinear(low, x.shape[1], x.shape[2]))
        for _ in range(self.low_repeats):
            low = self._residual(f"{key}.low", low)
        joined = np.concatenate([bilinear(low, x.shape[1], x.shape[2]), high])
        gated = self._gate(f"{key}.gate", np.maximum(self._conv(f"{key}.join", joined), 0))
        return self._residual(f"{key}.decode", gated) + x

    def _residual(self, key: str, x: Array) -> Array:
        first = self._unit(f"{key}.units.0", x)
        second = self._unit(f"{key}.units.1", first)
        u, v = self.state[f"{key}.join_weights"]
        joined = np.maximum(self._conv(f"{key}.join", np.concatenate([u * second, v * first])), 0)
        change = np.maximum(self._conv(f"{key}.last", self._gate(f"{key}.gate", joined)), 0)
        a, b = self.state[f"{key}.weights"]
        return a * x + b * change

    def _unit(self, key: str, x: Array) -> Array:
        hidden = self._conv(f"{key}.squeeze", x)
        slopes = self.state[f"{key}.activation.weight"][:, None, None]
        hidden = np.where(hidden > 0, hidden, slopes * hidden)
        a, b = self.state[f"{key}.weights"]
        return a * x + b * self._conv(f"{key}.expand", hidden)

    def _gate(self, key: str, x: Array) -> Array:
        mean = x.mean(axis=(1, 2))[:, None, None]
        hidden = np.maximum(self._conv(f"{key}.squeeze", mean), 0)
        return x / (1 + np.exp(-self._conv(f"{key}.expand", hidden)))

    def _transformer(self, x: Array) -> Array:
        channels, height, width = x.shape
        padded = np.pad(x, ((0, 0), (1, 1), (1, 1)))
        tokens = np.array([padded[:, i : i + 3, j : j + 3].ravel() for i in range(height) for j in range(width)])
        tokens = tokens + self._attention(self._norm("transformer.attention_norm", tokens))
        hidden = self._linear("transformer.feed_forward.0", self._norm("transformer.feed_forward_norm", tokens))
        tokens = tokens + self._linear("transformer.feed_forward.2", np.maximum(hidden, 0))
        summed, count = np.zeros_like(padded), np.zeros_like(padded)
        for index, token in enumerate(tokens):
            i, j = divmod(index, width)
            summed[:, i : i + 3, j : j + 3] += token.reshape(channels, 3, 3)
            count[:, i : i + 3, j : j + 3] += 1
        inner = (slice(None), slice(1, -1), slice(1, -1))
        return summed[inner] / (count[inner] if self.average else 1)

    def _attention(self, tokens: Array) -> Array:
        """Every token looks at those of its own segment, one head after the other."""
        features, inner = tokens.shape[1], tokens.shape[1] // 2
        channels = inner // self.heads
        divisor = np.sqrt({"token": features, "head": inner}[self.divisor] / self.heads)
        qkv = self._linear("transformer.attention.qkv", self._linear("transformer.attention.reduce", tokens))
        length, result = len(tokens) // self.segments, np.empty((len(tokens), inner))
        for index in range(len(tokens)):
            segment = slice(index // length * length, (index // length + 1) * length)
            for head in range(self.heads):
                q, k, v = (
                    slice(start + head * channels, start + (head + 1) * channels) for start in (0, inner, 2 * inner)
                )
                similarity = np.exp(qkv[segment, k] @ qkv[index, q] / divisor)
                result[index, q] = similarity / similarity.sum() @ qkv[segment, v]
        return self._linear("transformer.attention.project", result)

    def _norm(self, key: str, tokens: Array) -> Array:
        centred = tokens - tokens.mean(axis=1, keepdims=True)
        normed = centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-5)
        return normed * self.state[f"{key}.weight"] + self.state[f"{key}.bias"]

    def _linear(self, key: str, tokens: Array) -> Array:
        return tokens @ self.state[f"{key}.weight"].T + self.state.get(f"{key}.bias", 0.0)

    def _enlarged(self, key: str, x: Array) -> Array:
        steps = [2, 2] if self.scale == 4 else [self.scale]
        for index, step in enumerate(steps):
            wide = self._conv(f"{key}.{2 * index}", x)
            x = np.empty((wide.shape[0] // step**2, wide.shape[1] * step, wide.shape[2] * step))
            for i in range(step):
                for j in range(step):
                    x[:, i::step, j::step] = wide[i * step + j :: step**2]
        return self._conv(f"{key}.{2 * len(steps)}", x)

    def _conv(self, key: str, x: Array) -> Array:
        kernel = self.state[f"{key}.weight"]
        side, (height, width) = kernel.shape[2], x.shape[1:]
        padded = np.pad(x, ((0, 0), (side // 2, side // 2), (side // 2, side // 2)))
        result = np.zeros((kernel.shape[0], height, width))
        for i in range(side):
            for j in range(side):
                result += np.einsum("oc,chw->ohw", kernel[:, :, i, j], padded[:, i : i + height, j : j + width])
        return result + np.asarray(self.state.get(f"{key}.bias", np.zeros(len(kernel))))[:, None, None]


def bilinear(x: Array, height: int, width: int) -> Array:
    """Resized so that corners fall on corners."""
    rows = np.array([_between(x.transpose(1, 0, 2), i, height) for i in range(height)]).transpose(1, 0, 2)
    return np.array([_between(rows.transpose(2, 0, 1), j, width) for j in range(width)]).transpose(1, 2, 0)


def _between(lines: Array, index: int, length: int) -> Array:
    """Line `index` of `length`, between two of the given lines."""
    position = index * (len(lines) - 1) / max(length - 1, 1)
    below = min(int(position), len(lines) - 1)
    above, share = min(below + 1, len(lines) - 1), position - below
    mixed: Array = (1 - share) * lines[below] + share * lines[above]
    return mixed
