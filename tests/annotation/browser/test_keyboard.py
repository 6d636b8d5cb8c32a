"""Everything without a pointer: from the address to a finished item, and on to the next."""

from __future__ import annotations

import re

import numpy as np

from tests.annotation.browser.conftest import OpenPage
from tests.annotation.browser.driver import AnnotationPage


def no_pointer(page: AnnotationPage) -> None:
    """Lets the page count pointer events; there must be none."""
    page.page.add_init_script(
        "window.pointers = 0; addEventListener('pointerdown', (event) => window.pointers += event.isTrusted, true)"
    )


def test_from_the_address_to_a_finished_item_and_the_next_one(fresh: OpenPage) -> None:
    page = fresh.blank(annotator="")
    no_pointer(page)
    page.page.goto(page.origin)
    page.page.get_by_role("dialog").wait_for()  # who draws?
    page.page.keyboard.type("Grace")
    page.press("Enter")
    page.page.get_by_role("dialog").wait_for(state="hidden")
    page.await_item(fresh.rows[0]["id"])

    page.press("b", *["]"] * 3)
    page.press(*["Shift+ArrowRight"] * 3, "Enter", *["Shift+ArrowRight"] * 6, *["Shift+ArrowDown"] * 4, "Enter")
    page.saved()
    drawn = page.server_mask()
    rows, columns = np.nonzero(drawn)
    assert np.ptp(columns) > 60 + 20 and np.ptp(rows) > 40 + 20  # a bent stroke, not a dot
    assert (page.canvas_mask() == drawn).all()

    page.press("Escape", "Shift+D")
    page.settled(lambda: page.api.layer(page.item["id"])["state"] == "done")
    assert page.api.layer(page.item["id"])["annotator"] == "Grace"
    page.await_item(fresh.rows[1]["id"])
    page.press("PageDown")
    page.await_item(fresh.rows[2]["id"])
    page.press("PageUp")
    page.await_item(fresh.rows[1]["id"])
    assert page.page.evaluate("window.pointers") == 0


def test_polygon_and_magnetic_outline_without_a_pointer(fresh: OpenPage) -> None:
    page = fresh()
    page.press("p", "Shift+ArrowLeft")
    for keys in (["Shift+ArrowRight"] * 6, ["Shift+ArrowDown"] * 5, ["Shift+ArrowLeft"] * 6):
        page.press("Space", *keys)
    page.press("Space")
    page.frames()
    page.press("Enter")
    page.settled(lambda: page.api.history(page.item["id"])[0]["kind"] == "polygon")
    assert abs(int(page.server_mask().sum()) - 60 * 50) <= 120
    assert page.same(page.server_mask())


def test_the_queue_by_keyboard_does_not_read_the_list_again(fresh: OpenPage) -> None:
    page = fresh(fresh.rows[3]["id"])
    asked: list[str] = []
    page.page.on("request", lambda request: asked.append(request.url))
    for n in (4, 5, 6):
        page.press("j")
        page.await_item(fresh.rows[n]["id"])
    page.press("k")
    page.await_item(fresh.rows[5]["id"])
    assert not [url for url in asked if "/api/items?" in url]
    page.press("/")
    page.page.keyboard.type(fresh.rows[9]["name"])
    page.press("Enter")
    page.await_item(fresh.rows[9]["id"])
    page.page.go_back()
    page.await_item(fresh.rows[5]["id"])


def test_next_goes_on_from_an_item_that_the_list_has_not_reached_yet(fresh: OpenPage) -> None:
    page = fresh.blank()
    short = re.compile(r"limit=\d{2,}")  # a list of hundreds of pages, as a project of many thousands has
    page.page.route("**/api/items?*", lambda route: route.continue_(url=short.sub("limit=2", route.request.url)))
    page.open(fresh.rows[11]["id"])
    page.press("j")
    page.await_item(fresh.rows[12]["id"])


def test_tab_reaches_everything_in_order_and_is_never_caught(fresh: OpenPage) -> None:
    page = fresh()
    page.page.evaluate("document.activeElement.blur()")
    seen: list[str] = []
    where = (
        "(() => { const e = document.activeElement; return e.id || e.getAttribute('aria-label') || e.innerText; })()"
    )
    region = "document.activeElement.closest('#bar, #queue, #rail, #picture, #viewbar, #panel')?.id ?? ''"
    regions: list[str] = []
    for _ in range(60):
        page.press("Tab")
        if page.page.evaluate("document.activeElement === document.body"):
            break  # the browser's own controls come next
        seen.append(page.page.evaluate(where))
        regions.append(page.page.evaluate(region))
    assert seen[0] == "skip"
    order = list(dict.fromkeys(name for name in regions if name))
    assert set(order) >= {"bar", "queue", "rail", "viewbar", "panel"}
    assert order.index("bar") < order.index("queue") < order.index("rail") < order.index("panel")
    assert len(seen) < 60


def test_one_key_shortcuts_can_be_switched_off(fresh: OpenPage) -> None:
    page = fresh()
    page.brush(30)
    page.click(100.5, 100.5)
    page.saved()
    page.press("?")
    page.page.get_by_label("One-key shortcuts", exact=False).uncheck()
    page.press("Escape", "z")
    page.frames()
    assert page.server_mask().any()
    page.press("Control+z")
    page.settled(lambda: not page.server_mask().any())


def test_a_letter_typed_into_a_field_is_no_shortcut(fresh: OpenPage) -> None:
    page = fresh()
    page.brush(30)
    page.click(100.5, 100.5)
    page.saved()
    page.press("m")
    page.page.get_by_label("Add a comment").fill("")
    page.page.get_by_label("Add a comment").press_sequentially("dxzu")
    assert page.api.layer(page.item["id"])["state"] == "in_progress"
    assert page.server_mask().any()
