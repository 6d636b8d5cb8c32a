"""Ten thousand items: few rows in the page, few requests, and none again for what is known."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tests.annotation.static_shell.fake_project import FakeProject

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

MANY = 10_000


def open_item(page: Page, number: int) -> None:
    page.wait_for_function("name => document.title.startsWith(name + ' ')", arg=f"walk/{number:05d}")


def options(page: Page) -> Any:
    return page.locator("#queue [role=option]")


def test_the_first_page_is_one_request_and_few_rows(shell: Any) -> None:
    project = FakeProject(MANY)
    page = shell(project)
    open_item(page, 1)
    assert [path for path in project.lists() if "limit=1&" not in path] == ["/api/items?after=0&limit=200&state="]
    assert 10 < options(page).count() < 60
    assert options(page).first.get_attribute("aria-setsize") == str(MANY)


def test_scrolling_reads_on_and_reads_nothing_twice(shell: Any) -> None:
    project = FakeProject(MANY)
    page = shell(project)
    open_item(page, 1)
    rows = page.locator("#queue [role=listbox]")
    rows.evaluate("rows => rows.scrollTop = rows.scrollHeight")
    page.get_by_role("option", name=f"walk/{MANY:05d}", exact=False).wait_for()
    assert options(page).count() < 60
    pages = [path for path in project.lists() if "limit=1&" not in path]
    assert len(pages) == len(set(pages)) <= 11
    rows.evaluate("rows => rows.scrollTop = 0")
    page.get_by_role("option", name="walk/00001", exact=False).wait_for()
    assert [path for path in project.lists() if "limit=1&" not in path] == pages


def test_a_deep_address_is_opened_before_its_row_is_read(shell: Any) -> None:
    project = FakeProject(MANY)
    page = shell(project, "/#item=5000")
    open_item(page, 5000)
    row = page.locator("#queue [aria-selected=true]")
    row.wait_for()
    assert row.get_attribute("aria-posinset") == "5000"


def test_a_changed_item_changes_its_row_and_reads_no_list(shell: Any) -> None:
    project = FakeProject(MANY)
    page = shell(project)
    open_item(page, 1)
    before = project.lists()
    page.keyboard.press("r")
    page.get_by_role("option", name="walk/00001, needs review", exact=False).wait_for()
    page.get_by_role("button", name="Needs review 1", exact=True).or_(
        page.locator(".filter.state-needs_review", has_text="1")
    ).first.wait_for()
    page.keyboard.press("j")
    open_item(page, 2)
    assert project.lists() == before


def test_search_finds_what_was_not_read_yet(shell: Any) -> None:
    project = FakeProject(MANY)
    page = shell(project)
    open_item(page, 1)
    page.keyboard.press("/")
    page.keyboard.type("09999")
    page.locator("#queue .summary", has_text="1 found").wait_for()
    page.keyboard.press("Enter")
    open_item(page, 9999)


def test_a_search_reads_what_it_finds_and_not_the_list(shell: Any) -> None:
    project = FakeProject(MANY, looked_through=4000)
    page = shell(project)
    open_item(page, 1)
    project.layer(7123).update(state="skipped", reason="dark")  # by somebody else: this page counts none
    before = project.lists()
    page.get_by_role("searchbox").fill("WALK/0712")
    page.locator("#queue .summary", has_text=re.compile("^10 found$")).wait_for()
    asked = "/api/items?after={}&limit={}&state=&name=WALK%2F0712"
    assert project.lists() == [*before, asked.format(0, 200), asked.format(4000, 200), asked.format(8000, 1000)]
    page.locator(".filter.state-skipped").click()
    page.locator("#queue .summary", has_text=re.compile("^1 found$")).wait_for()
    page.get_by_role("searchbox").fill("")
    page.locator("#queue .summary", has_text="1 item").wait_for()
    page.locator(".filter.state-all").click()
    page.locator("#queue .summary", has_text="10,000 items").wait_for()
    assert options(page).count() > 10


def test_enter_opens_what_the_last_letter_finds_however_fast_it_comes(shell: Any) -> None:
    project = FakeProject(MANY)
    page = shell(project)
    open_item(page, 1)
    held: list[Route] = []
    page.route("**/api/items?*name=*", lambda route: held.append(route))
    page.keyboard.press("/")
    page.keyboard.type("8765")
    page.keyboard.press("Enter")
    assert len(held) == 4
    for route in held:
        project.serve(route)
    open_item(page, 8765)


def test_a_mask_that_changes_while_searching_has_its_new_state_in_the_whole_list(shell: Any) -> None:
    page = shell(FakeProject(MANY))
    open_item(page, 1)
    page.get_by_role("searchbox").fill("walk/0000")
    page.locator("#queue .summary", has_text=re.compile("^9 found$")).wait_for()
    page.locator("#picture").focus()
    page.keyboard.press("r")
    page.get_by_role("option", name="walk/00001, needs review", exact=False).wait_for()
    page.get_by_role("searchbox").fill("")
    page.locator("#queue .summary", has_text="10,000 items").wait_for()
    page.get_by_role("option", name="walk/00001, needs review", exact=False).wait_for()


def test_a_filter_shows_one_state_and_keeps_the_item_open(shell: Any) -> None:
    project = FakeProject(MANY)
    for number in (7, 4000):
        project.layer(number).update(state="skipped", reason="dark")
    page = shell(project)
    open_item(page, 1)
    page.locator(".filter.state-skipped").click()
    page.locator("#queue .summary", has_text="2 items").wait_for()
    assert options(page).count() == 2
    page.keyboard.press("j")
    open_item(page, 7)
    page.keyboard.press("j")
    open_item(page, 4000)


def test_the_next_unfinished_item_is_the_servers_to_find(shell: Any) -> None:
    project = FakeProject(MANY)
    for number in range(1, 3001):
        project.layer(number).update(state="done")
    page = shell(project, "/#item=1")
    open_item(page, 1)
    page.keyboard.press("n")
    open_item(page, 3001)


def test_the_list_by_keyboard(shell: Any) -> None:
    page = shell(FakeProject(MANY))
    open_item(page, 1)
    page.locator("#queue [role=listbox]").focus()
    for key in ("ArrowDown", "ArrowDown", "PageDown", "ArrowUp", "Enter"):
        page.keyboard.press(key)
    active = page.locator("#queue [role=listbox]").get_attribute("aria-activedescendant")
    number = int(page.locator(f"#{active}").get_attribute("aria-posinset") or 0)
    assert number > 10
    open_item(page, number)


def test_back_forward_and_reload_keep_item_and_view(shell: Any) -> None:
    page = shell(FakeProject(), "/#item=3&view=sharp&tab=history")
    open_item(page, 3)
    assert page.get_by_role("tab", name="History").get_attribute("aria-selected") == "true"
    page.locator("#viewbar [aria-pressed=true]", has_text="Sharp").wait_for()
    page.keyboard.press("j")
    open_item(page, 4)
    page.go_back()
    open_item(page, 3)
    page.go_forward()
    open_item(page, 4)
    page.reload()
    open_item(page, 4)
    assert page.get_by_role("tab", name="History").get_attribute("aria-selected") == "true"


def test_holding_next_skips_items_instead_of_queueing_them(shell: Any) -> None:
    project = FakeProject(MANY)
    page = shell(project)
    open_item(page, 1)
    for _ in range(20):
        page.keyboard.press("j")
    open_item(page, 21)
    opened = {path for path in project.asked if path.endswith("/mask")}
    assert len(opened) < 20


def test_an_empty_project_and_a_dead_server_are_said(shell: Any) -> None:
    page = shell(FakeProject(0))
    page.get_by_text("This project has no items yet.").first.wait_for()
    dead = shell(FakeProject(refuse={"/api/project": (503, "the store is locked by another program")}))
    dead.get_by_role("alert").get_by_text("The store is locked by another program.").wait_for()
    assert dead.get_by_role("button", name="Try again").is_visible()
