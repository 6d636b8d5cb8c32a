"""What the mouse draws is what the canvas shows and what the server stores, to the pixel."""

from __future__ import annotations

import numpy as np

from tests.annotation.browser.conftest import HEIGHT, WIDTH, OpenPage
from tests.annotation.browser.shapes import disc, distance_to_path, polygon


def test_a_click_of_the_brush_is_a_disc(fresh: OpenPage) -> None:
    page = fresh()
    page.brush(21)
    place = page.click(100.5, 80.5)
    page.saved()
    expected = disc(WIDTH, HEIGHT, place, 21)
    assert (page.server_mask() == expected).all()
    assert (page.canvas_mask() == expected).all()
    assert page.api.history(page.item["id"])[0]["area"] == expected.sum()


def test_a_stroke_is_all_within_its_radius_of_the_path(fresh: OpenPage) -> None:
    page = fresh()
    page.brush(24)
    path = page.drag([(60.0, 60.0), (200.0, 90.0), (150.0, 170.0)])
    page.saved()
    found = page.server_mask()
    distance = distance_to_path(WIDTH, HEIGHT, path)
    assert not (found & (distance > 12.5)).any()  # between its corners the pointer goes by whole screen pixels
    assert not (~found & (distance < 11.25)).any()  # discs along a path leave dents of a quarter of a pixel
    assert (page.canvas_mask() == found).all()


def test_the_eraser_takes_away_what_it_touches_and_no_more(fresh: OpenPage) -> None:
    page = fresh()
    page.brush(60)
    place = page.click(120.5, 100.5)
    page.press("e")
    page.brush_size(20)
    page.click(120.5, 100.5)
    page.saved()
    expected = disc(WIDTH, HEIGHT, place, 60) & ~disc(WIDTH, HEIGHT, place, 20)
    assert (page.server_mask() == expected).all()
    assert (page.canvas_mask() == expected).all()


def test_with_alt_the_brush_takes_away(fresh: OpenPage) -> None:
    page = fresh()
    page.brush(50)
    added = page.click(90.5, 90.5)
    page.brush_size(30)
    page.page.keyboard.down("Alt")
    taken = page.click(100.5, 90.5)
    page.page.keyboard.up("Alt")
    page.saved()
    expected = disc(WIDTH, HEIGHT, added, 50) & ~disc(WIDTH, HEIGHT, taken, 30)
    assert (page.server_mask() == expected).all()


def test_polygons_add_and_take_away(fresh: OpenPage) -> None:
    page = fresh()
    page.press("p")
    outer = [page.click(*corner) for corner in [(40.0, 40.0), (240.0, 60.0), (220.0, 200.0), (60.0, 180.0)]]
    page.press("Enter", "q")
    inner = [page.click(*corner) for corner in [(100.0, 90.0), (180.0, 90.0), (140.0, 150.0)]]
    page.press("Enter", "q")
    page.saved()
    expected = polygon(WIDTH, HEIGHT, outer) & ~polygon(WIDTH, HEIGHT, inner)
    assert (page.server_mask() == expected).all()
    assert (page.canvas_mask() == expected).all()
    assert [revision["kind"] for revision in page.api.history(page.item["id"])] == ["polygon", "polygon", "empty"]


def test_the_first_corner_closes_a_polygon_and_escape_gives_it_up(fresh: OpenPage) -> None:
    page = fresh()
    page.press("p")
    for corner in [(50.0, 50.0), (150.0, 50.0), (150.0, 150.0), (50.0, 50.0)]:
        page.click(*corner)
    page.saved()
    drawn = page.server_mask()
    assert abs(int(drawn.sum()) - 5000) < 110
    for corner in [(200.0, 50.0), (300.0, 50.0), (300.0, 150.0)]:
        page.click(*corner)
    page.press("Escape", "Enter")
    page.press("Escape")
    page.saved()
    assert (page.server_mask() == drawn).all()


def test_fill_closes_what_an_outline_encloses(fresh: OpenPage) -> None:
    page = fresh()
    page.brush(6)
    ring = [(80.0, 60.0), (220.0, 60.0), (220.0, 180.0), (80.0, 180.0), (80.0, 60.0)]
    page.drag(ring)
    page.press("f")
    page.click(150.5, 120.5)
    page.saved()
    found = page.server_mask()
    assert found[61:179, 81:219].all()
    assert not found[:50].any() and not found[190:].any()
    assert (page.canvas_mask() == found).all()
    assert page.api.history(page.item["id"])[0]["kind"] == "fill"


def test_undo_and_redo_and_both_after_a_reload(fresh: OpenPage) -> None:
    page = fresh()
    page.brush(30)
    steps = [page.server_mask()]
    for n in range(3):
        page.click(60.5 + 70 * n, 100.5)
        page.saved()
        steps.append(page.server_mask())
    page.press("z", "z")
    page.settled(lambda: page.same(steps[1]))
    page.press("y")
    page.settled(lambda: page.same(steps[2]))
    page.page.reload()
    page.await_item(page.item["id"])
    assert (page.canvas_mask() == steps[2]).all()
    page.press("Control+Shift+Z")
    page.settled(lambda: page.same(steps[3]))
    page.press("Control+z", "Control+z", "Control+z")
    page.settled(lambda: page.same(steps[0]))
    page.page.reload()
    page.await_item(page.item["id"])
    page.press("y", "y", "y")
    page.settled(lambda: page.same(steps[3]))
    assert len(page.api.history(page.item["id"])) == 4  # undoing and redoing makes no revisions


def test_a_stroke_after_undo_leaves_the_old_ones_in_the_history(fresh: OpenPage) -> None:
    page = fresh()
    page.brush(30)
    page.click(60.5, 60.5)
    page.saved()
    page.press("z")
    place = page.click(200.5, 60.5)
    page.saved()
    expected = disc(WIDTH, HEIGHT, place, 30)
    assert (page.server_mask() == expected).all()
    page.press("y")  # there is nothing to redo any more
    page.saved()
    assert (page.server_mask() == expected).all()
    assert len(page.api.history(page.item["id"])) == 3


def test_an_emptied_mask_is_a_stroke_like_any_other(fresh: OpenPage) -> None:
    page = fresh()
    page.brush(80)
    place = page.click(100.5, 100.5)
    page.press("Shift+Delete")
    page.button("Empty it").click()
    page.settled(lambda: not page.server_mask().any())
    assert not page.canvas_mask().any()
    page.press("z")
    page.settled(lambda: page.same(disc(WIDTH, HEIGHT, place, 80)))


def test_strokes_over_the_border_are_cut_there(fresh: OpenPage) -> None:
    page = fresh()
    page.brush(50)
    corners = [(0.9, 0.9), (WIDTH - 0.9, 0.9), (0.9, HEIGHT - 0.9), (WIDTH - 0.9, HEIGHT - 0.9)]
    places = [page.click(*corner) for corner in corners]
    page.saved()
    expected = np.logical_or.reduce([disc(WIDTH, HEIGHT, place, 50) for place in places])
    assert (page.server_mask() == expected).all()
