"""Masks as files: which picture each belongs to, and every way in which a file can be wrong."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from annotation.check.finding import Subject
from annotation.check.folders import find_folders, folder_subjects, mask_files, number_of_masks
from annotation.mask import encode_mask
from million_ird.errors import UsageError
from million_ird.pixels import encode_png
from tests.annotation.scenes import scene, write_pairs


def _write(folder: Path, *names: str, mask: bool = False) -> None:
    blurred, _, drawn = scene(0, 40, 60)
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode_mask(drawn) if mask else encode_png(blurred))


def _subjects(place: Path, images: Path | None = None) -> dict[str, Subject]:
    return {subject.name: subject for subject in folder_subjects(find_folders(place, images))}


def _rules(subject: Subject) -> list[str]:
    return [finding.rule for finding in subject.found]


@pytest.mark.parametrize(("masks", "images"), [("mask", "image"), ("masks", "images"), ("masks", "dataset")])
def test_usual_names_of_folders_are_found(tmp_path: Path, masks: str, images: str) -> None:
    _write(tmp_path / images, "a.png", "s01/b.png")
    _write(tmp_path / masks, "a.png", "s01/b.png", mask=True)
    subjects = _subjects(tmp_path)
    assert sorted(subjects) == ["a", "s01/b"]
    assert not any(subject.found for subject in subjects.values())
    assert subjects["a"].size == (60, 40) and subjects["a"].sharp is None
    assert subjects["a"].blurred is not None and subjects["a"].blurred().shape == (40, 60, 3)


def test_pairs_in_two_folders_and_by_ending(tmp_path: Path) -> None:
    write_pairs(tmp_path, 2)
    assert [subject.sharp is not None for subject in _subjects(tmp_path).values()] == [True, True]
    tree = tmp_path / "tree"
    _write(tree / "dataset", "s01/00_blur.png", "s01/00_sharp.png")
    _write(tree / "masks", "s01/00.png", mask=True)
    subjects = _subjects(tree)
    assert list(subjects) == ["s01/00"] and subjects["s01/00"].sharp is not None


def test_masks_beside_pictures(tmp_path: Path) -> None:
    _write(tmp_path, "a.png", "b.png", "c.png")
    _write(tmp_path, "a_mask.png", "b_m.png", mask=True)
    subjects = _subjects(tmp_path)
    assert {name: _rules(subject) for name, subject in subjects.items()} == {"a": [], "b": [], "c": ["no_mask"]}
    assert number_of_masks(find_folders(tmp_path)) == 2


def test_a_mask_may_have_the_whole_name_of_its_picture_and_any_raster_format(tmp_path: Path) -> None:
    _write(tmp_path / "image", "a.png", "b.png")
    _write(tmp_path / "mask", "a.png.png", mask=True)
    mask = scene(0, 40, 60)[2].astype(np.uint8) * 255
    cv2.imwrite(str(tmp_path / "mask/b.bmp"), mask)
    assert {name: _rules(subject) for name, subject in _subjects(tmp_path).items()} == {"a": [], "b": []}


def test_names_that_are_nearly_right(tmp_path: Path) -> None:
    _write(tmp_path / "image", "s01/007.png", "Beach.png", "x/deep.png", "lost.png")
    _write(tmp_path / "mask", "s01/7_mask.png", "beach.png", "deep.png", "other.png", mask=True)
    subjects = _subjects(tmp_path)
    found = {name: _rules(subject) for name, subject in subjects.items() if subject.counts}
    assert found == {"s01/7_mask": ["misnamed"], "beach": ["misnamed"], "deep": ["misnamed"], "other": ["no_image"]}
    assert "call the mask s01/007.png" in subjects["s01/7_mask"].found[0].text
    assert _rules(subjects["lost"]) == ["no_mask"] and not subjects["lost"].counts


def test_numbers_that_differ_are_not_taken_for_each_other(tmp_path: Path) -> None:
    _write(tmp_path / "image", "motion0138.png")
    _write(tmp_path / "mask", "motion0139.png", mask=True)
    assert {name: _rules(each) for name, each in _subjects(tmp_path).items()} == {
        "motion0139": ["no_image"],
        "motion0138": ["no_mask"],
    }


def test_two_masks_of_one_picture(tmp_path: Path) -> None:
    _write(tmp_path / "image", "a.png")
    _write(tmp_path / "mask", "a.png", "a.gif", mask=True)
    rules = [_rules(subject) for subject in folder_subjects(find_folders(tmp_path))]
    assert rules == [[], ["misnamed"]]


def test_files_that_are_no_masks(tmp_path: Path) -> None:
    _write(tmp_path / "image", *(f"{name}.png" for name in "abcdefg"))
    folder = tmp_path / "mask"
    folder.mkdir()
    mask = scene(0, 40, 60)[2]
    good = encode_mask(mask)
    (folder / "a.png").write_bytes(b"")
    (folder / "b.png").write_bytes(good[: len(good) // 2])
    (folder / "c.png").write_bytes(b"this is text")
    cv2.imwrite(str(folder / "d.png"), cv2.GaussianBlur(mask.astype(np.uint8) * 255, (0, 0), 2))
    (folder / "e.png").write_bytes(encode_mask(mask[:20]))
    cv2.imwrite(str(folder / "f.png"), mask.astype(np.uint8))
    cv2.imwrite(str(folder / "g.png"), scene(0, 40, 60)[0])
    found = {name: _rules(subject) for name, subject in _subjects(tmp_path).items()}
    assert found == {
        "a": ["zero_bytes"],
        "b": ["undecodable"],
        "c": ["undecodable"],
        "d": ["values"],
        "e": ["size"],
        "f": ["values"],
        "g": ["undecodable"],
    }


def test_pictures_that_do_not_decode_are_told_of(tmp_path: Path) -> None:
    _write(tmp_path / "image", "a.png")
    _write(tmp_path / "mask", "a.png", "b.png", mask=True)
    (tmp_path / "image/b.png").write_bytes(b"")
    found = {name: _rules(subject) for name, subject in _subjects(tmp_path).items()}
    assert found == {"a": [], "b": ["picture"]}


def test_a_sharp_frame_without_its_blurred_one_is_told_of(tmp_path: Path) -> None:
    _write(tmp_path / "images", "00_blur.png", "00_sharp.png", "01_sharp.png")
    _write(tmp_path / "masks", "00.png", mask=True)
    rows = list(folder_subjects(find_folders(tmp_path)))
    assert [_rules(row) for row in rows] == [[], ["picture"]] and "no blurred frame" in rows[1].found[0].text


def test_only_one_item(tmp_path: Path) -> None:
    write_pairs(tmp_path, 3)
    assert [subject.name for subject in folder_subjects(find_folders(tmp_path), only="01")] == ["01"]
    assert not list(folder_subjects(find_folders(tmp_path), only="99"))


def test_places_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no folder or project"):
        find_folders(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="there is no folder"):
        find_folders(tmp_path, tmp_path / "nowhere")
    with pytest.raises(UsageError, match=r"no mask below .*a_mask\.png beside"):
        list(folder_subjects(find_folders(tmp_path)))
    (tmp_path / "mask").mkdir()
    with pytest.raises(UsageError, match="name it by --images"):
        find_folders(tmp_path)
    with pytest.raises(UsageError, match="no mask below"):
        mask_files(tmp_path)


def test_the_real_sets_match_completely(shared_data: Path) -> None:
    for name, number in (("cuhk", 10), ("synthetic_pairs", 12)):
        subjects = list(folder_subjects(find_folders(shared_data / "blur" / name)))
        assert len(subjects) == number and not any(subject.found for subject in subjects)
        assert {subject.sharp is not None for subject in subjects} == {name == "synthetic_pairs"}
