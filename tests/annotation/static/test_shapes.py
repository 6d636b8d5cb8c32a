"""Shapes on the mask against independent implementations, under the one rule that a pixel's centre decides."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage
from skimage.draw import polygon as skimage_polygon

from tests.annotation.static.conftest import Modules

WIDTH, HEIGHT = 61, 47
SHAPES = "const shapes = await import('/engine/shapes.js');"


def _centres() -> tuple[np.ndarray, np.ndarray]:
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    return columns + 0.5, rows + 0.5


@pytest.mark.parametrize(
    ("x", "y", "radius"), [(30.5, 20.5, 10), (12.3, 9.9, 4.4), (0, 0, 7), (60.9, 46.2, 30), (8.1, 9.2, 0.5)]
)
def test_a_disc_takes_the_pixels_whose_centres_are_within_its_radius(
    modules: Modules, x: float, y: float, radius: float
) -> None:
    found = modules.mask(f"{SHAPES} shapes.disc(mask, {x}, {y}, {radius}, 1)", WIDTH, HEIGHT)
    columns, rows = _centres()
    wanted = (columns - x) ** 2 + (rows - y) ** 2 <= radius**2
    wanted[int(y), int(x)] = True
    assert np.array_equal(found, wanted)


@pytest.mark.parametrize("radius", [0.5, 3, 12])
def test_a_stroke_is_the_area_within_the_radius_of_its_path(modules: Modules, radius: float) -> None:
    """Less than a quarter of a pixel is missing between two discs, and nothing is drawn outside."""
    found = modules.mask(
        f"{SHAPES} const from = {{x: 14.2, y: 13.1, radius: {radius}}}, to = {{x: 45.7, y: 31.9, radius: {radius}}};"
        "shapes.disc(mask, from.x, from.y, from.radius, 1);"
        "shapes.along(from, to, false, (x, y, radius) => shapes.disc(mask, x, y, radius, 1))",
        WIDTH,
        HEIGHT,
    )
    distance = _distance_to_segment((14.2, 13.1), (45.7, 31.9))
    assert found[distance <= radius - 0.25].all()
    assert not found[distance > max(radius, 0.71)].any()  # 0.71: the pixel under the path is taken in any case


def _distance_to_segment(start: tuple[float, float], end: tuple[float, float]) -> np.ndarray:
    columns, rows = _centres()
    dx, dy = end[0] - start[0], end[1] - start[1]
    t = np.clip(((columns - start[0]) * dx + (rows - start[1]) * dy) / (dx * dx + dy * dy), 0, 1)
    return np.hypot(columns - start[0] - t * dx, rows - start[1] - t * dy)


@pytest.mark.parametrize("seed", range(6))
def test_a_simple_polygon_is_the_one_of_scikit_image(modules: Modules, seed: int) -> None:
    random = np.random.default_rng(seed)
    angles = np.sort(random.uniform(0, 2 * np.pi, 9))
    reach = random.uniform(6, 30, 9)
    points = np.stack([30 + reach * np.cos(angles), 23 + reach * np.sin(angles)], axis=1)
    found = modules.mask(f"{SHAPES} shapes.polygon(mask, points, 1)", WIDTH, HEIGHT, points=points.tolist())
    wanted = np.zeros((HEIGHT, WIDTH), bool)
    wanted[skimage_polygon(points[:, 1] - 0.5, points[:, 0] - 0.5, wanted.shape)] = True
    assert np.array_equal(found, wanted)


def test_polygons_that_share_an_edge_neither_overlap_nor_leave_a_gap(modules: Modules) -> None:
    left, right = ([[5, 5], [20.5, 8.5], [18.5, 30.5], [5, 28]], [[20.5, 8.5], [40, 5], [40, 33], [18.5, 30.5]])
    one, other = (
        modules.mask(f"{SHAPES} shapes.polygon(mask, points, 1)", WIDTH, HEIGHT, points=p) for p in (left, right)
    )
    both = modules.mask(
        f"{SHAPES} shapes.polygon(mask, points, 1)", WIDTH, HEIGHT, points=[*left[:2], *right[1:], *left[2:]]
    )
    assert not (one & other).any()
    assert np.array_equal(one | other, both)


def test_a_polygon_that_overlaps_itself_stays_filled(modules: Modules) -> None:
    twice = [[10, 10], [40, 10], [40, 40], [10, 40]] * 2
    found = modules.mask(f"{SHAPES} shapes.polygon(mask, points, 1)", WIDTH, HEIGHT, points=twice)
    assert found.sum() == 900


@pytest.mark.parametrize("seed", range(6))
def test_a_flood_fills_the_connected_region(modules: Modules, seed: int) -> None:
    """Sharp regions are 4-connected, blurred ones 8-connected: what scipy's labels say."""
    random = np.random.default_rng(seed)
    start = ndimage.gaussian_filter(random.random((HEIGHT, WIDTH)), 1) > 0.5
    y, x = random.integers(0, HEIGHT), random.integers(0, WIDTH)
    found = modules.mask(f"{SHAPES} shapes.flood(mask, {x}, {y})", WIDTH, HEIGHT, start=start)
    structure = np.ones((3, 3)) if start[y, x] else None
    labels, _ = ndimage.label(start == start[y, x], structure)
    assert np.array_equal(found, start ^ (labels == labels[y, x]))


@pytest.mark.parametrize(("closed", "outside"), [(True, False), (False, True)])
def test_a_flood_says_whether_it_ran_out_of_the_outline(modules: Modules, closed: bool, outside: bool) -> None:
    start = np.zeros((HEIGHT, WIDTH), bool)
    start[10:30, [10, 30]] = start[[10, 29], 10:31] = True
    start[10, 20] = closed
    start[11:29, 20] = False
    ran_out = modules.run(
        f"{SHAPES} const {{MaskRaster}} = await import('/engine/mask.js');"
        f"const mask = new MaskRaster({WIDTH}, {HEIGHT}); mask.replace(start); return shapes.flood(mask, 15, 15);",
        start=start,
    )
    assert ran_out is outside


def test_an_outline_closed_only_diagonally_is_closed(modules: Modules) -> None:
    columns, rows = _centres()
    start = np.abs(np.abs(columns - 30.5) + np.abs(rows - 23.5) - 12) < 0.5  # a diamond one pixel thin
    found = modules.mask(f"{SHAPES} shapes.flood(mask, 30, 23)", WIDTH, HEIGHT, start=start)
    assert found.sum() == start.sum() + (np.abs(columns - 30.5) + np.abs(rows - 23.5) < 11.5).sum()


def test_a_soft_brush_takes_its_core_and_what_looks_alike(modules: Modules) -> None:
    picture = np.full((HEIGHT, WIDTH, 4), 100, np.uint8)
    picture[:, 32:, 0] = 125  # one more than the tolerance away
    found = modules.mask(f"{SHAPES} shapes.softDisc(mask, pixels, 30.5, 20.5, 10, 4, 1)", WIDTH, HEIGHT, pixels=picture)
    columns, rows = _centres()
    distance = np.hypot(columns - 30.5, rows - 20.5)
    assert np.array_equal(found, (distance <= 4) | ((distance <= 10) & (columns < 32)))
