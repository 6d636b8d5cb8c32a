"""Two pages on one layer: of the same person, of two people. No stroke is lost."""

from __future__ import annotations

import numpy as np
import pytest

from tests.annotation.static.desk import Desk


def test_a_second_page_of_the_same_person_follows_the_first(desk: Desk) -> None:
    first, second = desk.sit(), desk.sit()
    first.dot(20, 20)
    first.until("saved")
    second.page.wait_for_function("editor.mask.at(20, 20) === 1")
    second.dot(60, 40)
    second.until("saved")
    first.page.wait_for_function("editor.mask.at(60, 40) === 1")
    assert desk.kinds() == ["empty", "brush", "brush"]


def test_strokes_from_two_pages_of_one_person_are_put_together(desk: Desk) -> None:
    first, second = desk.sit(), desk.sit()
    desk.context.set_offline(True)
    for seat, y in ((first, 15), (second, 45)):
        for x in (20, 40):
            seat.dot(x, y)
    desk.context.set_offline(False)
    desk.until_stored((20, 15), (40, 15), (20, 45), (40, 45))
    for seat in (first, second):
        seat.until("saved")
        seat.page.wait_for_function("[15, 45].every((y) => editor.mask.at(40, y) === 1)")


def test_strokes_of_two_pages_that_were_closed_are_put_together(desk: Desk) -> None:
    first, second = desk.sit(), desk.sit()
    desk.strokes(lambda route: route.abort())
    first.dot(20, 15)
    second.dot(20, 45)
    second.dot(40, 45)
    first.dot(40, 15)
    for seat, unsent in ((first, 2), (second, 2)):
        seat.until("offline", unsent)
        seat.leave()
    desk.pass_strokes()
    third = desk.sit()
    desk.until_stored((20, 15), (40, 15), (20, 45), (40, 45))
    third.until("saved")
    third.page.wait_for_function("[15, 45].every((y) => editor.mask.at(20, y) && editor.mask.at(40, y))")


@pytest.mark.parametrize("others_drew", [False, True])
def test_strokes_beside_an_undo_of_everything_are_merged_unless_others_drew(desk: Desk, others_drew: bool) -> None:
    if others_drew:
        ben = desk.sit("Ben")
        ben.dot(60, 40)
        ben.until("saved")
        ben.leave()
    first = desk.sit()
    first.dot(20, 20)
    first.until("saved")
    second = desk.sit()
    desk.strokes(lambda route: route.abort())
    first.dot(40, 20)
    first.until("offline", 1)
    for _ in range(1 + others_drew):
        second.page.wait_for_function("editor.canUndo")
        second.do("undo()")
    second.page.wait_for_function("!editor.canUndo")
    second.until("saved")
    assert desk.layer["annotator"] == ""
    desk.pass_strokes()
    first.do("retry()")
    if others_drew:
        first.until("conflict")
        assert first.until_told("conflict")["annotator"] == ""
    else:
        first.until("saved")
        assert desk.stored()[20, 20] and desk.stored()[20, 40]


@pytest.mark.parametrize("choice", ["mine", "theirs"])
def test_with_somebody_else_the_person_chooses_and_both_are_kept(desk: Desk, choice: str) -> None:
    ada, ben = desk.sit("Ada"), desk.sit("Ben")
    desk.context.set_offline(True)
    ada.dot(20, 20)
    ben.dot(60, 40)
    ben.dot(22, 20)  # on top of Ada's
    ben.until("offline", 2)
    ada.until("offline", 1)
    ben.page.evaluate("editor.outbox.close()")  # Ada is first
    desk.context.set_offline(False)
    ada.until("saved")
    ben.page.reload()
    ben.page.wait_for_function("typeof window.begin === 'function'")
    ben.page.evaluate("(item) => begin('Ben', item)", desk.item)
    assert ben.until_told("conflict")["annotator"] == "Ada"
    ben.until("conflict", unsent=0)
    assert ben.shown()[40, 60] and not ben.shown()[20, 17]
    ben.do(f"resolveConflict('{choice}')")
    ben.until("saved")
    assert np.array_equal(desk.stored(), ben.shown())
    assert desk.stored()[20, 17] and desk.stored()[40, 60] == (choice == "mine")
    assert sorted(desk.kinds()) == ["brush", "brush", "brush", "empty"] + ["resolve"] * (choice == "mine")


def test_a_conflict_waits_for_its_person_over_a_reload(desk: Desk) -> None:
    ben = desk.sit("Ben")
    desk.strokes(lambda route: route.fulfill(status=500) if "annotator=Ben" in route.request.url else route.continue_())
    ben.dot(60, 40)
    ben.until("offline", 1)
    ben.leave()
    ada = desk.sit("Ada")  # her page takes Ben's stroke over, and has no more luck with it
    ada.dot(20, 20)
    ada.page.wait_for_function("editor.layer.head === editor.head && editor.layer.annotator === 'Ada'")
    assert desk.kinds() == ["empty", "brush"]  # one stroke that the server stumbles over holds up no other
    desk.pass_strokes()
    ada.do("retry()")
    ada.until("saved")
    assert desk.kinds() == ["empty", "brush", "brush"]
    for _ in range(2):
        again = desk.sit("Ben")
        assert again.until_told("conflict")["annotator"] == "Ada"
        assert again.shown()[40, 60] and not again.shown()[20, 20]
        again.page.close()
