"""The tables of docs/format.md against the schemas in million_ird/records.py."""

from __future__ import annotations

import re

import pyarrow as pa
import pytest

from million_ird import records
from million_ird.records import image_key, patch_key
from tests.policy.documents import ROOT

FORMAT = (ROOT / "docs" / "format.md").read_text()
_VERDICT = ["kept", "step", "reason", "measured", "detail"]


def _fields(columns: pa.Schema | list[pa.Field]) -> list[tuple[str, str]]:
    return [(field.name, str(field.type)) for field in columns]


def documented(marker: str) -> list[tuple[str, str]]:
    """(column, type) of each row of the table below a heading or comment."""
    table = FORMAT.split(marker)[1].split("| --- | --- | --- |\n")[1].split("\n\n")[0]
    return re.findall(r"^\| `(\w+)` \| (\w+) \|", table, re.MULTILINE)


@pytest.mark.parametrize("name", ["SOURCE_SCHEMA", "REJECTED_SOURCE_SCHEMA", "DUPLICATE_SCHEMA", "TOMBSTONE_SCHEMA"])
def test_a_schema_is_documented_column_by_column(name: str) -> None:
    assert documented(f"<!-- columns: {name} -->") == _fields(getattr(records, name))


def test_the_verdict_is_documented() -> None:
    written = [(name, kind) for name, kind in _fields(records.IMAGE_COLUMNS) if name in _VERDICT]
    assert documented("## Verdicts") == written


def test_image_rows_are_sources_verdicts_and_what_is_documented() -> None:
    own = documented("<!-- columns: IMAGE_COLUMNS -->")
    written = _fields(records.IMAGE_COLUMNS)
    assert written == _fields(records.SOURCE_SCHEMA) + documented("## Verdicts") + own


def test_patch_rows_are_documented_with_the_verdict_after_flat_fraction() -> None:
    own = documented("<!-- columns: PATCH_COLUMNS -->")
    written = _fields(records.PATCH_COLUMNS)
    place = [name for name, _ in own].index("flat_fraction") + 1
    assert written == own[:place] + documented("## Verdicts") + own[place:]


def test_the_version_and_the_keys_are_as_documented() -> None:
    assert f"Format version {records.FORMAT_VERSION}." in FORMAT
    key = patch_key(image_key("https://example.org/a.jpg"), x=0, y=512, size=512)
    assert re.fullmatch(r"[0-9a-f]{24}-y00512-x00000-s0512", key)
    assert "image key `-y00512-x00000-s0512`" in FORMAT
