"""`million-ird annotate import`: what it prints, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from annotation.mask import encode_mask
from annotation.verbs.import_ import main
from million_ird.errors import StoreError
from tests.annotation.drawn_projects import project_of, some_mask


@pytest.fixture
def project(tmp_path: Path) -> Path:
    with project_of(tmp_path, ("a.png", "b.png", "c.png")) as made:
        (tmp_path / "masks").mkdir()
        (tmp_path / "masks" / "a.png").write_bytes(encode_mask(some_mask()))
        return made.folder


def test_a_counted_table_says_what_became_of_every_mask(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = str(tmp_path / "masks")
    assert main([str(project), place, "--format", "png"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "read as     png",
        "imported    1 mask",
        "unchanged   0 (the same mask is shown already)",
        "no mask     2 items: b, c",
    ]
    assert main([str(project), place, "--format", "png"]) == 0
    assert "unchanged   1" in capsys.readouterr().out


def test_refused_masks_are_listed_and_end_with_3(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "masks" / "b.png").write_bytes(b"")
    (tmp_path / "masks" / "z.png").write_bytes(encode_mask(some_mask()))
    assert main([str(project), str(tmp_path / "masks"), "--format", "png"]) == 3
    printed = capsys.readouterr().out
    assert "refused     1 the file is empty (0 bytes): b.png" in printed
    assert "refused     1 fits no item: z.png" in printed


def test_what_became_of_every_mask_and_item_can_be_had_as_json(project: Path, tmp_path: Path) -> None:
    (tmp_path / "masks" / "z.png").write_bytes(encode_mask(some_mask()))
    place = [str(project), str(tmp_path / "masks")]
    assert main([*place, "--json", str(tmp_path / "done.json")]) == 3
    done = json.loads((tmp_path / "done.json").read_text())
    assert (done["format"], done["without_mask"]) == ("png", ["b", "c"])
    assert {row["where"]: row["outcome"] for row in done["rows"]} == {"a.png": "imported", "z.png": "refused"}
    with pytest.raises(StoreError, match="cannot write"):
        main([*place, "--json", str(tmp_path / "nowhere" / "done.json")])


def test_a_plan_says_what_would_be_done(project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        assert main([str(project), str(tmp_path / "masks"), "--format", "png", "--plan"]) == 0
        assert "would import 1 mask" in capsys.readouterr().out
