"""Shares of kept windows in the form of a network: each picture of a batch has its own."""

from __future__ import annotations

import numpy as np
import torch

from pretrain.kept_shares import KeptShares
from pretrain.kept_windows import share_of_maps
from pretrain.models.variants import WHOLE
from pretrain.restore import Restorer, RestoreSettings
from tests.pretrain.models.lmd_vit.tiny import network


@torch.no_grad()
def test_each_picture_has_the_share_of_its_own_maps() -> None:
    model = network()
    images = torch.rand(2, 3, 50, 70, generator=torch.Generator().manual_seed(0))
    shares = KeptShares(model)(images)
    assert shares.shape == images.shape and len(shares.unique()) > 2
    for image, share in zip(images, shares, strict=True):
        expected = share_of_maps(model.predict(image[None]).decisions, model.settings, 50, 70)
        assert all(np.array_equal(channel.numpy(), expected) for channel in share)
    assert not torch.equal(shares[0], shares[1])


def test_a_restorer_runs_it_as_it_runs_the_network() -> None:
    model = network()
    picture = np.random.default_rng(0).random((50, 70, 3), np.float32)
    shares = Restorer(KeptShares(model), WHOLE, RestoreSettings("whole"))(picture)
    decisions = model.predict(torch.from_numpy(picture.transpose(2, 0, 1).copy())[None]).decisions
    np.testing.assert_array_equal(shares[..., 0], share_of_maps(decisions, model.settings, 50, 70))
