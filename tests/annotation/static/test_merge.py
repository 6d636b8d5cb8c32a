"""The newest revision that two branches have in common."""

from __future__ import annotations

from tests.annotation.static.conftest import Modules

TREE = [
    {"id": "root", "parent": None},
    {"id": "a", "parent": "root"},
    {"id": "b", "parent": "a"},
    {"id": "mine1", "parent": "a"},
    {"id": "mine2", "parent": "mine1"},
]


def _ancestor(modules: Modules, head: str, mine: str) -> str:
    found: str = modules.run(
        "const {commonAncestor} = await import('/engine/merge.js');"
        "try { return commonAncestor(tree, head, mine); } catch (error) { return error.message; }",
        tree=TREE,
        head=head,
        mine=mine,
    )
    return found


def test_the_newest_common_revision_counts(modules: Modules) -> None:
    assert _ancestor(modules, "b", "mine2") == "a"
    assert _ancestor(modules, "root", "mine2") == "root"
    assert _ancestor(modules, "b", "a") == "a"


def test_nothing_in_common_is_said(modules: Modules) -> None:
    assert "no revision in common" in _ancestor(modules, "b", "elsewhere")
