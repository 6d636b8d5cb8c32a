"""The two frames of a pair: one after the other, side by side, and their difference."""

from __future__ import annotations

import io
import urllib.request

import numpy as np
import numpy.typing as npt
from PIL import Image

from tests.annotation.browser.conftest import HEIGHT, WIDTH, OpenPage
from tests.annotation.browser.driver import AnnotationPage


def frame(page: AnnotationPage, which: str) -> npt.NDArray[np.int_]:
    """A frame as the server gives it, int RGB (H, W, 3)."""
    with urllib.request.urlopen(f"{page.origin}/api/items/{page.item['id']}/{which}", timeout=20) as answer:
        return np.asarray(Image.open(io.BytesIO(answer.read())).convert("RGB")).astype(int)


def test_the_frames_can_be_shown_one_by_one(fresh: OpenPage) -> None:
    page = fresh()
    blurred, sharp = frame(page, "blurred"), frame(page, "sharp")
    assert np.abs(blurred - sharp).max() > 60
    assert (page.shown() == blurred).all()
    page.press("2")
    page.settled(lambda: bool((page.shown() == sharp).all()))
    page.press("1")
    page.settled(lambda: bool((page.shown() == blurred).all()))


def test_flicker_shows_the_other_frame_while_the_key_is_held(fresh: OpenPage) -> None:
    page = fresh()
    blurred, sharp = frame(page, "blurred"), frame(page, "sharp")
    page.page.keyboard.down("v")
    page.settled(lambda: bool((page.shown() == sharp).all()))
    page.page.keyboard.up("v")
    page.settled(lambda: bool((page.shown() == blurred).all()))
    page.page.keyboard.down("v")
    page.settled(lambda: bool((page.shown() == sharp).all()))
    page.page.evaluate("window.dispatchEvent(new Event('blur'))")  # the key is let go in another window
    page.settled(lambda: bool((page.shown() == blurred).all()))
    page.page.keyboard.up("v")
    assert not page.server_mask().any()


def test_split_shows_both_and_its_line_can_be_dragged(fresh: OpenPage) -> None:
    page = fresh()
    blurred, sharp = frame(page, "blurred"), frame(page, "sharp")
    page.press("3")
    middle = WIDTH // 2

    def split_at(column: int) -> bool:
        shown = page.shown()
        left, right = slice(0, column - 3), slice(column + 3, WIDTH)
        return bool((shown[:, left] == blurred[:, left]).all() and (shown[:, right] == sharp[:, right]).all())

    page.settled(lambda: split_at(middle))
    page.drag([(middle, 10.0), (80.0, 10.0)])
    page.settled(lambda: split_at(80))
    assert not page.server_mask().any()


def test_the_difference_is_amplified(fresh: OpenPage) -> None:
    page = fresh()
    changed = np.abs(frame(page, "blurred") - frame(page, "sharp")).max(axis=2)
    page.press("4")
    page.settled(lambda: not (page.shown() == frame(page, "blurred")).all())
    heat = page.shown().sum(axis=2)
    assert heat[changed > 60].mean() > heat[changed < 4].mean() + 150
    assert heat.shape == (HEIGHT, WIDTH)


def test_drawing_goes_on_over_every_picture(fresh: OpenPage) -> None:
    page = fresh()
    page.brush(20)
    for n, key in enumerate("1234"):
        page.press(key)
        page.click(60.5 + 40 * n, 180.5)
    page.saved()
    assert (page.canvas_mask() == page.server_mask()).all()
    assert len(page.api.history(page.item["id"])) == 5


def test_the_shift_of_the_pair_is_said(fresh: OpenPage) -> None:
    page = fresh()
    page.press("Shift+P")
    found = page.api.get(f"/api/items/{page.item['id']}/registration")
    words = page.page.locator("#panel .facts")
    for shift in (found["dx"], found["dy"]):
        page.settled(lambda shift=shift: f"{abs(shift):.2f} px" in words.inner_text())
