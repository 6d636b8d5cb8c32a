"""Outlines and their filling."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from skimage.measure import label

from annotation.formats.polygons import check_polygon, fill, outlines
from annotation.mask import Mask, MaskError
from tests.annotation.formats.world import masks, ring


def with_holes_filled(mask: Mask) -> tuple[Mask, int]:
    """The mask without its holes, and their number; what is outside may be reached across corners."""
    outside = label(~np.pad(mask, 1), connectivity=2)
    return (outside != outside[0, 0])[1:-1, 1:-1], int(outside.max()) - 1


@settings(max_examples=150, deadline=None)
@given(mask=masks())
def test_outlines_hold_everything_but_holes(mask: Mask) -> None:
    filled, holes = with_holes_filled(mask)
    found = outlines(mask)
    assert np.array_equal(fill(found.polygons, mask.shape[1], mask.shape[0]), filled)
    assert found.holes == holes
    assert len(found.polygons) >= label(filled, connectivity=2).max()


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # pycocotools' own
@settings(max_examples=60, deadline=None)
@given(mask=masks())
def test_pycocotools_fills_them_in_the_same_way(mask: Mask) -> None:
    coco = pytest.importorskip("pycocotools.mask", reason="pycocotools is not installed")
    found = outlines(mask)
    theirs = np.zeros(mask.shape, np.bool_)
    for polygon in found.polygons:
        theirs |= coco.decode(coco.frPyObjects([polygon.ravel().tolist()], *mask.shape))[:, :, 0].astype(bool)
    assert np.array_equal(theirs, fill(found.polygons, mask.shape[1], mask.shape[0]))


def test_one_pixel_is_the_square_around_it() -> None:
    mask = np.zeros((3, 4), np.bool_)
    mask[1, 2] = True
    (polygon,) = outlines(mask).polygons
    assert polygon.tolist() == [[2, 1], [3, 1], [3, 2], [2, 2]]


def test_pixels_that_touch_at_a_corner_are_two_polygons() -> None:
    found = outlines(np.eye(2, dtype=np.bool_))
    assert len(found.polygons) == 2
    assert found.holes == 0


def test_a_ring_has_one_hole() -> None:
    found = outlines(ring())
    assert (len(found.polygons), found.holes) == (1, 1)


def test_a_pixel_belongs_to_a_polygon_if_its_centre_is_inside() -> None:
    triangle = np.array([(0.0, 0.0), (4.0, 0.0), (0.0, 4.0)])
    inside = fill([triangle], 5, 5)
    assert inside.astype(int).tolist() == [[1, 1, 1, 0, 0], [1, 1, 0, 0, 0], [1, 0, 0, 0, 0], [0] * 5, [0] * 5]


def test_what_crosses_itself_is_filled_by_the_even_odd_rule() -> None:
    star = np.array([(0, 0), (8, 0), (8, 8), (0, 8), (0, 0), (2, 2), (6, 2), (6, 6), (2, 6), (2, 2)], np.float64)
    inside = fill([star], 8, 8)
    assert inside[0, 0]
    assert not inside[4, 4]


def test_polygons_are_cut_off_at_the_picture() -> None:
    assert fill([np.array([(-100.0, -100.0), (1e6, -100.0), (1e6, 1e6), (-100.0, 1e6)])], 5, 4).all()
    assert not fill([np.array([(10.0, 0.0), (12.0, 0.0), (12.0, 3.0)])], 5, 4).any()
    assert not fill([np.array([(0.0, -9.0), (3.0, -9.0), (3.0, -2.0)])], 5, 4).any()


def test_holes_of_a_polygon_and_islands_in_them() -> None:
    mask = ring()
    mask[12, 15] = True
    found = outlines(mask)
    assert (len(found.polygons), found.holes) == (2, 1)


@pytest.mark.parametrize(
    ("points", "says"),
    [
        (None, "at least three"),
        ([[0, 0], [1, 1]], "at least three"),
        ("abc", "at least three"),
        ([[0, 0], [1, 1], [2]], "no pair"),
        ([[0, 0], [1, 1], "ab"], "no pair"),
        ([[0, 0], [1, 1], [float("nan"), 0]], "no number"),
        ([[0, 0], [1, 1], [float("inf"), 0]], "no number"),
        ([[0, 0], [1, 1], [10**400, 0]], "no number"),
        ([[0, 0], [1, 1], ["1", 0]], "no number"),
        ([[0, 0], [1, 1], [True, 0]], "no number"),
    ],
)
def test_points_that_are_no_polygon(points: object, says: str) -> None:
    with pytest.raises(MaskError, match=says):
        check_polygon(points)


def test_a_polygon_that_only_takes_time_is_refused() -> None:
    zigzag = np.array([(number % 7, number % 2 * 1e6) for number in range(200_000)], np.float64)
    with pytest.raises(MaskError, match="many times over"):
        fill([zigzag], 30, 1000)
    with pytest.raises(MaskError, match="many times over"):
        fill([np.array([(0.0, 0.0), (40.0, 0.0), (40.0, 30.0), (0.0, 30.0)])] * 2000, 40, 30)


def test_an_outline_with_millions_of_crossings_is_filled_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    mask = np.random.default_rng(0).random((60, 80)) < 0.5
    whole = fill(outlines(mask).polygons, 80, 60)
    monkeypatch.setattr("annotation.formats.polygons._AT_ONCE", 3)
    assert np.array_equal(fill(outlines(mask).polygons, 80, 60), whole)
