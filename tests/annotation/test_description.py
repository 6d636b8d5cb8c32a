"""What a project's file says is believed only as far as it is sound."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from annotation.description import PROJECT, Description, read_description, write_description
from annotation.project import new_project, open_project
from million_ird.errors import StoreError, UsageError


def test_a_description_survives_its_file(tmp_path: Path) -> None:
    described = (
        Description("Räder", 0.25).with_source("folder", "/photos", {}).with_source("dataset", "s3://x", {"of": "y"})
    )
    written = write_description(tmp_path, described)
    assert read_description(tmp_path) == written == replace(described, id=written.id)
    assert len(written.id) == 32
    assert write_description(tmp_path, written) == written
    assert [path.name for path in tmp_path.iterdir()] == [PROJECT]
    assert described.number_of("dataset", "s3://x", {"of": "y"}) == 2
    assert described.number_of("dataset", "s3://x", {}) is None


def _tampered(folder: Path, **changes: object) -> None:
    path = folder / PROJECT
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"version": 3}, r"newer million-ird \(version 3\)"),
        ({"id": 5}, "is damaged: its id is not 32 hex digits"),
        ({"id": "mine"}, "is damaged: its id is not 32 hex digits; without that line it gets another one"),
        ({"version": "x"}, "is damaged"),
        ({"sources": None}, "is damaged: its name, second_opinions or sources are missing"),
        ({"sources": [{"number": 1}]}, "a source needs number, kind, place and options"),
        ({"sources": [{"number": 1, "kind": "cloud", "place": "x", "options": {}}]}, "unknown kind 'cloud'"),
        ({"sources": [{"number": 1, "kind": "folder", "place": "x", "options": {"colour": "x"}}]}, "options that"),
        ({"name": 5}, "is damaged"),
    ],
)
def test_a_damaged_description_ends_in_one_line(tmp_path: Path, changes: dict[str, object], says: str) -> None:
    new_project(tmp_path / "p").close()
    _tampered(tmp_path / "p", **changes)
    with pytest.raises((StoreError, UsageError), match=says):
        open_project(tmp_path / "p")


def test_opening_no_project_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"is no project: there is no project\.json; `million-ird annotate create`"):
        open_project(tmp_path)
    (tmp_path / PROJECT).write_text("[]")
    with pytest.raises(StoreError, match="is damaged"):
        open_project(tmp_path)
    (tmp_path / PROJECT).write_bytes(b"\xff{")
    with pytest.raises(StoreError, match="is damaged"):
        open_project(tmp_path)
