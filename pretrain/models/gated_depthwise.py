"""Depthwise 3×3 convolution followed by a GELU gate: the memory-bound heart of the gated feed-forward.

Source: Zamir et al., "Restormer", arXiv 2111.09881, equation (2): GELU(W_d^1 x) ⊙ W_d^2 x, where W_d are depthwise 3×3
convolutions without bias.
"""

from torch import Tensor
from torch.nn import functional


def gated_depthwise(x_BCHW: Tensor, weight_C133: Tensor) -> Tensor:  # noqa: N803
    """GELU(first half of the channels) × second half, after a depthwise 3×3 convolution with zero padding.

    x_BCHW: (B, 2h, H, W) floating; weight_C133: (2h, 1, 3, 3); returns (B, h, H, W). GELU is the exact one (erf).
    """
    gate, value = functional.conv2d(x_BCHW, weight_C133, padding=1, groups=x_BCHW.shape[1]).chunk(2, dim=1)
    return functional.gelu(gate) * value
