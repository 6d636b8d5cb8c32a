"""The command that says how far a project is."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from annotation.project import create_project, open_project
from annotation.sources import FolderSource
from annotation.store import MaskStore
from annotation.verbs.status import main
from million_ird.errors import StoreError
from tests.annotation.picture_folders import write_pictures
from tests.annotation.store.strokes import draw


@pytest.fixture
def project(tmp_path: Path) -> Path:
    photos = write_pictures(tmp_path / "photos", "a.png", "b.png", "c.png", "d_sharp.png")
    with create_project(tmp_path / "p", FolderSource.at(str(photos))) as made:
        draw(made.store, 1, annotator="Ada")
        draw(made.store, 2, annotator="Bob")
        made.store.set_state(2, "done", "", made.store.layer(2).version, "Bob")
    return tmp_path / "p"


def test_counts_people_sources_and_refused_files_are_said(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(project)]) == 0
    said = capsys.readouterr().out
    assert said.startswith("p: 3 items\n  todo                1\n  in_progress         1\n  done                1\n")
    assert "  (nobody): 1 todo\n  Ada: 1 in_progress\n  Bob: 1 done\n" in said
    assert f"source 1: folder {project.parent}/photos\n" in said
    assert "refused files: 1 no_blurred_frame\n" in said
    assert main([str(project), "--refused"]) == 0
    assert "1\td_sharp.png\tno_blurred_frame\t" in capsys.readouterr().out


def test_verify_says_what_is_wrong(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(project), "--verify"]) == 0
    assert "all is as it was stored" in capsys.readouterr().out
    (project.parent / "photos" / "a.png").unlink()
    assert main([str(project), "--verify"]) == 1
    said = capsys.readouterr().out
    assert "there is no a.png in" in said
    assert said.endswith("1 faults\n")


def test_a_backup_is_written_while_the_project_is_open(project: Path, tmp_path: Path) -> None:
    with open_project(project) as used:
        assert main([str(project), "--backup", str(tmp_path / "copy.sqlite")]) == 0
        copy = MaskStore(tmp_path / "copy.sqlite")
        assert copy.mask_png(1) == used.store.mask_png(1)
        copy.close()
    with pytest.raises(StoreError, match="there already"):
        main([str(project), "--backup", str(tmp_path / "copy.sqlite")])


def test_what_is_readable_of_damaged_masks_is_saved(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(sqlite3.connect(project / "masks.sqlite")) as connection:
        (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'revision_by_layer'").fetchone()
    data = (project / "masks.sqlite").read_bytes()
    (project / "masks.sqlite").write_bytes(data[: 4096 * (page - 1)] + bytes(4096) + data[4096 * page :])
    with pytest.raises(StoreError, match="is damaged"):
        main([str(project)])
    assert main([str(project), "--rescue", str(tmp_path / "saved.sqlite")]) == 0
    assert "3 rows of item, 3 rows of layer" in capsys.readouterr().out
    (tmp_path / "saved.sqlite").replace(project / "masks.sqlite")
    assert main([str(project)]) == 0
