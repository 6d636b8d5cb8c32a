"""Two people on one item: on the same mask, and on a mask each."""

from __future__ import annotations

import pytest

from tests.annotation.browser.conftest import OpenPage
from tests.annotation.browser.driver import AnnotationPage

CONFLICT = ("409",)
"""The browser notes every answer that is no success."""

ADAS, BENS = (60.5, 100.5, 30), (200.5, 100.5, 30)
"""Where each of them clicks, and how wide their brush is."""


def conflict(fresh: OpenPage) -> tuple[AnnotationPage, AnnotationPage]:
    """Ada's page, and Ben's that is in conflict with hers."""
    ada = fresh(annotator="Ada")
    ben = fresh(ada.item["id"], annotator="Ben", expected=CONFLICT)
    ada.brush(30)
    ben.brush(30)
    ada.click(*ADAS[:2])
    ada.saved()
    ben.click(*BENS[:2])
    ben.page.locator("#banners").get_by_text("Ada").first.wait_for()
    return ada, ben


def stored_annotators(page: AnnotationPage) -> list[str]:
    return sorted(
        revision["annotator"] for revision in page.api.history(page.item["id"]) if revision["kind"] != "empty"
    )


def test_both_strokes_are_stored_and_the_second_person_is_told(fresh: OpenPage) -> None:
    ada, ben = conflict(fresh)
    assert stored_annotators(ada) == ["Ada", "Ben"]
    assert (ada.server_mask() == ada.dot(*ADAS)).all()
    assert (ben.canvas_mask() == ben.dot(*BENS)).all()  # nothing is taken from the canvas unasked


@pytest.mark.parametrize("choice", ["theirs", "mine"])
def test_either_choice_works_and_keeps_both_in_the_history(fresh: OpenPage, choice: str) -> None:
    ada, ben = conflict(fresh)
    expected = ada.dot(*ADAS) if choice == "theirs" else ada.dot(*ADAS) | ben.dot(*BENS)
    ben.resolve(choice)
    ben.saved()
    assert (ben.server_mask() == expected).all()
    assert (ben.canvas_mask() == expected).all()
    assert set(stored_annotators(ben)) == {"Ada", "Ben"}
    ben.click(130.5, 200.5)
    ben.saved()
    assert (ben.server_mask() == (expected | ben.dot(130.5, 200.5, 30))).all()


def test_a_second_opinion_is_a_mask_of_its_own(fresh: OpenPage) -> None:
    ada = fresh(annotator="Ada")
    ada.brush(30)
    ada.click(*ADAS[:2])
    ada.saved()
    ada.press("Shift+S")
    ada.settled(lambda: len(ada.api.get(f"/api/items/{ada.item['id']}")["layers"]) == 2)
    ben = fresh(ada.item["id"], annotator="Ben")
    assert not ben.canvas_mask().any()  # nobody's opinion is coloured by the first one
    ben.brush(30)
    ben.click(*BENS[:2])
    ben.saved()
    ada.click(60.5, 200.5)
    ada.saved()
    assert (ada.server_mask(1) == ada.dot(*ADAS) | ada.dot(60.5, 200.5, 30)).all()
    assert (ada.server_mask(2) == ben.dot(*BENS)).all()
    ben.press("Shift+M")
    ben.settled(lambda: bool((ben.canvas_mask() == ada.server_mask(1)).all()))
