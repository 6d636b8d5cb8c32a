"""Readers trust markers alone; of two attempts at one unit the first stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from million_ird.errors import DatasetError
from million_ird.markers import publish, read_marker
from million_ird.store import Store


def _attempt(store: Store, content: bytes, name: str) -> int:
    with store.spool() as spool:
        (spool / "t").write_bytes(content)
        return publish(store, "images/u.json", "u", [(spool / "t", name)], {"rows": len(content)}).counts["rows"]


def test_the_first_attempt_stands_and_the_late_one_cleans_up(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    assert _attempt(store, b"one", "images/u-111.tar") == 3
    before = (tmp_path / "images/u.json").read_bytes()
    assert _attempt(store, b"other", "images/u-222.tar") == 3
    assert (tmp_path / "images/u.json").read_bytes() == before
    assert store.list("images") == ["images/u-111.tar", "images/u.json"]


def test_a_late_attempt_with_the_same_content_takes_nothing_away(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    _attempt(store, b"one", "images/u-111.tar")
    _attempt(store, b"one", "images/u-111.tar")
    assert store.read("images/u-111.tar") == b"one"


def test_a_unit_without_marker_is_not_finished(tmp_path: Path) -> None:
    assert read_marker(Store(str(tmp_path)), "images/u.json") is None


def test_a_damaged_marker_is_named(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    store.write("images/u.json", b'{"unit": 1')
    with pytest.raises(DatasetError, match=r"u\.json is no marker"):
        read_marker(store, "images/u.json")
