from __future__ import annotations

import torch

from pretrain.models.lmd_vit.windows import window_means


def test_means_are_of_the_windows_of_the_grid() -> None:
    x = torch.rand(1, 8, 8, 2)
    rolled = torch.roll(x, (-2, -2), (1, 2))
    for shifted, seen in ((False, x), (True, rolled)):
        means = window_means(x, 4, shifted=shifted)
        assert means.shape == (1, 2, 2, 2)
        torch.testing.assert_close(means[0, 1, 0], seen[0, 4:, :4].reshape(16, 2).mean(0))
