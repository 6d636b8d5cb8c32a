"""The editor's tools without a pointer, and what it says about them."""

from __future__ import annotations

import numpy as np

from tests.annotation.static.desk import Desk, Seat


def _cursor_to(seat: Seat, x: int, y: int) -> None:
    seat.do("moveCursor(-1e6, -1e6)")
    seat.do(f"moveCursor({x}, {y})")


def test_the_keyboard_puts_the_brush_down_moves_and_lifts_it(desk: Desk) -> None:
    seat = desk.sit()
    seat.do("setBrush({size: 1})")
    _cursor_to(seat, 10, 12)
    seat.do("pressCursor()")
    for _ in range(3):
        seat.do("moveCursor(10, 0)")
    seat.do("pressCursor()")
    seat.do("moveCursor(0, 10)")
    seat.until("saved")
    wanted = np.zeros_like(seat.shown())
    wanted[12, 10:41] = True
    assert np.array_equal(desk.stored(), wanted)


def test_the_keyboard_draws_a_polygon_and_fills_a_hole(desk: Desk) -> None:
    seat = desk.sit()
    seat.do("setTool('polygon')")
    for x, y in ((10, 10), (40, 10), (40, 40), (10, 40), (5, 5)):
        _cursor_to(seat, x, y)
        seat.do("pressCursor()")
    seat.do("removeLastPoint()")
    assert seat.page.evaluate("editor.finish()")
    assert seat.shown().sum() == 900
    seat.do("setTool('eraser')")
    _cursor_to(seat, 25, 25)
    seat.do("pressCursor()")
    seat.do("pressCursor()")
    assert not seat.shown()[25, 25]
    seat.do("setTool('fill')")
    _cursor_to(seat, 25, 25)
    seat.do("pressCursor()")
    seat.page.wait_for_function("editor.mask.at(25, 25) === 1")
    seat.until("saved")
    assert desk.stored().sum() == 900
    assert desk.kinds() == ["empty", "polygon", "eraser", "fill"]


def test_filling_outside_an_outline_is_refused_with_a_reason(desk: Desk) -> None:
    seat = desk.sit()
    seat.dot(30, 30)
    seat.do("setTool('fill')")
    _cursor_to(seat, 2, 2)
    seat.do("pressCursor()")
    assert "not closed" in seat.until_told("notice")["message"]
    seat.until("saved")
    assert desk.kinds() == ["empty", "brush"]


def test_giving_up_a_polygon_leaves_nothing(desk: Desk) -> None:
    seat = desk.sit()
    seat.do("setTool('polygon')")
    for x, y in ((10, 10), (40, 10), (40, 40)):
        _cursor_to(seat, x, y)
        seat.do("pressCursor()")
    assert seat.page.evaluate("editor.cancel()")
    assert not seat.page.evaluate("editor.finish()")
    assert not seat.shown().any()


def test_a_state_waits_until_every_stroke_is_stored(desk: Desk) -> None:
    seat = desk.sit()
    desk.strokes(lambda route: route.abort())
    seat.dot(30, 30)
    seat.until("offline", 1)
    seat.page.evaluate("() => { editor.setState('done').then(() => { window.marked = true; }); }")
    desk.pass_strokes()
    seat.do("retry()")
    seat.page.wait_for_function("window.marked")
    assert desk.layer["state"] == "done" and desk.stored()[30, 30]


def test_a_state_follows_its_layer_though_the_person_went_on(desk: Desk) -> None:
    seat = desk.sit()
    seat.dot(30, 30)
    seat.page.evaluate("() => { window.marking = editor.setState('done'); editor.close(); }")
    seat.do("flushed()")
    seat.page.evaluate("marking")
    assert desk.layer["state"] == "done" and desk.stored()[30, 30]
