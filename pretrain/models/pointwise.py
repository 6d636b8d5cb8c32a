"""The 1×1 convolution as what it is: one matrix applied to every pixel, images staying NCHW."""

# ruff: noqa: N803, N806 - shape suffixes are upper case
from __future__ import annotations

import torch
from torch import Tensor, nn


class Pointwise(nn.Conv2d):
    """(B, C, H, W) → (B, out, H, W): a 1×1 convolution without bias, with the weights of one, (out, C, 1, 1).

    A batch of matrix products takes NCHW as it lies. cuDNN's half-precision convolutions turn the images round to
    NHWC first and back afterwards, which costs more than the product: see docs/gpu.md.
    """

    def __init__(self, channels: int, out: int) -> None:
        super().__init__(channels, out, 1, bias=False)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return pointwise(x_BCHW, self.weight)


def pointwise(x_BCHW: Tensor, weight_OC11: Tensor) -> Tensor:
    """The same with the weights given; the gradient of the weights is a product per image, then their sum."""
    # Not `matmul` of a matrix with a batch: that may copy the batch to make one product of it.
    weight_BOC = weight_OC11.flatten(1).expand(x_BCHW.shape[0], -1, -1)
    return torch.bmm(weight_BOC, x_BCHW.flatten(2)).view(-1, weight_OC11.shape[0], *x_BCHW.shape[2:])
