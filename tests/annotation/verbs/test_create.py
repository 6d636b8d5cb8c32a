"""The command that makes projects and adds to them."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from annotation.project import MASKS, open_project
from annotation.verbs.create import main
from million_ird.errors import UsageError
from tests.annotation.picture_folders import encoded, noise, write_pictures

_ROOT = Path(__file__).resolve().parents[3]


def test_a_project_is_made_and_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photos = write_pictures(tmp_path / "photos", "a_blur.png", "a_sharp.png", "b.jpg")
    for number in range(7):
        (photos / f"note{number}.txt").write_text("text")
    (photos / "empty.png").write_bytes(b"")
    assert main([str(tmp_path / "p"), "--from", str(photos), "--name", "Wheels", "--second-opinions", "1"]) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"{tmp_path}/p: 2 new items, 0 were there already\n")
    assert "  refused 7: not_an_image_name\n    note0.txt (suffix .txt)\n" in said
    assert f"    … and 2 more: million-ird annotate status {tmp_path}/p --refused\n" in said
    assert "  refused 1: empty\n    empty.png (no bytes)\n" in said
    with open_project(tmp_path / "p") as project:
        assert (project.name, project.description.second_opinions) == ("Wheels", 1.0)
        assert [len(row.layers) for row in project.store.items()] == [2, 2]


def test_the_same_command_again_adds_what_is_new(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photos = write_pictures(tmp_path / "photos", "a.png")
    command = [str(tmp_path / "p"), "--from", str(photos)]
    assert main(command) == 0
    write_pictures(photos, "a.png", "b.png")
    capsys.readouterr()
    assert main(command) == 0
    assert "1 new items, 1 were there already" in capsys.readouterr().out


def test_another_place_is_added_only_when_asked(tmp_path: Path) -> None:
    one, two = (write_pictures(tmp_path / name, "a.png") for name in ("one", "two"))
    assert main([str(tmp_path / "p"), "--from", str(one)]) == 0
    with pytest.raises(UsageError, match="project of other pictures: say --add to add those of"):
        main([str(tmp_path / "p"), "--from", str(two)])
    with pytest.raises(UsageError, match="stay as they are"):
        main([str(tmp_path / "p"), "--from", str(one), "--name", "x"])
    assert main([str(tmp_path / "p"), "--from", str(two), "--add"]) == 0
    with open_project(tmp_path / "p") as project:
        assert project.store.count() == 2


def test_two_folders_are_pairs(tmp_path: Path) -> None:
    for name in ("blur", "sharp"):
        write_pictures(tmp_path / name, "00.png")
    assert main([str(tmp_path / "p"), "--from", str(tmp_path / "blur"), "--sharp", str(tmp_path / "sharp")]) == 0
    with open_project(tmp_path / "p") as project:
        assert project.store.item(1).is_pair


def test_a_project_without_items_is_a_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "photos").mkdir()
    assert main([str(tmp_path / "p"), "--from", str(tmp_path / "photos")]) == 1
    assert "there is nothing to label" in capsys.readouterr().out
    photos = write_pictures(tmp_path / "others", "a.png")
    assert main([str(tmp_path / "p"), "--from", str(photos)]) == 0


def test_damage_is_found_at_once_where_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photos = write_pictures(tmp_path / "photos", "a.png")
    (photos / "b.jpg").write_bytes(encoded(noise(1, 300, 200), "JPEG")[:-9000])
    assert main([str(tmp_path / "p"), "--from", str(photos), "--decode"]) == 0
    assert "refused 1: truncated" in capsys.readouterr().out


def _items(path: Path) -> int:
    """How many items are stored by now; 0 while there is no store."""
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            (count,) = connection.execute("SELECT count(*) FROM item").fetchone()
            return int(count)
    except sqlite3.Error:
        return 0


def test_a_killed_creation_goes_on_where_it_was(tmp_path: Path) -> None:
    names = [f"{number:04d}.png" for number in range(3000)]
    write_pictures(tmp_path / "photos", names[0])
    for name in names[1:]:
        os.link(tmp_path / "photos" / names[0], tmp_path / "photos" / name)
    command = [str(tmp_path / "p"), "--from", str(tmp_path / "photos")]
    program = "import sys; from annotation.verbs.create import main; main(sys.argv[1:])"
    with subprocess.Popen([sys.executable, "-c", program, *command], cwd=_ROOT, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 60
        while not _items(tmp_path / "p" / MASKS) and time.monotonic() < deadline:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
    half = _items(tmp_path / "p" / MASKS)
    assert 0 < half < len(names)
    assert main(command) == 0
    with open_project(tmp_path / "p") as project:
        assert [f"{item.name}.png" for item in project.store.every_item()] == names
        assert project.store.verify() == []
