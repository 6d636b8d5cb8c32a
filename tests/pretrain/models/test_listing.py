from __future__ import annotations

import torch
from torch import nn

from pretrain.models.listing import Listing
from pretrain.models.operations import Macs


def test_a_network_is_built_without_weights_and_counted_at_inference() -> None:
    listing = Listing("two", lambda: nn.Sequential(nn.Conv2d(3, 2, 1), nn.Dropout()), input=(4, 5))
    model = listing.built()
    assert not model.training and all(parameter.is_meta for parameter in model.parameters())
    assert listing.count(model, 4, 5) == Macs(convolutions=120)
    assert torch.empty(1).device.type == "cpu"  # the default device is back
