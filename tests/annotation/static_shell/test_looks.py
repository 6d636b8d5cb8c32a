"""Colours that can be read, targets that can be hit, nothing outside a narrow window."""

from __future__ import annotations

import re
from typing import Any

import pytest

from annotation.app.page import FOLDER
from tests.annotation.static_shell.fake_project import FakeProject

SURFACES = ("paper", "raised", "lifted", "sunk", "chosen", "bad-tint", "hint-tint")
TEXTS = ("ink", "muted")
STATES = ("todo", "in-progress", "done", "needs-review", "skipped")


def palettes() -> list[dict[str, str]]:
    """The colours of the style sheet: light, dark."""
    found = re.findall(r"--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)", (FOLDER / "style.css").read_text())
    assert len(found) > 20
    return [{name: pair[theme] for name, *pair in found} for theme in (0, 1)]


def luminance(colour: str) -> float:
    """WCAG 2.2, relative luminance."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str) -> float:
    """WCAG 2.2, contrast ratio: 1 to 21."""
    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


def test_the_formula_gives_the_known_ends() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_every_text_can_be_read_on_every_surface(theme: int) -> None:
    colours = palettes()[theme]
    low = {
        (text, surface): round(contrast(colours[text], colours[surface]), 2)
        for text in TEXTS
        for surface in SURFACES
        if contrast(colours[text], colours[surface]) < 4.5
    }
    assert low == {}
    assert contrast(colours["on-accent"], colours["accent-fill"]) >= 4.5
    assert contrast(colours["bad"], colours["raised"]) >= 4.5


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_edges_icons_and_the_focus_can_be_seen(theme: int) -> None:
    colours = palettes()[theme]
    for surface in ("raised", "lifted", "chosen"):
        for name in (*STATES, "accent"):
            assert contrast(colours[name], colours[surface]) >= 3, (name, surface)
    assert contrast(colours["edge"], colours["raised"]) >= 3
    assert contrast(colours["bad"], colours["bad-tint"]) >= 3


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (720, 450), (390, 844), (320, 568)])
def test_nothing_stands_outside_the_window(shell: Any, width: int, height: int) -> None:
    page = shell(FakeProject(), "/#item=1", viewport={"width": width, "height": height})
    page.wait_for_function("() => document.title.startsWith('walk/00001 ')")
    assert page.evaluate("[document.documentElement.scrollWidth, document.documentElement.scrollHeight]") == [
        width,
        height,
    ]
    picture = page.locator("#picture").bounding_box()
    assert picture["width"] > 0.5 * min(width, 1000) and picture["height"] > 0.45 * height


def test_fingers_get_44_pixels(shell: Any) -> None:
    settings = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
    page = shell(FakeProject(), "/#item=1", **settings)
    page.wait_for_function("() => document.title.startsWith('walk/00001 ')")
    for opened in (None, "Show or hide the queue", "Show or hide the panel"):
        if opened:
            page.get_by_role("button", name=opened).click()
        small = page.evaluate(
            """() => [...document.querySelectorAll("button, input, [role=option], .segment")]
              .filter((element) => element.checkVisibility() && element.getBoundingClientRect().width > 2)
              .map((element) => element.closest("label.check") ?? element)
              .filter((element) => element.getBoundingClientRect().height < 43.9)
              .map((element) => element.outerHTML.slice(0, 90))"""
        )
        assert small == []


def test_sides_slide_over_the_picture_where_there_is_no_room(shell: Any) -> None:
    page = shell(FakeProject(), "/#item=1", viewport={"width": 720, "height": 450})
    page.wait_for_function("() => document.title.startsWith('walk/00001 ')")
    before = page.locator("#picture").bounding_box()
    assert not page.locator("#queue").is_visible()
    page.get_by_role("button", name="Show or hide the queue").click()
    page.locator("#queue").wait_for()
    assert page.locator("#picture").bounding_box() == before
    page.keyboard.press("Escape")
    page.locator("#queue").wait_for(state="hidden")
    assert page.evaluate("document.activeElement.id") == "picture"


def test_the_light_look_can_be_chosen_and_is_kept(shell: Any) -> None:
    page = shell(FakeProject(), "/#item=1", color_scheme="dark")
    page.wait_for_function("() => document.title.startsWith('walk/00001 ')")
    background = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(background)
    page.keyboard.press("?")
    page.get_by_label("Light", exact=True).check()
    light = page.evaluate(background)
    page.reload()
    page.wait_for_function("() => document.title.startsWith('walk/00001 ')")
    assert page.evaluate(background) == light != dark
