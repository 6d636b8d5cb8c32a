from __future__ import annotations

import pytest
import torch

from pretrain.models.window import joined_regions, merge, partition


@pytest.mark.parametrize("shifted", [False, True])
@pytest.mark.parametrize("size", [(2, 4), (3, 2), (3, 3), (6, 12)])
def test_merge_undoes_partition(size: tuple[int, int], shifted: bool) -> None:
    x = torch.arange(2 * 6 * 12 * 3.0).view(2, 6, 12, 3)
    windows = partition(x, size, shifted=shifted)
    assert windows.shape == (2, 6 // size[0], 12 // size[1], size[0] * size[1], 3)
    assert torch.equal(merge(windows, size, shifted=shifted), x)


def test_a_window_holds_its_features_in_reading_order() -> None:
    x = torch.arange(24).view(1, 4, 6, 1)
    assert partition(x, (2, 3))[0, 1, 1, :, 0].tolist() == [15, 16, 17, 21, 22, 23]
    assert partition(x, (2, 3), shifted=True)[0, 0, 0, :, 0].tolist() == [7, 8, 9, 13, 14, 15]
    assert partition(x, (2, 3), shifted=True)[0, 1, 1, :, 0].tolist() == [22, 23, 18, 4, 5, 0]


@pytest.mark.parametrize(("last_row", "last_column"), [(False, False), (True, False), (False, True), (True, True)])
def test_regions_are_the_pieces_that_the_roll_has_brought_together(last_row: bool, last_column: bool) -> None:
    size = (3, 4)
    found = joined_regions(size, last_row=last_row, last_column=last_column, device=torch.device("cpu"))
    # 0, 1 or 2: how often an image of 2×2 windows, numbered by whether its first row and column came round, is rolled
    y, x = torch.meshgrid(torch.arange(6), torch.arange(8), indexing="ij")
    came_round = (2 * (y < 1) + (x < 2).int()).view(1, 6, 8, 1)
    expected = partition(came_round, size, shifted=True)[0, int(last_row), int(last_column), :, 0]
    assert torch.equal(found, expected.to(found.dtype))
