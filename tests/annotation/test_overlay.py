"""What is drawn over a picture is seen, and what is not blurred stays as it is."""

from __future__ import annotations

import numpy as np

from annotation.overlay import draw_over


def test_blur_is_tinted_and_the_rest_is_left_alone() -> None:
    picture = np.full((80, 120, 3), 60, np.uint8)
    mask = np.zeros((80, 120), bool)
    mask[20:60, 30:90] = True
    drawn = draw_over(picture, mask, 120)
    assert drawn.shape == (80, 120, 3)
    np.testing.assert_array_equal(drawn[5, 5], (60, 60, 60))
    red, green, blue = map(int, drawn[40, 60])
    assert red > 100 and red > green > blue
    assert (drawn == 255).all(axis=2).any(), "an outline"


def test_a_large_picture_is_reduced_and_a_speck_is_still_seen() -> None:
    picture = np.full((600, 900, 3), 60, np.uint8)
    mask = np.zeros((600, 900), bool)
    mask[300:302, 450:452] = True
    drawn = draw_over(picture, mask, 300)
    assert drawn.shape == (200, 300, 3)
    assert (drawn[98:103, 148:153] > 60).any()


def test_empty_and_full_masks_have_no_outline() -> None:
    picture = np.full((40, 40, 3), 60, np.uint8)
    np.testing.assert_array_equal(draw_over(picture, np.zeros((40, 40), bool), 40), picture)
    full = draw_over(picture, np.ones((40, 40), bool), 40)
    assert (full == full[0, 0]).all() and full[0, 0, 0] > 100


def test_marks_are_rings_around_places_of_the_picture() -> None:
    picture = np.full((400, 600, 3), 60, np.uint8)
    mask = np.zeros((400, 600), bool)
    drawn = draw_over(picture, mask, 300, [(300, 200)])
    changed = np.argwhere((drawn != 60).any(axis=2))
    distances = np.hypot(*(changed - (100, 150)).T)
    assert distances.min() > 5 and distances.max() < 13
    np.testing.assert_array_equal(drawn[100, 150], (60, 60, 60))
