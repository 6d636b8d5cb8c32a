"""Where crops are taken."""

from __future__ import annotations

import numpy as np
import pytest

from pretrain.local_blur.crops import choose_crop, without_specks
from tests.pretrain.local_blur.triples import disc


def corners(mask: np.ndarray, aware: float, speck: int = 64, count: int = 400, side: int = 32) -> np.ndarray:
    """x, y and turn of many crops: (count, 3)."""
    return np.array([choose_crop(mask, side, aware, speck, np.random.default_rng(seed)) for seed in range(count)])


def test_an_aware_crop_is_centred_on_something_blurred() -> None:
    mask = disc(40, 60)
    x, y, _ = corners(mask, 1.0).T
    assert mask[y + 16, x + 16].all()
    assert len(set(zip(x.tolist(), y.tolist(), strict=True))) > 100


def test_at_the_border_the_crop_is_as_near_as_it_can_be() -> None:
    x, y, _ = corners(disc(2, 93), 1.0).T
    assert set(x) <= {0, 1}
    assert set(y) == {96 - 32}


@pytest.mark.parametrize("aware", [0.0, 0.5, 1.0])
def test_the_share_of_aware_crops_is_the_one_that_was_asked_for(aware: float) -> None:
    mask = disc(80, 80, 10)
    x, y, _ = corners(mask, aware, count=2000).T
    hits = mask[y + 16, x + 16]
    anywhere = mask[16 : 16 + 65, 16 : 16 + 65].mean()
    assert abs(hits.mean() - (aware + (1 - aware) * anywhere)) < 0.05


def test_all_turns_and_places_occur() -> None:
    for aware in (0.0, 1.0):
        x, y, turn = corners(disc(48, 48, 40), aware, count=1500).T
        assert set(turn) == set(range(8))
        if not aware:
            assert (x.min(), x.max(), y.min(), y.max()) == (0, 64, 0, 64)


def test_a_speck_attracts_nothing() -> None:
    mask = np.zeros((96, 96), np.bool_)
    mask[5, 5] = mask[90, 90] = True
    drawn = corners(mask, 1.0)
    assert len({(x, y) for x, y, _ in drawn.tolist()}) > 200
    assert len({(x, y) for x, y, _ in corners(mask, 1.0, speck=1).tolist()}) == 2


def test_a_speck_beside_something_large_attracts_nothing_either() -> None:
    mask = disc(60, 60)
    mask[3, 3] = True
    x, y, _ = corners(mask, 1.0).T
    assert not ((x == 0) & (y == 0)).any()


def test_nothing_blurred_and_everything_blurred_are_no_special_cases() -> None:
    for mask in (np.zeros((96, 96), np.bool_), np.ones((96, 96), np.bool_), np.ones((32, 32), np.bool_)):
        x, y, _ = corners(mask, 1.0, count=50).T
        assert x.min() >= 0
        assert x.max() + 32 <= mask.shape[1]
        assert y.min() >= 0
        assert y.max() + 32 <= mask.shape[0]


def test_areas_are_connected_by_edges() -> None:
    assert not without_specks(np.eye(20, dtype=np.bool_), 2).any()
    assert without_specks(np.eye(20, dtype=np.bool_), 1).sum() == 20
    assert np.array_equal(without_specks(disc(40, 40), 64), disc(40, 40))
    assert not without_specks(np.zeros((4, 4), np.bool_), 5).any()
