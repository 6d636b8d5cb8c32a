"""GRL: global, regional and local ranges of an image in one block, at one resolution throughout.

Source: Li et al., "Efficient and Explicit Modelling of Image Hierarchies for Image Restoration", arXiv 2303.00748, and
the authors' code.

    image - mean ─ first ─┬─ norm ─ stages ─ norm ─ last ─ ⊕ ─ upsampler ─ (+ image - mean, at scale 1) + mean
                          └────────────────────────────────┘

A weight knows nothing of windows, stripes and anchors: their sizes are settings, which a checkpoint must carry, and
weights trained with one load under another (and give another picture). Position tables and masks are computed when they
are needed; the state holds weights alone.
"""

# ruff: noqa: N803, N806 - shape suffixes are upper case
from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from pretrain.models.grl.block import Stage
from pretrain.models.grl.precision import Norm
from pretrain.models.grl.settings import GRLSettings
from pretrain.models.grl.upsamplers import upsampler
from pretrain.models.upsampling import DIV2K_MEAN

FIRST_DEVIATION = 0.02
"""Standard deviation, cut off at two, of the first weights of linear maps (Swin Transformer V2's code)."""


class GRL(nn.Module):
    """The network: `model(image)`."""

    mean: Tensor

    def __init__(self, settings: GRLSettings | None = None) -> None:
        super().__init__()
        self.settings = settings = settings or GRLSettings()
        width = settings.width
        self.first = nn.Conv2d(settings.colours, width, 3, padding=1)
        self.norm_before = Norm(width)
        self.stages = nn.Sequential(*(Stage(settings, rates) for rates in settings.drop_paths()))
        self.norm_after = Norm(width)
        self.last = nn.Conv2d(width, width, 3, padding=1)
        self.upsampler = upsampler(settings)
        mean = DIV2K_MEAN if settings.colours == 3 else (0.0,)  # authors' code: grey images keep theirs
        self.register_buffer("mean", torch.tensor(mean).view(-1, 1, 1), persistent=False)
        self.apply(_draw)
        if settings.upsampler == "none":  # a new network gives the image back: that is near what is wanted (ours)
            for parameter in self.upsampler.parameters():
                nn.init.zeros_(parameter)

    @property
    def scale(self) -> int:
        """Side of the result per side of the image."""
        return self.settings.scale

    def forward(self, image_B3HW: Tensor) -> Tensor:
        """Restore images.

        Args:
            image_B3HW: (B, colours, H, W), floating, 0 to 1; any height and width of at least 1.

        Returns:
            (B, colours, scale·H, scale·W), not clamped to 0 to 1.
        """
        height, width = image_B3HW.shape[2:]
        centred = pad(image_B3HW, self.settings.multiple) - self.mean
        restored = self.upsampler(self.features(centred))
        if self.settings.upsampler == "none":
            restored = restored + centred
        result: Tensor = (restored + self.mean)[:, :, : height * self.scale, : width * self.scale]
        return result

    def features(self, centred_B3HW: Tensor) -> Tensor:
        """(B, width, H, W) of a padded image without its mean: what the upsampler takes."""
        shallow_BCHW = self.first(centred_B3HW)
        deep_BHWC = self.norm_after(self.stages(self.norm_before(shallow_BCHW.permute(0, 2, 3, 1))))
        features: Tensor = shallow_BCHW + self.last(deep_BHWC.permute(0, 3, 1, 2))
        return features


def pad(image_BCHW: Tensor, multiple: int) -> Tensor:
    """The image continued to the right and below to multiples of `multiple`.

    By reflection without repeating the edge, or by zeros where the image is too small for one reflection (authors'
    code).
    """
    down, right = (-side % multiple for side in image_BCHW.shape[2:])
    reflects = down < image_BCHW.shape[2] and right < image_BCHW.shape[3]
    return functional.pad(image_BCHW, (0, right, 0, down), mode="reflect" if reflects else "constant")


def _draw(part: nn.Module) -> None:
    """First weights of linear maps; convolutions keep PyTorch's."""
    if isinstance(part, nn.Linear):
        nn.init.trunc_normal_(part.weight, std=FIRST_DEVIATION, a=-2 * FIRST_DEVIATION, b=2 * FIRST_DEVIATION)
        if part.bias is not None:
            nn.init.zeros_(part.bias)
