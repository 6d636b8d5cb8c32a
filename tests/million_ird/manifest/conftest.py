"""Reading a whole manifest at once, for tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from million_ird.manifest import ManifestSettings, read_manifest
from million_ird.records import REJECTED_SOURCE_SCHEMA, SOURCE_SCHEMA


@dataclass
class Manifest:
    """All rows of a manifest."""

    rows: list[dict[str, Any]]
    positions: list[int]
    rejected: list[dict[str, Any]]

    def column(self, name: str) -> list[Any]:
        return [row[name] for row in self.rows]

    @property
    def reasons(self) -> dict[int, str]:
        return {row["row"]: row["reason"] for row in self.rejected}


@pytest.fixture(scope="session")
def read_whole() -> Callable[..., Manifest]:
    """Reads a manifest, and checks on the way that every row is in exactly one of the two tables."""

    def read(path: Path | str, **settings: Any) -> Manifest:
        result = Manifest([], [], [])
        for batch in read_manifest(ManifestSettings(path=str(path), **settings)):
            assert batch.sources.schema.equals(SOURCE_SCHEMA)
            assert batch.rejected.schema.equals(REJECTED_SOURCE_SCHEMA)
            assert len(batch.rows) == batch.sources.num_rows
            result.rows += batch.sources.to_pylist()
            result.positions += list(batch.rows)
            result.rejected += batch.rejected.to_pylist()
        everything = sorted([*result.positions, *result.reasons])
        assert everything == list(range(len(result.rows) + len(result.rejected)))
        assert all(
            value is not None
            for row in result.rows
            for name, value in row.items()
            if "idth" not in name and "eight" not in name
        )
        return result

    return read
