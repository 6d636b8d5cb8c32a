"""Which windows LMD-ViT keeps, in the form of a network: run whole or in tiles, on any device, as LMD-ViT itself is."""

# ruff: noqa: N803, N806 - shape suffixes are upper case
from __future__ import annotations

import torch
from torch import Tensor, nn

from pretrain.kept_windows import share_of_maps
from pretrain.models.lmd_vit.network import LMDViT


class KeptShares(nn.Module):
    """(B, 3, H, W) → the same: at each pixel the share of the decision maps that keep its window, 0 to 1, three times.

    `pretrain.restore.Restorer` takes it in the place of the network, and `draw_shares` what it gives.
    """

    scale = 1

    def __init__(self, model: LMDViT) -> None:
        super().__init__()
        self.model, self.settings = model, model.settings

    def forward(self, image_B3HW: Tensor) -> Tensor:
        """In eval mode."""
        height, width = image_B3HW.shape[-2:]
        decisions = self.model.predict(image_B3HW).decisions
        shares = [
            share_of_maps([each[index : index + 1] for each in decisions], self.settings, height, width)
            for index in range(len(image_B3HW))
        ]
        share_BHW = torch.stack([torch.from_numpy(share) for share in shares]).to(image_B3HW.device)
        return share_BHW[:, None].expand(-1, 3, -1, -1)
