"""States, reasons, comments, proposals, the history: what a person decides about a mask."""

from __future__ import annotations

import re

import pytest

from million_ird.windows import SIZES, compute_share, padding, window_labels
from tests.annotation.browser.conftest import HEIGHT, WIDTH, OpenPage
from tests.annotation.browser.driver import AnnotationPage

REFUSED = ("422", "409", "400")
"""The browser notes every answer that is no success."""


def state(page: AnnotationPage) -> tuple[str, str]:
    layer = page.api.layer(page.item["id"])
    return layer["state"], layer["reason"]


def test_the_first_stroke_begins_the_work(fresh: OpenPage) -> None:
    page = fresh()
    assert state(page) == ("todo", "")
    page.brush(30)
    page.click(100.5, 100.5)
    page.saved()
    assert state(page) == ("in_progress", "")


@pytest.mark.parametrize(("key", "name"), [("d", "done"), ("r", "needs_review"), ("i", "in_progress")])
def test_a_key_sets_the_state_after_everything_is_stored(fresh: OpenPage, key: str, name: str) -> None:
    page = fresh()
    page.brush(30)
    page.click(100.5, 100.5)
    page.press(key)
    page.settled(lambda: state(page)[0] == name)
    assert page.server_mask().any()
    row = page.page.locator("#queue [role=option][aria-selected=true]")
    words = {"done": "done", "needs_review": "needs review", "in_progress": "in progress"}[name]
    page.settled(lambda: words in (row.get_attribute("aria-label") or ""))


def test_skipping_needs_a_reason(fresh: OpenPage) -> None:
    page = fresh()
    page.press("x")
    dialog = page.page.get_by_role("dialog")
    dialog.get_by_label("Reason").fill("the frames do not belong together")
    dialog.get_by_role("button", name="Skip", exact=True).click()
    page.settled(lambda: state(page) == ("skipped", "the frames do not belong together"))
    page.press("x")
    page.press("Escape")
    assert state(page) == ("skipped", "the frames do not belong together")


def test_done_with_nothing_marked_needs_a_reason(fresh: OpenPage) -> None:
    page = fresh(expected=REFUSED)
    page.press("d")
    dialog = page.page.get_by_role("dialog")
    dialog.get_by_label("Reason").fill("nothing is blurred by motion")
    assert state(page)[0] == "todo"
    dialog.get_by_role("button", name="Done", exact=True).click()
    page.settled(lambda: state(page) == ("done", "nothing is blurred by motion"))


def test_comments_are_kept_and_shown_to_others(fresh: OpenPage) -> None:
    page = fresh(annotator="Ada")
    page.press("m")
    page.page.get_by_label("Add a comment").fill("Is the <b>shadow</b> blurred, too?")
    page.page.keyboard.press("Control+Enter")
    page.page.locator("#panel .comments").get_by_text("Is the <b>shadow</b> blurred, too?").wait_for()
    other = fresh(page.item["id"], annotator="Ben")
    other.press("m")
    shown = other.page.locator("#panel .comments li").first.inner_text()
    assert "Ada" in shown and "Is the <b>shadow</b> blurred, too?" in shown


def test_a_proposal_is_marked_as_one_until_a_person_accepts_it(fresh: OpenPage) -> None:
    page = fresh()
    page.press("Shift+A")
    page.page.get_by_text(re.compile("Proposed by the machine, confidence")).wait_for(timeout=60_000)
    page.settled(lambda: page.api.layer(page.item["id"])["is_proposal"])
    proposed = page.server_mask()
    assert proposed.any()
    page.settled(lambda: bool((page.canvas_mask() == proposed).all()))
    page.press("a")
    page.settled(lambda: not page.api.layer(page.item["id"])["is_proposal"])
    page.page.get_by_text(re.compile("Proposed by the machine")).first.wait_for(state="hidden")
    assert page.same(proposed)
    assert [revision["kind"] for revision in page.api.history(page.item["id"])] == ["accepted", "proposal", "empty"]
    assert page.api.layer(page.item["id"])["annotator"] == "Ada"


def test_an_edited_proposal_is_a_persons(fresh: OpenPage) -> None:
    page = fresh()
    page.press("Shift+A")
    page.page.get_by_text(re.compile("Proposed by the machine, confidence")).wait_for(timeout=60_000)
    proposed = page.server_mask()
    page.settled(lambda: bool((page.canvas_mask() == proposed).all()))
    page.brush(20)
    page.click(20.5, 20.5)
    page.settled(lambda: not page.api.layer(page.item["id"])["is_proposal"])
    assert page.same(proposed | page.dot(20.5, 20.5, 20))


def test_any_state_of_the_history_can_be_restored(fresh: OpenPage) -> None:
    page = fresh()
    page.brush(30)
    for column in (60.5, 120.5, 180.5):
        page.click(column, 100.5)
    page.saved()
    page.press("l")
    page.page.locator("#panel .revisions li").nth(3).wait_for()
    page.page.locator("#panel .revisions li").nth(2).get_by_role("button").click()
    page.settled(lambda: page.same(page.dot(60.5, 100.5, 30)))
    page.press("z")
    page.saved()
    assert len(page.api.history(page.item["id"])) == 4  # nothing is overwritten


@pytest.mark.parametrize("rule", ["any", "majority"])
def test_the_windows_shown_are_those_of_the_mask(fresh: OpenPage, rule: str) -> None:
    page = fresh()
    page.brush(70)
    page.drag([(100.5, 100.5), (180.5, 130.5)])
    page.saved()
    mask = page.server_mask()
    page.press("w")
    if rule == "majority":
        page.page.get_by_text("half of it is").click()
    for size in SIZES:
        labels = window_labels(mask, size, rule)
        row = page.page.locator("#panel tr", has_text=re.compile(rf"^{size} px"))
        words = f"{labels.sum()} of {labels.size}"
        page.settled(lambda row=row, words=words: words in " ".join(row.inner_text().replace(",", "").split()))
    share = f"{100 * compute_share(mask, rule):.0f} % of the computing kept"
    page.page.locator("#panel").get_by_text(share).wait_for()
    frame = padding(HEIGHT, WIDTH)
    assert (frame.width, frame.height) == (384, 256)


def test_the_windows_grid_can_be_laid_over_the_picture(fresh: OpenPage) -> None:
    page = fresh()
    page.brush(40)
    page.click(100.5, 100.5)
    page.saved()
    page.press("w")
    page.page.get_by_label("32 px").check()
    page.settled(lambda: page.ink("guide") > 0)
    page.page.get_by_label("none").check()
    page.settled(lambda: page.ink("guide") == 0)
