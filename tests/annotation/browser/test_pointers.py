"""Fingers and pens draw as the mouse does."""

from __future__ import annotations

import numpy as np
import pytest

from tests.annotation.browser.conftest import HEIGHT, WIDTH, OpenPage
from tests.annotation.browser.shapes import disc, distance_to_path

PATH = [(60.0, 60.0), (110.0, 80.0), (160.0, 120.0)]


@pytest.mark.parametrize("pointer", ["touch", "pen"])
def test_a_stroke_with_a_finger_or_a_pen_is_stored_as_drawn(fresh: OpenPage, pointer: str) -> None:
    page = fresh(touch=True)
    page.brush(24)
    page.stroke_with(pointer, PATH)
    page.saved()
    found = page.server_mask()
    distance = distance_to_path(WIDTH, HEIGHT, PATH)
    assert not (found & (distance > 12.5)).any()
    assert not (~found & (distance < 11.25)).any()
    assert (page.canvas_mask() == found).all()


def test_a_tap_is_a_dot(fresh: OpenPage) -> None:
    page = fresh(touch=True)
    page.brush(25)
    page.page.touchscreen.tap(*page.at(100.5, 100.5))
    page.saved()
    # A finger's place is rounded to whole screen pixels, a third of an image pixel here.
    expected = disc(WIDTH, HEIGHT, (100.5, 100.5), 25)
    assert np.count_nonzero(page.server_mask() ^ expected) < 30


def test_two_fingers_move_and_zoom_and_draw_nothing(fresh: OpenPage) -> None:
    page = fresh(touch=True)
    before = page.zoom_shown()
    page.pinch((160.0, 120.0), start=40, end=120)
    page.settled(lambda: page.zoom_shown() > 2 * before)
    page.saved()
    assert not page.server_mask().any()
    assert len(page.api.history(page.item["id"])) == 1


def test_a_pen_that_is_pressed_less_draws_narrower(fresh: OpenPage) -> None:
    page = fresh(touch=True)
    page.brush(40)
    page.stroke_with("pen", [(60.0, 60.0), (260.0, 60.0)], force=0.3)
    page.stroke_with("pen", [(60.0, 160.0), (260.0, 160.0)], force=1)
    page.saved()
    found = page.server_mask()
    assert 0 < found[:110].sum() < 0.75 * found[110:].sum()
    assert (page.canvas_mask() == found).all()
