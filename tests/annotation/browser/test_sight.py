"""Zoom, large pixels, screens of every kind, pictures that a camera stored on their side."""

from __future__ import annotations

import numpy as np
import pytest

from tests.annotation.browser.conftest import HEIGHT, TURNED, WIDTH, OpenPage
from tests.annotation.browser.shapes import disc


def test_at_sixteen_fold_a_click_paints_that_very_pixel(fresh: OpenPage) -> None:
    page = fresh()
    page.brush(1)
    assert 16 < page.zoom((150.5, 110.5), smaller=3) < 17
    for column, row in [(150, 110), (151, 112), (148, 109)]:
        for corner in (0.1, 0.9):
            page.click(column + corner, row + corner)
            page.saved()
    expected = np.zeros((HEIGHT, WIDTH), bool)
    expected[[110, 112, 109], [150, 151, 148]] = True
    assert (page.server_mask() == expected).all()
    assert len(page.api.history(page.item["id"])) == 4  # the second click on a pixel changes nothing


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("two device pixels per pixel", {"device_scale_factor": 2}),
        ("one and a half", {"device_scale_factor": 1.5}),
        ("zoomed by the browser to 200 %", {"viewport": {"width": 640, "height": 400}, "device_scale_factor": 2}),
        ("a telephone", {"viewport": {"width": 390, "height": 780}, "device_scale_factor": 3, "is_mobile": True}),
    ],
)
def test_a_stroke_lies_where_it_was_drawn_on_every_screen(
    fresh: OpenPage, name: str, settings: dict[str, object]
) -> None:
    page = fresh(**settings)
    page.brush(41)
    place = page.click(160.5, 120.5)
    page.saved()
    found = page.server_mask()
    assert (found == disc(WIDTH, HEIGHT, place, 41)).all(), name
    if page.view.scale >= 1:
        assert (page.canvas_mask() == found).all()
    width = page.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert width[0] <= width[1], "nothing stands outside the window"
    for button in ("Brush", "Eraser", "Undo"):
        box = page.button(button).first.bounding_box()
        assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= width[1]


def test_a_picture_stored_on_its_side_is_turned_once_and_so_is_its_mask(fresh: OpenPage) -> None:
    row = next(row for row in fresh.rows if row["name"].startswith(TURNED))
    page = fresh(row["id"])
    assert (page.item["width"], page.item["height"]) == (WIDTH, HEIGHT)
    shown = page.shown()
    assert shown[10:100, 100:300].min() > 240  # white above
    assert shown[140:230].max() < 15  # black below
    assert np.abs(shown[30, 30] - (220, 20, 20)).max() < 12  # red in the top left corner
    page.brush(30)
    place = page.click(30.5, 30.5)
    page.saved()
    assert page.same(disc(WIDTH, HEIGHT, place, 30))


def test_the_overlay_can_be_an_outline_or_hidden_and_comes_back(fresh: OpenPage) -> None:
    page = fresh()
    page.brush(60)
    page.click(100.5, 100.5)
    page.saved()
    whole = page.canvas_mask()
    page.press("o")
    page.settled(lambda: 0 < page.canvas_mask().sum() < whole.sum() / 3)
    assert not page.canvas_mask()[100, 100]
    page.press("o", "u")
    canvas = page.page.locator("canvas[data-layer=mask]")
    page.settled(lambda: canvas.evaluate("canvas => getComputedStyle(canvas).opacity") == "0")
    page.press("u")
    page.settled(lambda: canvas.evaluate("canvas => getComputedStyle(canvas).opacity") != "0")
    assert (page.canvas_mask() == whole).all()
    assert (page.server_mask() == whole).all()


def test_zooming_and_moving_never_touch_the_mask(fresh: OpenPage) -> None:
    page = fresh()
    page.brush(33)
    page.drag([(80.3, 90.7), (200.9, 140.2)])
    page.saved()
    drawn = page.server_mask()
    for keys in (["+"] * 9, ["-"] * 14, ["9"], ["0"]):
        page.press(*keys)
        page.frames()
    page.page.keyboard.down("Space")
    page.drag([(160.0, 120.0), (100.0, 60.0)])
    page.page.keyboard.up("Space")
    page.press("0")
    assert (page.canvas_mask() == drawn).all()
    assert len(page.api.history(page.item["id"])) == 2
