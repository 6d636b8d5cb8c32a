"""`million-ird annotate agree` from the outside: projects and folders, table and JSON."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from annotation.mask import encode_mask
from million_ird.cli import main
from tests.annotation.labelled import draw, pairs_project
from tests.annotation.scenes import write_pairs


def _run(*arguments: object) -> int:
    return main(["annotate", "agree", *map(str, arguments)])


def test_a_project_with_second_opinions(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project, masks = pairs_project(tmp_path, 4)
    with project:
        for name in ("00", "01"):
            draw(project, name, masks[name], "Ada")
            draw(project, name, np.roll(masks[name], 6, 1), "Berta", number=2)
        draw(project, "02", masks["02"], "Ada")
        draw(project, "02", masks["02"], "Cem", number=2, state="in_progress")
        draw(project, "03", masks["03"], "Ada")
    assert _run(project.folder) == 0
    out = capsys.readouterr().out
    assert "2 pictures compared, 1 not" in out and "02: not compared, the two masks are done and in progress" in out
    assert _run(project.folder, "--all", "--json", "--margin", 2, "--tolerance", 4) == 0
    told = json.loads(capsys.readouterr().out)
    assert [each["name"] for each in told["pictures"]] == ["00", "01", "02"]
    assert told["settings"] == {"tolerance": 4, "margin": 2}
    first = told["pictures"][0]
    assert first["annotators"] == ["Ada", "Berta"] and 0.5 < first["iou"] < 0.95 and first["psnr_difference"] != 0
    assert set(first["psnr"][0]) == {"mask", "dilated", "eroded"}
    assert [each["annotators"] for each in told["pairs"]] == [["Ada", "Berta"], ["Ada", "Cem"]]
    assert {each["annotator"]: each["pictures"] for each in told["annotators"]} == {"Ada": 3, "Berta": 2, "Cem": 1}
    assert told["overall"]["pictures"] == 3 and told["not_compared"] == []


def test_two_folders_with_and_without_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    masks = write_pairs(tmp_path, 3)
    (tmp_path / "berta").mkdir()
    (tmp_path / "berta/00.png").write_bytes(encode_mask(np.roll(masks["00"], 3, 0)))
    (tmp_path / "berta/01.png").write_bytes(encode_mask(masks["01"][:100]))
    (tmp_path / "berta/zz.png").write_bytes(b"")
    folders = (tmp_path / "mask", tmp_path / "berta")
    assert _run(*folders) == 0
    out = capsys.readouterr().out
    assert "no picture, so no dB" in out and "1 picture compared, 3 not" in out
    for line in (
        "01: not compared, the masks differ in size: 240x160 and 240x100",
        "02: not compared, only mask has a mask of it",
        "zz: not compared, only berta has a mask of it",
    ):
        assert line in out
    assert _run(*folders, "--images", tmp_path / "blur", "--sharp", tmp_path / "sharp", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["pictures"][0]["annotators"] == ["mask", "berta"] and told["pictures"][0]["psnr_difference"] is not None


def test_masks_that_do_not_fit_their_picture_are_not_compared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    masks = write_pairs(tmp_path, 1)
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "00.png").write_bytes(encode_mask(masks["00"][:, :200]))
    assert _run(tmp_path / "one", tmp_path / "two", "--images", tmp_path / "blur") == 0
    assert "00: not compared, the masks are 200x160, the picture 240x160" in capsys.readouterr().out


def test_mistakes_are_said_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_pairs(tmp_path, 1)
    mask, blur = tmp_path / "mask", tmp_path / "blur"
    for arguments, message in (
        ((tmp_path,), "is no project"),
        ((mask, mask), "the same folder"),
        ((mask, blur, tmp_path), "two folders of masks; not 3"),
        ((mask, tmp_path / "nowhere"), "nowhere"),
        ((mask, blur, "--sharp", blur), "--sharp needs --images"),
        ((mask, "--images", blur), "a project knows its pictures"),
        ((mask, blur, "--margin", 0), "margin is at least 1"),
        ((mask, blur, "--tolerance", -3), "tolerance is at least 0"),
    ):
        assert _run(*arguments) == 2, arguments
        error = capsys.readouterr().err
        assert message in error and "Traceback" not in error


def test_a_project_without_second_opinions(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project, masks = pairs_project(tmp_path, 1)
    with project:
        draw(project, "00", masks["00"])
    assert _run(project.folder) == 0
    assert capsys.readouterr().out.strip() == "0 pictures compared, 0 not"
