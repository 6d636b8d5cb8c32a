"""A store with three small items."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from annotation.store import MaskStore
from tests.annotation.store.strokes import small_item


@pytest.fixture
def store(tmp_path: Path) -> Iterator[MaskStore]:
    made = MaskStore.create(tmp_path / "masks.sqlite")
    made.add_items(1, [small_item(name) for name in ("a", "b", "c")])
    yield made
    made.close()
