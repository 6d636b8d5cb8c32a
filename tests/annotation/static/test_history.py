"""Head, undo and redo of one layer as the page knows them."""

from __future__ import annotations

from typing import Any

from tests.annotation.static.conftest import Modules

_LAYER = """
const {History} = await import('/engine/history.js');
const history = new History('root'); history.learn('root', null);
const change = () => ({rect: {x: 2, y: 1, width: 3, height: 1}, changed: Uint8Array.of(1, 0, 1)});
const where = () => [history.head, history.undoTarget ?? null, history.redoTarget];
"""


def _run(modules: Modules, body: str) -> Any:
    return modules.run(_LAYER + body)


def test_undo_and_redo_lead_back_and_forth(modules: Modules) -> None:
    steps = _run(
        modules,
        "history.add('a', change()); history.add('b', change()); const steps = [where()];"
        "history.move('a', 'undo'); steps.push(where()); history.move('root', 'undo'); steps.push(where());"
        "history.move('a', 'redo'); steps.push(where()); return steps;",
    )
    assert steps == [["b", "a", None], ["a", "root", "b"], ["root", None, "a"], ["a", "root", "b"]]


def test_a_stroke_after_undo_ends_redo(modules: Modules) -> None:
    assert _run(
        modules,
        "history.add('a', change()); history.move('root', 'undo'); history.add('b', change()); return where();",
    ) == ["b", "root", None]


def test_neighbours_differ_by_what_the_stroke_changed_both_ways(modules: Modules) -> None:
    back, forth, far = _run(
        modules,
        "history.add('a', change()); history.add('b', change()); const tell = (to) => {"
        "  const {rect, changed} = history.difference(to); return [rect.x, Array.from(changed)]; };"
        "const back = tell('a'); history.move('a', 'undo');"
        "const forth = tell('b'); history.move('b', 'redo'); return [back, forth, history.isNear('root')];",
    )
    assert back == forth == [2, [1, 0, 1]]
    assert far is False


def test_an_accepted_proposal_is_the_same_mask(modules: Modules) -> None:
    assert _run(modules, "history.add('a', null); return [history.isNear('root'), history.difference('root')];") == [
        True,
        None,
    ]
