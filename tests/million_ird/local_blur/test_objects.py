from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from million_ird.local_blur.objects import blob, snap, uncover

Pixels = npt.NDArray[np.uint8]


@pytest.mark.parametrize("seed", range(5))
def test_a_blob_is_as_large_as_asked(seed: int) -> None:
    outline = blob(300, 400, 200, 150, 100, np.random.default_rng(seed))
    assert outline.shape == (300, 400)
    assert set(np.unique(outline)) == {0.0, 1.0}
    assert outline.sum() == pytest.approx(np.pi * 50**2, rel=0.35)


def test_an_outline_snaps_to_the_edges_of_what_is_there() -> None:
    picture = np.full((240, 240, 3), 40, np.uint8)
    picture[60:180, 60:180] = 200
    rough = np.zeros((240, 240), np.float32)
    rough[70:186, 54:172] = 1
    square = picture[..., 0] > 100
    before = np.abs(rough - square).sum()
    after = np.abs(snap(picture, rough, np.random.default_rng(0)) - square).sum()
    assert after < 0.6 * before


def test_an_outline_stays_where_there_is_nothing_to_snap_to() -> None:
    outline = blob(240, 240, 120, 120, 6, np.random.default_rng(0))
    flat = np.full((240, 240, 3), 128, np.uint8)
    assert snap(flat, outline, np.random.default_rng(0)).any()


def test_what_is_uncovered_joins_on_at_the_edge(wheel_photo: Callable[[str], Pixels]) -> None:
    scene = np.full((200, 300, 3), 0.2, np.float32)
    scene[:, 150:] = 0.7
    hidden = np.zeros((200, 300), np.bool_)
    hidden[80:120, 40:80] = True
    shown = scene.copy()
    shown[hidden] = 0.9
    for seed in range(6):
        filled = uncover(shown, hidden, np.random.default_rng(seed))
        assert np.array_equal(filled[~hidden], scene[~hidden])
        assert np.abs(filled[hidden] - 0.2).mean() < 0.1


def test_nothing_hidden_changes_nothing() -> None:
    scene = np.random.default_rng(0).random((40, 50, 3)).astype(np.float32)
    assert uncover(scene, np.zeros((40, 50), np.bool_), np.random.default_rng(0)) is scene


def test_all_hidden_is_filled_with_something_finite() -> None:
    scene = np.ones((40, 50, 3), np.float32)
    assert np.isfinite(uncover(scene, np.ones((40, 50), np.bool_), np.random.default_rng(0))).all()
