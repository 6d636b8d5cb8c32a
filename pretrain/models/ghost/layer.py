"""The ghost convolution: some maps are computed, the others are these, shifted by a learned whole number of pixels.

Source: Nie et al., "GhostSR: Learning Ghost Features for Efficient Image Super-Resolution", arXiv 2101.08525, and the
authors' code, which this follows where the two disagree: one offset per layer (the paper writes one per ghost map), and
a gradient that passes straight to the raw weights. Both other ways are settings.

    y       = primary(x)                                    the intrinsic maps
    ghost_c = Σ_ij kernel_ij · y_source(c)(row + i, column + j)      kernel one-hot, i and j from −reach to reach
    result  = [y, ghost] in the order of the dense convolution

Shape letters: B images, C output channels, I intrinsic maps, G ghost maps, H  offsets (1 or G),
K choices of an offset.
"""

# ruff: noqa: N803, N806 - shape suffixes are upper case
from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from million_ird.errors import UsageError


@dataclass(frozen=True)
class GhostSettings:
    """What part of a convolution's maps become ghosts, and how their offsets are learned."""

    share: float = 0.5
    """Part of the maps that are ghosts, 0 to below 1, rounded down (paper's λ and authors' code: 0.5)."""
    reach: int = 1
    """Largest shift in pixels, in each direction, 1 or more (authors' code: 1, so 9 offsets)."""
    offsets: Literal["layer", "channel"] = "layer"
    """Whether all ghosts of a layer share one offset (authors' code) or each has its own (the paper's formula)."""
    gradient: Literal["raw", "softmax"] = "raw"
    """What the choice of an offset is treated as, going backwards: the raw weights (authors' code) or the softmax of
    their noisy absolute values (ours, after the paper's soft signal)."""
    noise_decay: float = 0.97
    """What the Gumbel noise is multiplied by from one epoch to the next, above 0, up to 1 (authors' code)."""

    def __post_init__(self) -> None:
        if not 0 <= self.share < 1:
            raise UsageError(f"share: got {self.share}, expected a number from 0 to below 1")
        if self.reach < 1:
            raise UsageError(f"reach: got {self.reach}, expected 1 or more")
        if self.offsets not in ("layer", "channel"):
            raise UsageError(f"offsets: got {self.offsets!r}, expected 'layer' or 'channel'")
        if self.gradient not in ("raw", "softmax"):
            raise UsageError(f"gradient: got {self.gradient!r}, expected 'raw' or 'softmax'")
        if not 0 < self.noise_decay <= 1:
            raise UsageError(f"noise_decay: got {self.noise_decay}, expected a number above 0, up to 1")

    def intrinsic(self, convolution: nn.Conv2d) -> int:
        """Maps of a convolution that stay computed: at least its share of each group, rounded up (authors' code)."""
        ghosts_per_group = math.floor(convolution.out_channels // convolution.groups * self.share + 1e-9)
        return convolution.out_channels - ghosts_per_group * convolution.groups


class Gather(nn.Module):
    """Maps by number: (B, C, H, W) → (B, len(index), H, W). Those that are first anyway are not copied.

    Args:
        index: (N,) int64, numbers of maps; kept in the checkpoint.
    """

    index: Tensor

    def __init__(self, index: Tensor) -> None:
        super().__init__()
        self.register_buffer("index", index)
        self._note()
        self.register_load_state_dict_post_hook(_note_again)  # type: ignore[no-untyped-call]

    def set(self, index: Tensor) -> None:
        """Take as many other maps."""
        self.index.copy_(index)
        self._note()

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return x_BCHW[:, : len(self.index)] if self._first else x_BCHW.index_select(1, self.index)

    def _note(self) -> None:
        """Asked here, once: a question to the device in every pass would wait for it."""
        self._first = self.index.is_meta or self.index.tolist() == list(range(len(self.index)))


def check_indices(model: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Whether the maps that a state names for the ghost convolutions of `model` are there.

    Args:
        model: any network.
        state: of it, of the right shapes.

    Raises:
        UsageError: a ghost is a shift of no intrinsic map, or an order leaves a map out; the text names the tensor.
    """
    for name, layer in model.named_modules():
        if isinstance(layer, GhostConvolution):
            source, order = f"{name}.source.index", f"{name}.order.index"
            least, most = state[source].min(), state[source].max()
            if least < 0 or most >= layer.primary.out_channels:
                raise UsageError(f"{source} names maps beyond the {layer.primary.out_channels} there are")
            if not torch.equal(state[order].sort().values.long().cpu(), torch.arange(len(state[order]))):
                raise UsageError(f"{order} does not name each of {len(state[order])} maps once")


def _note_again(gather: Gather, _: object) -> None:
    gather._note()


class GhostConvolution(nn.Module):
    """What stands in a convolution's place. (B, C_in, H, W) → (B, C, H', W'), as the dense one.

    This is the form that learns: the shift is a depthwise convolution. In training its kernel is drawn anew in every
    pass from PyTorch's global generator; in eval mode it is the largest weight's. `pretrain.models.ghost.freeze` gives
    the form without multiplications.

    Args:
        dense: the convolution to replace; only its shape is read, the weights are new.
        settings: with a share that leaves it at least one ghost.
    """

    source: Gather
    """The intrinsic map that each ghost is a shift of; G of them."""
    order: Gather
    """Where each map of the result stands in [intrinsic maps, ghosts]; C of them."""
    noise: Tensor
    """() float32: what Gumbel noise is multiplied by; see `anneal`."""

    def __init__(self, dense: nn.Conv2d, settings: GhostSettings) -> None:
        super().__init__()
        self.settings = settings
        intrinsic = settings.intrinsic(dense)
        ghosts = dense.out_channels - intrinsic
        self.primary = _narrowed(dense, intrinsic)
        side = 2 * settings.reach + 1
        self.shift = nn.Parameter(dense.weight.new_empty(1 if settings.offsets == "layer" else ghosts, 1, side, side))
        nn.init.kaiming_uniform_(self.shift, a=math.sqrt(5))  # authors' code
        self.source = Gather(torch.arange(ghosts, device=dense.weight.device) % intrinsic)
        self.order = Gather(torch.arange(dense.out_channels, device=dense.weight.device))
        self.register_buffer("noise", torch.ones((), device=dense.weight.device))

    @property
    def ghosts(self) -> int:
        """Ghost maps: G."""
        return len(self.source.index)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        y_BIHW: Tensor = self.primary(x_BCHW)
        kernel_G1KK = self.kernel().expand(self.ghosts, -1, -1, -1)
        ghosts_BGHW = functional.conv2d(
            self.source(y_BIHW), kernel_G1KK, padding=self.settings.reach, groups=self.ghosts
        )
        result_BCHW: Tensor = self.order(torch.cat([y_BIHW, ghosts_BGHW], dim=1))
        return result_BCHW

    def kernel(self) -> Tensor:
        """(S, 1, side, side): one-hot, and in training with a gradient that passes it straight (authors' code).

        The one is where |weight + noise| is largest; in eval mode there is no noise.
        """
        weights_SK = self.shift.flatten(1)
        if not self.training:
            return _one_hot(weights_SK.abs()).view_as(self.shift)
        scores_SK = (weights_SK + self.noise * _gumbel(weights_SK)).abs()
        soft_SK = weights_SK if self.settings.gradient == "raw" else scores_SK.softmax(1)
        return (_one_hot(scores_SK) + (soft_SK - soft_SK.detach())).view_as(self.shift)

    def chosen_offsets(self) -> list[tuple[int, int]]:
        """For each ghost, rows and columns further down and right that it looks, each −reach to reach."""
        reach, side = self.settings.reach, 2 * self.settings.reach + 1
        largest = self.shift.detach().flatten(1).abs().argmax(1).tolist()
        offsets = [(choice // side - reach, choice % side - reach) for choice in largest]
        return offsets * self.ghosts if self.settings.offsets == "layer" else offsets


def _one_hot(scores_SK: Tensor) -> Tensor:
    return torch.zeros_like(scores_SK).scatter_(1, scores_SK.detach().argmax(1, keepdim=True), 1.0)


def _gumbel(like: Tensor) -> Tensor:
    """Gumbel noise: −log of exponential noise."""
    return -torch.empty_like(like).exponential_().log()


def _narrowed(dense: nn.Conv2d, channels: int) -> nn.Conv2d:
    """A convolution like this one with so many output channels and new weights."""
    return nn.Conv2d(
        dense.in_channels,
        channels,
        dense.kernel_size,  # type: ignore[arg-type]
        dense.stride,  # type: ignore[arg-type]
        dense.padding,  # type: ignore[arg-type]
        dense.dilation,  # type: ignore[arg-type]
        dense.groups,
        dense.bias is not None,
        dense.padding_mode,
        device=dense.weight.device,
        dtype=dense.weight.dtype,
    )
