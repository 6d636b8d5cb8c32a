"""Nothing that was drawn is lost or stored twice, whatever the network does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tests.annotation.static.desk import Desk

if TYPE_CHECKING:
    from playwright.sync_api import Route


def test_an_answer_that_got_lost_stores_a_stroke_once(desk: Desk) -> None:
    seat = desk.sit()

    def swallow(route: Route) -> None:
        route.fetch()
        route.abort()

    desk.strokes(swallow)
    seat.dot(20, 20)
    seat.until("offline", unsent=1)
    assert desk.kinds() == ["empty", "brush"]
    desk.pass_strokes()
    seat.do("retry()")
    seat.until("saved")
    assert desk.kinds() == ["empty", "brush"]
    assert np.array_equal(desk.stored(), seat.shown())


def test_a_server_in_trouble_is_tried_again_in_order(desk: Desk) -> None:
    seat = desk.sit()
    desk.strokes(lambda route: route.fulfill(status=503, body="<h1>busy</h1>"))
    seat.dot(20, 20)
    seat.dot(50, 30)
    seat.do("undo()")
    seat.dot(70, 40)
    seat.until("offline", unsent=4)
    assert "since" in seat.status["message"] and seat.status["since"]
    desk.pass_strokes()
    seat.until("saved")
    assert desk.kinds() == ["empty", "brush", "brush", "brush"]
    assert desk.stored()[20, 20] and not desk.stored()[30, 50] and desk.stored()[40, 70]


def test_a_refusal_is_said_kept_and_can_be_sent_again(desk: Desk) -> None:
    seat = desk.sit()
    desk.strokes(lambda route: route.fulfill(status=403, json={"error": "sign in first"}))
    seat.dot(20, 20)
    seat.until("refused", unsent=1)
    assert "sign in first" in seat.status["message"]
    desk.pass_strokes()
    seat.do("retry()")
    seat.until("saved")
    assert desk.stored()[20, 20]


def test_refused_strokes_can_be_dropped(desk: Desk) -> None:
    seat = desk.sit()
    seat.dot(20, 20)
    seat.until("saved")
    desk.strokes(lambda route: route.fulfill(status=422, json={"error": "never"}))
    seat.dot(60, 40)
    seat.until("refused", unsent=1)
    seat.do("discardUnsent()")
    assert seat.status["state"] == "saved"
    assert np.array_equal(seat.shown(), desk.stored())
    desk.pass_strokes()
    seat.dot(40, 30)
    seat.until("saved")
    assert desk.kinds() == ["empty", "brush", "brush"]


def test_undo_and_redo_outlive_a_reload_while_nothing_can_be_sent(desk: Desk) -> None:
    seat = desk.sit()
    desk.context.route("**/api/layers/*/head", lambda route: route.abort())
    desk.strokes(lambda route: route.abort())
    for x in (20, 40, 60):
        seat.dot(x, 30)
    seat.do("undo()")
    seat.do("undo()")
    seat.until("offline", unsent=5)
    drawn = seat.shown()
    seat.leave()
    again = desk.sit()
    assert np.array_equal(again.shown(), drawn)
    again.do("redo()")
    again.do("redo()")
    assert again.shown()[30, 60] and not again.page.evaluate("editor.canRedo")
    desk.context.unroute("**/api/layers/*/head")
    desk.pass_strokes()
    again.do("retry()")
    again.until("saved")
    assert np.array_equal(desk.stored(), again.shown())
    assert desk.layer["head"] == again.page.evaluate("editor.head")


def test_redo_goes_all_the_way_after_a_reload(desk: Desk) -> None:
    """The server knows the next redo only; the chain behind it is this browser's."""
    seat = desk.sit()
    for x in (20, 40, 60):
        seat.dot(x, 30)
    drawn = seat.shown()
    for _ in range(3):
        seat.do("undo()")
    seat.until("saved")
    seat.page.close()
    again = desk.sit()
    assert not again.shown().any()
    for _ in range(3):
        again.do("redo()")
    again.until("saved")
    assert np.array_equal(again.shown(), drawn) and np.array_equal(desk.stored(), drawn)


def test_without_a_journal_it_saves_and_says_so(desk: Desk) -> None:
    seat = desk.sit(before="Object.defineProperty(window, 'indexedDB', {get: () => { throw new Error('forbidden'); }})")
    assert seat.status["journal"] == "memory" and "keeps no journal" in seat.status["message"]
    seat.dot(20, 20)
    seat.until("saved")
    assert desk.stored()[20, 20]


def test_a_layer_left_in_a_hurry_is_saved_all_the_same(desk: Desk) -> None:
    seat = desk.sit()
    seat.dot(20, 20)
    seat.do("close()")
    desk.until_stored((20, 20))
