from __future__ import annotations

import numpy as np
import pytest

from pretrain.images import Pixels
from pretrain.picture_table import SMALL, draw_table, side_by_side


def flat(level: int, side: int = 8) -> Pixels:
    return np.full((side, side, 3), level, np.uint8)


def test_every_picture_stands_in_its_row_and_column_twice_as_large() -> None:
    rows = [[flat(10), flat(20)], [flat(30), flat(5)]]
    table = draw_table(rows, ["a", "b"])
    assert table.dtype == np.uint8 and table.shape[2] == 3
    places = {level: np.argwhere((table == level).all(axis=2)) for level in (10, 20, 30, 5)}
    assert all(len(found) == 16 * 16 for found in places.values())
    assert places[10][0][0] == places[20][0][0] < places[30][0][0]
    assert places[10][0][1] == places[30][0][1] < places[20][0][1]


def test_large_pictures_keep_their_size() -> None:
    side = SMALL + 1
    table = draw_table([[flat(10, side)]], ["a"])
    assert (table == 10).all(axis=2).sum() == side * side


def test_headings_and_captions_are_drawn_and_cut_to_what_fits() -> None:
    plain = draw_table([[flat(10, 64)]], [""])
    headed = draw_table([[flat(10, 64)]], ["input " * 50])
    assert headed.shape == plain.shape and (headed != plain).any()
    assert (headed[:, -12:] == plain[:, -12:]).all()
    captioned = draw_table([[flat(10, 64)]], [""], ["what was done"])
    assert captioned.shape[0] > plain.shape[0]


def test_a_row_must_have_a_picture_for_every_heading() -> None:
    with pytest.raises(ValueError, match="zip"):
        draw_table([[flat(10)]], ["a", "b"])


def test_pictures_of_a_row_have_white_between_them() -> None:
    one = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)
    np.testing.assert_array_equal(side_by_side([one]), one)
    two = side_by_side([one, one])
    assert two.shape == (4, 5 + 4 + 5, 3) and (two[:, 5:9] == 255).all()
    np.testing.assert_array_equal(two[:, 9:], one)
