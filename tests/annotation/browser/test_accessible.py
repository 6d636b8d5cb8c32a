"""Names for everything that can be used, all keys on `?`, colours that hold for every eye, nothing from elsewhere."""

from __future__ import annotations

import re

import pytest

from tests.annotation.browser.conftest import OpenPage
from tests.annotation.browser.driver import AnnotationPage

INTERACTIVE = {
    "button", "link", "textbox", "searchbox", "combobox", "listbox", "option", "checkbox", "radio", "slider", "tab",
    "switch", "spinbutton", "menuitem", "dialog",
}  # fmt: skip


def unnamed(page: AnnotationPage) -> list[str]:
    """Interactive nodes of the accessibility tree that a screen reader could not name."""
    session = page.page.context.new_cdp_session(page.page)
    session.send("Accessibility.enable")
    nodes = session.send("Accessibility.getFullAXTree")["nodes"]
    session.detach()
    found = [node for node in nodes if not node["ignored"] and node.get("role", {}).get("value") in INTERACTIVE]
    assert len(found) > 20
    return [str(node) for node in found if not node.get("name", {}).get("value", "").strip()]


@pytest.mark.parametrize("key", ["t", "Shift+P", "w", "l", "m", "?", "Shift+N", "x"])
def test_every_control_has_a_name(fresh: OpenPage, key: str) -> None:
    page = fresh(fresh.rows[0]["id"])
    page.press(key)
    page.frames()
    dialog = page.page.get_by_role("dialog")
    if key in ("?", "Shift+N", "x"):
        dialog.wait_for()
        assert dialog.evaluate("dialog => dialog.contains(document.activeElement)")
    nodes = unnamed(page) if key not in ("?", "Shift+N", "x") else []
    assert nodes == []


def test_the_help_lists_every_key(fresh: OpenPage) -> None:
    page = fresh(fresh.rows[0]["id"])
    table = page.page.evaluate(
        """async () => {
          const {commandTable} = await import("/static/shell/commands.js");
          const nothing = new Proxy(function () {}, {get: () => nothing, apply: () => nothing});
          const rows = new Map(); // commands of one family share a row
          for (const {family, text, keys} of commandTable(new Proxy({}, {get: () => nothing})))
            rows.set(family ?? text, (rows.get(family ?? text) ?? 0) + keys.length);
          return [...rows];
        }"""
    )
    assert len(table) > 40
    page.press("?")
    rows = page.page.get_by_role("dialog").locator(".help-row")
    shown = [(row.locator("dd").inner_text().split("\\n")[0], row.locator("kbd").count()) for row in rows.all()]
    assert len(shown) == len(table)
    for (text, keys), (words, printed) in zip(sorted(table), sorted(shown), strict=True):
        assert words.startswith(text) and printed == keys


def test_no_two_commands_share_a_key(fresh: OpenPage) -> None:
    page = fresh(fresh.rows[0]["id"])
    keys = page.page.evaluate(
        """async () => {
          const {commandTable} = await import("/static/shell/commands.js");
          const nothing = new Proxy(function () {}, {get: () => nothing, apply: () => nothing});
          return commandTable(new Proxy({}, {get: () => nothing})).flatMap(({keys}) => keys);
        }"""
    )
    assert len(keys) == len(set(keys))


def test_states_are_said_and_not_only_coloured(fresh: OpenPage) -> None:
    page = fresh()
    page.brush(30)
    page.click(100.5, 100.5)
    page.saved()
    page.press("d")
    said = page.page.locator("#said")
    page.settled(lambda: "Done" in said.inner_text())
    assert page.button("Done").first.get_attribute("aria-pressed") == "true"


@pytest.mark.parametrize("look", ["light", "dark"])
def test_words_stand_out_from_what_is_behind_them(fresh: OpenPage, look: str) -> None:
    page = fresh(fresh.rows[0]["id"], color_scheme=look)
    low = page.page.evaluate(_LOW_CONTRAST)
    assert low == []


def test_nothing_is_loaded_from_elsewhere_and_no_script_stands_in_the_page(fresh: OpenPage) -> None:
    page = fresh(fresh.rows[0]["id"])
    answer = page.page.request.get(page.origin)
    policy = answer.headers["content-security-policy"]
    assert "default-src" in policy and "'unsafe-inline'" not in policy and "'unsafe-eval'" not in policy
    assert not re.findall(r"<script(?![^>]*src=)", answer.text())
    assert not re.findall(r"https?://", answer.text())


_LOW_CONTRAST = """
() => {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", {willReadFrequently: true});
  const bytes = (colour) => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const mix = (top, below, share) => top * share + below * (1 - share);
  const over = (top, below) => top.slice(0, 3).map((v, i) => mix(v, below[i], top[3] / 255)).concat(255);
  const linear = (v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const weights = [0.2126, 0.7152, 0.0722];
  const light = (rgb) => weights.reduce((sum, weight, i) => sum + weight * linear(rgb[i] / 255), 0);
  const behind = (element) => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) layers.push(bytes(getComputedStyle(at).backgroundColor));
    return layers.reverse().reduce((below, top) => over(top, below), [255, 255, 255, 255]);
  };
  const found = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    const {width, height} = element.getBoundingClientRect();
    const seen = element.checkVisibility({opacityProperty: true, visibilityProperty: true});
    if (!own || width < 2 || height < 2 || !seen) continue;
    if (element.closest(":disabled, [aria-disabled=true], .hush, .skip")) continue;
    const ground = behind(element), ink = over(bytes(getComputedStyle(element).color), ground);
    const [high, low] = [light(ink), light(ground)].sort((a, b) => b - a);
    const ratio = (high + 0.05) / (low + 0.05);
    const {fontSize, fontWeight} = getComputedStyle(element);
    const large = parseFloat(fontSize) >= 24 || (parseFloat(fontSize) >= 18.66 && fontWeight >= 700);
    if (ratio < (large ? 3 : 4.5)) found.push(`${element.textContent.trim().slice(0, 30)}: ${ratio.toFixed(2)}`);
  }
  return found;
}
"""
"""Texts whose contrast is below WCAG 2.2's 4.5 (3 for large ones), by its formula of relative luminance."""
