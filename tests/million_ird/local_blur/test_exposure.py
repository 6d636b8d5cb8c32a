from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from million_ird.local_blur.exposure import Cutout, expose, freeze, from_linear, to_linear
from million_ird.local_blur.model import Movement


def disc(radius: float, side: int = 200) -> npt.NDArray[np.float32]:
    rows, columns = np.mgrid[:side, :side] - (side - 1) / 2
    return (np.hypot(rows, columns) <= radius).astype(np.float32)


def movement(**changed: float) -> Movement:
    values = {"x": 99.5, "y": 99.5, "diameter": 40.0, "dx": 0.0, "dy": 0.0, "bend": 0.0, "turn": 0.0, "swell": 1.0}
    return Movement(**{**values, **changed}, borrowed=False)


def test_srgb_and_linear_light_are_inverse_to_each_other() -> None:
    values = np.arange(256, dtype=np.uint8)
    assert np.abs(from_linear(to_linear(values)) - values).max() < 1e-3
    assert to_linear(np.array([188], np.uint8))[0] == pytest.approx(0.5, abs=0.005)  # half the light of white


def test_the_trail_is_the_union_of_all_positions() -> None:
    white = Cutout(np.ones((200, 200, 3), np.float32), disc(20))
    out, mask = expose(np.zeros((200, 200, 3), np.float32), white, movement(dx=60))
    expected = np.pi * 20**2 + 40 * 60
    assert mask.sum() == pytest.approx(expected, rel=0.03)
    assert (out[~mask] < 0.1).all()
    rows, columns = np.nonzero(mask)
    assert (columns.min(), columns.max()) == (pytest.approx(49.5, abs=1.5), pytest.approx(149.5, abs=1.5))
    assert np.ptp(rows) == pytest.approx(40, abs=2)


def test_light_adds_up_linearly() -> None:
    bar = np.zeros((200, 200), np.float32)
    bar[80:120, 90:110] = 1
    out, _ = expose(
        np.zeros((200, 200, 3), np.float32), Cutout(np.ones((200, 200, 3), np.float32), bar), movement(dx=40)
    )
    assert out[100, 99, 0] == pytest.approx(0.5, abs=0.03)  # 20 pixels wide, 40 far: there half of the time
    assert out.sum() == pytest.approx(3 * bar.sum(), rel=0.01)  # no light is lost or made


def test_a_frozen_instant_is_where_the_path_says() -> None:
    cutout = Cutout(np.ones((200, 200, 3), np.float32), disc(20))
    dark = np.zeros((200, 200, 3), np.float32)
    assert np.abs(freeze(dark, cutout, movement(dx=60, turn=10), 0.5)[..., 0] - disc(20)).mean() < 1e-3
    begun = freeze(dark, cutout, movement(dx=60), 0.0)[..., 0]
    assert (np.arange(200) * begun).sum() / begun.sum() == pytest.approx(69.5, abs=0.5)


def test_a_bend_leaves_the_straight_line() -> None:
    cutout = Cutout(np.ones((200, 200, 3), np.float32), disc(5))
    dark = np.zeros((200, 200, 3), np.float32)
    ends = [freeze(dark, cutout, movement(dx=60, bend=12), time)[..., 0] for time in (0.0, 0.5, 1.0)]
    rows = [(np.arange(200)[:, None] * end).sum() / end.sum() for end in ends]
    assert rows[0] == pytest.approx(rows[2], abs=0.1)
    assert abs(rows[0] - rows[1]) == pytest.approx(12, abs=0.5)


def test_an_object_that_leaves_the_picture_is_cut_off() -> None:
    cutout = Cutout(np.ones((200, 200, 3), np.float32), disc(20))
    out, mask = expose(np.zeros((200, 200, 3), np.float32), cutout, movement(dx=380))
    assert out.shape == (200, 200, 3)
    assert mask[99, 0]
    assert mask[99, 199]
