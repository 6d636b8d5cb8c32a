"""The pure parts of the page, called as modules."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.annotation.static_shell.fake_project import ORIGIN, FakeProject


@pytest.fixture(scope="module")
def call(browser: Any) -> Iterator[Any]:
    """Evaluates an expression over a module `m`, in one page for all tests."""
    context = browser.new_context()
    page = context.new_page()
    page.route(f"{ORIGIN}/**", FakeProject(1).serve)
    page.goto(f"{ORIGIN}/static/icon.svg")  # a page of the same origin on which nothing runs

    def called(module: str, expression: str) -> Any:
        return page.evaluate(
            f"async () => {{ const m = await import('/static/shell/{module}.js'); return {expression}; }}"
        )

    yield called
    context.close()


def test_saving_in_words(call: Any) -> None:
    now = "new Date('2026-05-01T15:00')"
    since = "new Date('2026-05-01T14:02')"
    said = {
        "{state: 'saved', unsent: 0}": "Saved",
        "{state: 'saving', unsent: 2}": "Saving 2",
        f"{{state: 'offline', unsent: 7, since: {since}}}": "Offline since 14:02: 7 strokes kept here",
        f"{{state: 'offline', unsent: 1, since: {since}}}": "Offline since 14:02: 1 stroke kept here",
        "{state: 'refused', unsent: 1, message: 'too large'}": "Not saved: too large",
        "{state: 'conflict', unsent: 0}": "Conflict: somebody else changed this mask",
    }
    words = call("words", "[" + ",".join(f"m.saveWords({status}, {now})" for status in said) + "]")
    assert words == list(said.values())


def test_numbers_in_words(call: Any) -> None:
    shares = call("words", "[0, 0.0004, 0.0123, 0.456, 1].map(m.percent)")
    assert shares == ["0 %", "< 0.1 %", "1.2 %", "46 %", "100 %"]
    assert call("words", "[0.31, -0.12, -0.001].map((value) => m.signed(value))") == ["0.31", "−0.12", "0.00"]
    assert call("words", "m.clock('nonsense')") == "at an unknown time"


def test_addresses_survive_nonsense(call: Any) -> None:
    routes = call("route", "['#item=12&mask=2&view=split', '#item=-1', '#item=1e9', '', '#%%%', '#item=']"
                           ".map(m.parseRoute).map(({item, mask, view}) => [item, mask, view])")  # fmt: skip
    assert routes == [[12, 2, "split"], *[[None, None, None]] * 5]
    assert call("route", "m.writeRoute({item: 3, mask: null, tab: 'pair'})") == "#item=3&tab=pair"


def test_kept_settings_that_are_nonsense_fall_back(call: Any) -> None:
    kept = '{"size": 1e9, "colour": "beige", "hardness": "soft", "annotator": "Ada", "unknown": 1}'
    values = call("settings", f"(localStorage.setItem('million-ird.settings', '{kept}'), new m.KeptSettings().values)")
    assert (values["size"], values["colour"], values["hardness"]) == (32, "sky blue", 1)
    assert values["annotator"] == "Ada" and "unknown" not in values
    assert (
        call("settings", "(localStorage.setItem('million-ird.settings', '[['), new m.KeptSettings().get('size'))") == 32
    )
    assert call("settings", "new m.KeptSettings().set('opacity', 7)") is False


def test_keys_go_by_the_character_and_not_by_the_place(call: Any) -> None:
    typed = call("keys", """[
      {key: 'd'}, {key: 'D', shiftKey: true}, {key: '?', shiftKey: true}, {key: ' '}, {key: 'z', ctrlKey: true},
      {key: 'z', metaKey: true, shiftKey: true}, {key: 'ArrowUp', shiftKey: true}, {key: 'ö'},
      {key: '[', ctrlKey: true, altKey: true, modifierAltGraph: true}, {key: '+', shiftKey: true},
    ].map((about) => m.keyOf(new KeyboardEvent('keydown', about)))""")  # fmt: skip
    assert typed == ["D", "Shift+D", "?", "Space", "Ctrl+Z", "Ctrl+Shift+Z", "Shift+ArrowUp", "Ö", "[", "+"]


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ([("", False)], 1),
        ([("Ben", False), ("", False)], 2),
        ([("Ben", False), ("Ada", False)], 2),
        ([("Ada", False), ("", False)], 1),
        ([("Ben", False), ("Cid", False)], 1),
        ([("Ben", False), ("", True)], 2),
    ],
)
def test_a_person_goes_on_with_their_own_mask(call: Any, layers: list[tuple[str, bool]], expected: int) -> None:
    told = ",".join(
        f"{{number: {n}, annotator: '{who}', is_proposal: {str(machine).lower()}}}"
        for n, (who, machine) in enumerate(layers, 1)
    )
    assert call("workplace", f"m.ourLayer([{told}], 'Ada').number") == expected
