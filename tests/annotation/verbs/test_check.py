"""`million-ird annotate check` from the outside: exit codes, table, JSON, page, accepting."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from annotation.mask import encode_mask
from million_ird.cli import main
from tests.annotation.labelled import draw, pairs_project
from tests.annotation.scenes import write_pairs


def _folder(place: Path, *, hole: bool = False, empty: bool = False) -> Path:
    masks = write_pairs(place, 2)
    mask = masks["01"].copy()
    if hole:
        mask[75:78, 118:121] = False
    if empty:
        mask[:] = False
    (place / "mask/01.png").write_bytes(encode_mask(mask))
    return place


def _run(*arguments: object) -> int:
    return main(["annotate", "check", *map(str, arguments)])


def test_a_good_folder_passes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(_folder(tmp_path), "--strict") == 0
    assert "2 masks checked, 0 errors, 0 warnings" in capsys.readouterr().out


def test_warnings_fail_only_where_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = _folder(tmp_path, hole=True)
    assert _run(folder, "--no-pictures") == 0
    out = capsys.readouterr().out
    assert "01  warning  holes  1 hole, the largest of 9 pixels at 119, 76, <0.1" in out and "--accept NAME:RULE" in out
    assert _run(folder, "--no-pictures", "--strict") == 1
    assert _run(folder, "--no-pictures", "--strict", "--set", "hole_share=0.0001") == 0


def test_a_long_list_is_cut_short_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = _folder(tmp_path, hole=True)
    (folder / "mask/00.png").write_bytes(b"")
    assert _run(folder, "--no-pictures", "--lines", 1) == 1
    out = capsys.readouterr().out
    assert "zero_bytes" in out and "1 hole" not in out and "… and 1 finding more" in out


def test_the_class_of_empty_files_is_caught(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Published sets came with masks of 0 bytes."""
    folder = _folder(tmp_path)
    (folder / "mask/00.png").write_bytes(b"")
    assert _run(folder, "--no-pictures") == 1
    assert "00  error  zero_bytes" in capsys.readouterr().out


def test_masks_and_pictures_in_folders_of_their_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _folder(tmp_path)
    arguments = (tmp_path / "mask", "--images", tmp_path / "blur", "--sharp", tmp_path / "sharp", "--json")
    assert _run(*arguments) == 0
    assert [item["polarity"] > 0.7 for item in json.loads(capsys.readouterr().out)["items"]] == [True, True]


def test_a_mask_of_another_size_is_not_judged_by_a_picture_that_it_does_not_fit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    masks = write_pairs(tmp_path, 1)
    (tmp_path / "mask/00.png").write_bytes(encode_mask(~masks["00"][:, :200]))
    assert _run(tmp_path, "--json") == 1
    (item,) = json.loads(capsys.readouterr().out)["items"]
    assert item["polarity"] is None and [finding["rule"] for finding in item["findings"]] == ["size"]


def test_json_holds_everything(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(_folder(tmp_path, empty=True), "--no-pictures", "--json", "--set", "speck_share=0.002") == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["masks"], told["errors"], told["warnings"], told["accepted"]) == (2, 1, 0, 0)
    assert told["settings"]["speck_share"] == 0.002
    (finding,) = told["items"][1]["findings"]
    assert (finding["rule"], finding["severity"], finding["accepted"]) == ("empty", "error", "")


def test_the_page_shows_offenders_and_asks_the_network_for_nothing(tmp_path: Path) -> None:
    folder = _folder(tmp_path, hole=True)
    page = tmp_path / "pages/check.html"
    assert _run(folder, "--html", page, "--no-pictures") == 0
    text = page.read_text("utf-8")
    assert (
        text.count("data:image/jpeg;base64,") == 1
        and "<script" not in text
        and "http" not in text.replace("http-equiv", "")
    )
    assert "small holes" in text and "1 hole" in text


def test_accepting_in_a_project(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project, masks = pairs_project(tmp_path, 2)
    holed = masks["00"].copy()
    holed[75:78, 118:121] = False
    with project:
        draw(project, "00", holed)
        folder = project.folder
    assert _run(folder, "--no-pictures", "--strict") == 1
    assert "not looked at: 1 todo" in capsys.readouterr().out
    assert _run(folder, "--accept", "00:holes") == 2
    assert "--accept needs --reason" in capsys.readouterr().err
    assert _run(folder, "--accept", "00:holes", "--reason", "an arm's crook", "--annotator", "Ada") == 0
    assert "accepted for this mask" in capsys.readouterr().out
    page = tmp_path / "check.html"
    assert _run(folder, "--no-pictures", "--strict", "--html", page) == 0
    assert "1 accepted" in capsys.readouterr().out
    assert "an arm&#x27;s crook" in page.read_text("utf-8")
    assert (folder / "overrides.jsonl").read_text("utf-8").count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nowhere",), "there is no folder or project"),
        ((".", "--accept", "holes", "--reason", "x"), "expected NAME:RULE"),
        ((".", "--accept", "00:holez", "--reason", "x"), "there is no such rule"),
        ((".", "--accept", "00:size", "--reason", "x"), "no reason makes usable"),
        ((".", "--accept", "zz:holes", "--reason", "x"), "nothing to accept"),
        ((".", "--set", "spec_share=1"), "speck_share"),
        ((".", "--set", "speck_share=7"), "speck_share lies between"),
        ((".", "--images", "nowhere"), "there is no folder"),
        ((".", "--lines", "-1"), "--lines is at least 0"),
    ],
)
def test_mistakes_are_said_in_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    message: str,
) -> None:
    monkeypatch.chdir(_folder(tmp_path))
    assert _run(*arguments) == 2
    error = capsys.readouterr().err
    assert message in error and "Traceback" not in error


def test_a_project_knows_its_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project, _ = pairs_project(tmp_path, 1)
    project.close()
    assert _run(project.folder, "--images", tmp_path) == 2
    assert "a project knows its pictures" in capsys.readouterr().err
    assert _run(project.folder) == 0
    assert "0 masks checked" in capsys.readouterr().out


def test_a_damaged_copy_of_the_real_pairs_fails_as_it_should(
    shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import shutil

    for kind in ("blur", "sharp", "mask"):
        (tmp_path / kind).mkdir()
        for name in ("00", "01", "04"):
            shutil.copyfile(shared_data / f"blur/synthetic_pairs/{kind}/{name}.png", tmp_path / kind / f"{name}.png")
    assert _run(tmp_path) == 0
    from annotation.mask import decode_mask

    path = tmp_path / "mask/04.png"
    path.write_bytes(encode_mask(~decode_mask(path.read_bytes())))
    (tmp_path / "mask/00.png").write_bytes(b"")
    (tmp_path / "mask/01.png").rename(tmp_path / "mask/1_mask.png")
    assert _run(tmp_path) == 1
    out = capsys.readouterr().out
    assert all(rule in out for rule in ("zero_bytes", "misnamed", "inverted", "no_mask"))
