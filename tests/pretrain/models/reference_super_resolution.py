"""EDSR, RDN, CARN and CARN-M a second time, in NumPy and loops, from the papers' drawings alone.

One image at a time, (3, H, W); weights as arrays by the names of the state.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
MEAN = np.array([0.4488, 0.4371, 0.4040])[:, None, None]


def convolve(x: Array, weight: Array, bias: Array, groups: int = 1) -> Array:
    """A convolution with zeros around, pixel by pixel."""
    out, per_group, side, _ = weight.shape
    reach = side // 2
    padded = np.pad(x, ((0, 0), (reach, reach), (reach, reach)))
    result = np.empty((out, *x.shape[1:]))
    for channel in range(out):
        first = channel // (out // groups) * per_group
        for row in range(x.shape[1]):
            for column in range(x.shape[2]):
                seen = padded[first : first + per_group, row : row + side, column : column + side]
                result[channel, row, column] = (seen * weight[channel]).sum() + bias[channel]
    return result


def relu(x: Array) -> Array:
    return np.where(x > 0, x, 0.0)


def into_pixels(x: Array, step: int) -> Array:
    """Channel c · step² + i · step + j goes to rows i, i + step, … and columns j, j + step, … of channel c."""
    channels, height, width = x.shape[0] // step**2, *x.shape[1:]
    result = np.empty((channels, height * step, width * step))
    for index, plane in enumerate(x):
        channel, (row, column) = index // step**2, divmod(index % step**2, step)
        result[channel, row::step, column::step] = plane
    return result


class Reference:
    """Networks by name of their weights."""

    def __init__(self, state: Mapping[str, Array], groups: int = 1) -> None:
        self.state, self.groups = state, groups

    def c(self, name: str, x: Array, groups: int = 1) -> Array:
        return convolve(x, self.state[f"{name}.weight"], self.state[f"{name}.bias"], groups)

    def enlarge(self, name: str, x: Array, scale: int, activated: bool = False) -> Array:
        for index, step in enumerate((2, 2) if scale == 4 else (scale,)):
            x = self.c(f"{name}.{index * (3 if activated else 2)}", x, self.groups)
            x = into_pixels(relu(x) if activated else x, step)
        return x

    def edsr(self, image: Array, scale: int, blocks: int, residual_scale: float) -> Array:
        shallow = self.c("head", 255 * (image - MEAN))
        x = shallow
        for block in range(blocks):
            change = self.c(f"blocks.{block}.second", relu(self.c(f"blocks.{block}.first", x)))
            x = x + residual_scale * change
        x = self.c("last", x) + shallow
        return self.c("tail", self.enlarge("enlarge", x, scale)) / 255 + MEAN

    def rdn(self, image: Array, scale: int, blocks: int, layers: int) -> Array:
        shallow = self.c("first", image)
        x, outputs = self.c("second", shallow), []
        for block in range(blocks):
            known = [x]
            for layer in range(layers):
                known.append(relu(self.c(f"blocks.{block}.layers.{layer}.convolution", np.concatenate(known))))
            x = self.c(f"blocks.{block}.fuse", np.concatenate(known)) + x
            outputs.append(x)
        fused = self.c("fuse.1", self.c("fuse.0", np.concatenate(outputs)))
        return self.c("tail", self.enlarge("enlarge", fused + shallow, scale))

    def carn(self, image: Array, scale: int, efficient: bool) -> Array:
        o0 = self.c("head", image - MEAN)
        b1 = self._carn_block(0, o0, efficient)
        o1 = relu(self.c("cascade.joins.0", np.concatenate([o0, b1])))
        b2 = self._carn_block(1, o1, efficient)
        o2 = relu(self.c("cascade.joins.1", np.concatenate([o0, b1, b2])))
        b3 = self._carn_block(2, o2, efficient)
        o3 = relu(self.c("cascade.joins.2", np.concatenate([o0, b1, b2, b3])))
        return self.c("tail", self.enlarge(f"enlarge.{scale}", o3, scale, activated=True)) + MEAN

    def _carn_block(self, block: int, x: Array, efficient: bool) -> Array:
        name, known = f"cascade.steps.{block}", [x]
        for unit in range(3):
            known.append(self._carn_unit(f"{name}.steps.{0 if efficient else unit}", x, efficient))
            x = relu(self.c(f"{name}.joins.{unit}", np.concatenate(known)))
        return x

    def _carn_unit(self, name: str, x: Array, efficient: bool) -> Array:
        change = self.c(f"{name}.second", relu(self.c(f"{name}.first", x, self.groups)), self.groups)
        return relu(x + (self.c(f"{name}.mix", relu(change)) if efficient else change))
