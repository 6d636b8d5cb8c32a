"""States and their reasons, proposals, second opinions, comments: what is sent, and what is shown of the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.annotation.static_shell.fake_project import FakeProject

if TYPE_CHECKING:
    from playwright.sync_api import Page


def opened(shell: Any, project: FakeProject, **settings: Any) -> Page:
    page: Page = shell(project, "/#item=1", **settings)
    page.wait_for_function("() => document.title.startsWith('walk/00001 ')")
    return page


def test_skipping_needs_a_reason_and_escape_changes_nothing(shell: Any) -> None:
    project = FakeProject()
    page = opened(shell, project)
    page.keyboard.press("x")
    page.get_by_role("dialog").wait_for()
    page.keyboard.press("Enter")  # no reason yet
    page.keyboard.press("Escape")
    page.get_by_role("dialog").wait_for(state="detached")
    assert project.posted == []
    page.keyboard.press("x")
    page.get_by_role("button", name="too dark to tell").click()
    page.keyboard.press("Enter")
    page.locator("#bar-states [aria-pressed=true]").wait_for()
    assert project.posted[0][1] == {"state": "skipped", "reason": "too dark to tell", "version": 0, "annotator": "Ada"}


def test_a_key_that_follows_a_dialogs_end_at_once_is_the_pages(shell: Any) -> None:
    """A closed dialog keeps the focus until the browser has drawn the page again."""
    page = opened(shell, FakeProject())
    page.keyboard.press("x")
    page.get_by_role("dialog", name="Skip").wait_for()
    assert page.evaluate(
        """() => {
          document.querySelector("dialog").close();
          const key = new KeyboardEvent("keydown", { key: "x", bubbles: true, cancelable: true });
          return [document.activeElement.tagName, document.activeElement.dispatchEvent(key)];
        }"""
    ) == ["TEXTAREA", False]
    page.get_by_role("dialog", name="Skip").wait_for()


def test_done_with_nothing_marked_asks_for_a_reason(shell: Any) -> None:
    project = FakeProject()
    page = opened(shell, project)
    page.keyboard.press("d")
    page.get_by_role("dialog", name="Done, with nothing marked?").wait_for()
    page.keyboard.type("nothing moves")
    page.keyboard.press("Enter")
    page.locator("#bar-states .state-done[aria-pressed=true]").wait_for()
    assert project.layer(1)["reason"] == "nothing moves"


def test_a_refusal_is_one_line_that_is_shown_and_spoken(shell: Any) -> None:
    page = opened(shell, FakeProject(refuse={"/state": (422, "state: somebody <b>else</b> changed it")}))
    page.keyboard.press("i")
    page.locator("#strip .notice.bad", has_text="State: somebody <b>else</b> changed it.").wait_for()
    page.locator("#warned", has_text="somebody").wait_for(state="attached")
    page.get_by_role("button", name="Close this line").click()
    page.locator("#strip .notice").wait_for(state="hidden")


def test_a_proposal_says_what_it_is_until_a_person_accepts(shell: Any) -> None:
    project = FakeProject()
    project.layer(1).update(is_proposal=True, confidence=0.714)
    page = opened(shell, project)
    page.get_by_text("Proposed by the machine, confidence 0.71 — accept or edit it").wait_for()
    assert "proposed by the machine" in str(page.locator("#queue [aria-selected=true]").get_attribute("aria-label"))
    page.keyboard.press("a")
    page.locator("#strip .proposal").wait_for(state="hidden")
    assert project.posted[0][0].endswith("/accept")


def test_a_second_opinion_brings_a_second_mask(shell: Any) -> None:
    project = FakeProject()
    page = opened(shell, project)
    page.keyboard.press("Shift+S")
    page.get_by_role("button", name="Mask 1", exact=False).wait_for()
    page.keyboard.press("Shift+M")
    page.get_by_role("button", name="Mask 2", exact=False).wait_for()
    assert "mask=2" in page.url


def test_a_comment_is_text_whatever_it_holds(shell: Any) -> None:
    project = FakeProject()
    page = opened(shell, project)
    page.keyboard.press("m")
    page.get_by_label("Add a comment").fill("<img src=x onerror=alert(1)> & more")
    page.keyboard.press("Control+Enter")
    page.locator(".comments .words", has_text="<img src=x onerror=alert(1)> & more").wait_for()
    assert page.locator(".comments img").count() == 0
    assert page.get_by_role("tab", name="Comments").inner_text().endswith("1")


@pytest.mark.parametrize("trusted", [True, False])
def test_the_registration_is_said_and_doubt_is_flagged(shell: Any, trusted: bool) -> None:
    project = FakeProject()
    project.registration["trusted"] = trusted
    page = opened(shell, project)
    page.keyboard.press("Shift+P")
    page.get_by_text("shift 0.31 px, −0.12 px; correlation 0.98").wait_for()
    page.wait_for_function(
        "flagged => Boolean(document.querySelector('#tab-pair .badge')) === flagged", arg=not trusted
    )
    assert (page.locator(".doubt").count() == 1) is not trusted


def test_nobody_draws_without_a_name(shell: Any) -> None:
    project = FakeProject()
    page = shell(project, "/#item=1", annotator="")
    dialog = page.get_by_role("dialog", name="Who draws here?")
    dialog.wait_for()
    for key in ("Escape", "Escape", "Enter"):
        page.keyboard.press(key)
    dialog.wait_for()
    page.keyboard.type("  Grace   Hopper ")
    page.keyboard.press("Enter")
    dialog.wait_for(state="detached")
    page.keyboard.press("i")
    page.locator("#bar-states [aria-pressed=true]").wait_for()
    assert project.posted[0][1]["annotator"] == "Grace Hopper"


def test_a_dialog_keeps_the_focus_and_gives_it_back(shell: Any) -> None:
    page = opened(shell, FakeProject())
    page.locator("#picture").focus()
    page.keyboard.press("?")
    page.get_by_role("dialog").wait_for()
    for _ in range(12):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement === document.body || !!document.activeElement.closest('dialog')")
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.id") == "picture"


def test_without_a_server_the_page_says_since_when_and_what_is_kept(shell: Any) -> None:
    project = FakeProject()
    page = opened(shell, project)
    page.context.set_offline(True)
    page.unroute_all()
    page.route("**/api/**", lambda route: route.abort())
    page.locator("#picture").click()
    line = page.locator("#bar-save", has_text="Offline since")
    line.wait_for()
    assert line.inner_text().endswith("1 stroke kept here")
    before = page.locator("#picture").bounding_box()
    page.get_by_role("button", name="Understood").click()
    assert page.locator("#picture").bounding_box() == before  # nothing moved under the pen
    assert line.is_visible()
