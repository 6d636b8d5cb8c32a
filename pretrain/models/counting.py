"""What a network costs: parameters, and operations of one pass over one image, in the two conventions in use.

Operations are counted from shapes alone. Neither the kernel that does the work nor an algebraic shortcut (attention and
its projection in one matrix, say) changes a number.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pretrain.models.dynet import DyNet
from pretrain.models.restormer import Downsample, TransformerBlock, Upsample
from pretrain.models.variants import Variant

CONVENTIONS = {
    "multiply_accumulates": "multiply-accumulates of convolutions, linear maps and attention's two matrix products "
    "(what fvcore counts)",
    "published": "2 per multiply-accumulate of a convolution or linear map and 1 per GELU; attention's matrix products "
    "are left out (the convention that gives the papers' 242.35 G)",
}
"""Name of a number of `Operations` → what it counts. None of them counts norms, softmax, adding, resizing or the mixing
of prompts."""

UNUSED_IN_DYNET = ((112, 48), (224, 96), (448, 192))
"""(in, out) of the 1×1 convolutions reduce_noise_channel_1 to 3, which the authors' DyNet builds and never runs."""
UNUSED_IN_PROMPTIR = (*UNUSED_IN_DYNET, (64, 64), (128, 128), (320, 256))
"""The same in PromptIR's code, which adds chnl_reduce1 to 3."""


@dataclass(frozen=True)
class Operations:
    """Operations of one pass over one image."""

    convolutions: int = 0
    """Multiply-accumulates of convolutions."""
    linears: int = 0
    """Multiply-accumulates of linear maps."""
    attention: int = 0
    """Multiply-accumulates of attention's products q kᵀ and attention · v."""
    gelus: int = 0
    """Elements that pass a GELU."""
    grouped: int = 0
    """Of `convolutions`, those of depthwise ones."""

    def __add__(self, other: Operations) -> Operations:
        return Operations(
            self.convolutions + other.convolutions,
            self.linears + other.linears,
            self.attention + other.attention,
            self.gelus + other.gelus,
            self.grouped + other.grouped,
        )

    @property
    def multiply_accumulates(self) -> int:
        """See `CONVENTIONS`."""
        return self.convolutions + self.linears + self.attention

    @property
    def published(self) -> int:
        """See `CONVENTIONS`."""
        return 2 * (self.convolutions + self.linears) + self.gelus


def parameters(model: nn.Module) -> int:
    """Numbers that training may change."""
    return sum(parameter.numel() for parameter in model.parameters())


def unused_parameters(shapes: tuple[tuple[int, int], ...]) -> int:
    """Parameters of 1×1 convolutions that a published code builds and never runs, at its own width (48)."""
    return sum(channels_in * channels_out for channels_in, channels_out in shapes)


def count_operations(model: DyNet, variant: Variant, height: int, width: int) -> Operations:
    """Operations of one pass over one image of height × width pixels (padded to multiples of 8 as the model does).

    Nothing is computed: shapes travel on PyTorch's meta device, whatever device the model is on.
    """
    counted = Operations(linears=sum(m.weight.numel() for m in model.modules() if isinstance(m, nn.Linear)))
    twin = _on_meta(model)

    def run(part: nn.Module, x: Tensor) -> Tensor:
        nonlocal counted
        counted += _operations(part, x)
        if isinstance(part, TransformerBlock):  # keeps the shape; its kernels may be at home on real devices alone
            return x
        result: Tensor = part(x)
        return result

    twin(torch.empty(1, 3, height, width, device="meta"), variant, run)
    return counted


def _on_meta(model: DyNet) -> DyNet:
    with torch.device("meta"):
        return DyNet(model.settings, model.depth)


def _operations(part: nn.Module, x_1CHW: Tensor) -> Operations:  # noqa: N803
    pixels = x_1CHW.shape[2] * x_1CHW.shape[3]
    if isinstance(part, TransformerBlock):
        return _block(part, pixels)
    convolution = part.convolution if isinstance(part, Downsample | Upsample) else part
    if not isinstance(convolution, nn.Conv2d):
        raise TypeError(f"no way to count a {type(part).__name__} is written")
    return Operations(convolutions=convolution.weight.numel() * pixels)


def _block(block: TransformerBlock, pixels: int) -> Operations:
    every = [part for part in block.modules() if isinstance(part, nn.Conv2d)]
    convolutions = sum(part.weight.numel() for part in every)
    grouped = sum(part.weight.numel() for part in every if part.groups > 1)
    channels = block.attention.project_out.in_channels
    return Operations(
        convolutions=convolutions * pixels,
        attention=2 * channels * (channels // block.attention.heads) * pixels,
        gelus=block.feed_forward.project_out.in_channels * pixels,
        grouped=grouped * pixels,
    )
