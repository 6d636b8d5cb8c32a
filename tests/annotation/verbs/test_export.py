"""`million-ird annotate export`: what it prints, and how it ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from annotation.verbs.export import main
from million_ird.errors import UsageError
from tests.annotation.drawn_projects import draw, project_of, some_mask


@pytest.fixture
def project(tmp_path: Path) -> Path:
    with project_of(tmp_path, ("a.png", "b.png")) as made:
        draw(made, "a", some_mask())
        return made.folder


def test_a_counted_table_says_what_was_exported_and_what_was_not(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(project), "--format", "png", "--out", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed == [
        f"exported    1 mask as png, 1 file: {tmp_path / 'out'}",
        "compared    every mask was read back and is the same, bit for bit",
        "left out    1 in state todo: b",
    ]


def test_what_polygons_lose_is_listed(project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(project), "--format", "coco-polygons", "--out", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr().out
    assert "lost        1 mask cannot be held whole; mean IoU 0." in printed
    assert " a (" in printed
    assert "filled)" in printed
    assert "bit for bit" not in printed


def test_all_states_can_be_asked_for(project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(project), "--format", "cvat", "--out", str(tmp_path / "out"), "--all"]) == 0
    assert "exported    2 masks as cvat, 1 file" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [["--tolerance", "-1"], ["--shard-mb", "0"], ["--shard-mb", "nan"], ["--label", "  "], ["--tolerance", "nan"]],
)
def test_settings_that_cannot_be_are_one_line(arguments: list[str], project: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as error:
        main([str(project), "--format", "png", "--out", str(tmp_path / "out"), *arguments])
    assert "\n" not in str(error.value)
    assert not (tmp_path / "out").exists()


def test_only_folders_of_this_machine_are_written(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main([str(project), "--format", "png", "--out", "s3://bucket/masks"])
    assert end.value.code == 2
    assert "folder of this machine" in capsys.readouterr().err


def test_the_help_lists_every_format(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["--help"])
    assert end.value.code == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in ("relo-blur", "lmd-vit", "label-studio", "shards"))
