from __future__ import annotations

import pytest
import torch

from pretrain.models.lmd_vit.windows import merge, partition, window_means


@pytest.mark.parametrize("shifted", [False, True])
def test_windows_are_where_they_are_said_to_be(shifted: bool) -> None:
    x = torch.arange(2 * 8 * 12 * 3, dtype=torch.float32).reshape(2, 8, 12, 3)
    windows = partition(x, 4, shifted=shifted)
    assert windows.shape == (2, 2, 3, 16, 3)
    begin = 2 if shifted else 0
    for r in range(2):
        for k in range(3):
            for feature in range(16):
                y, at = (r * 4 + feature // 4 + begin) % 8, (k * 4 + feature % 4 + begin) % 12
                assert torch.equal(windows[:, r, k, feature], x[:, y, at])
    assert torch.equal(merge(windows, 4, shifted=shifted), x)


def test_shifting_is_a_roll() -> None:
    x = torch.rand(1, 8, 8, 2)
    rolled = torch.roll(x, (-2, -2), (1, 2))
    assert torch.equal(partition(x, 4, shifted=True), partition(rolled, 4, shifted=False))
    assert torch.equal(window_means(x, 4, shifted=True)[0, 0, 0], rolled[0, :4, :4].reshape(16, 2).mean(0))
