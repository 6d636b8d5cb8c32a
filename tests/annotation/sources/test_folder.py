"""Pairs are told by their names, or by two folders; nothing is listed twice or lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from annotation.sources import Candidate, FolderSource
from annotation.sources.folder import by_ending
from annotation.store import Refused
from million_ird.errors import UsageError
from million_ird.records import Rejection
from tests.annotation.picture_folders import write_pictures


def _items(found: Iterator[Candidate | Refused]) -> dict[str, tuple[str, str | None]]:
    return {row.name: (row.blurred, row.sharp) for row in found if isinstance(row, Candidate)}


def _refused(found: Iterator[Candidate | Refused]) -> dict[str, str]:
    return {row.place: row.reason for row in found if isinstance(row, Refused)}


def test_pairs_are_told_by_the_ending_of_their_names() -> None:
    files = [
        "a_blur.png",
        "a_sharp.png",
        "b_BLURRED.jpg",
        "b_Sharp.png",
        "c.jpg",
        "d_blur.png",
        "e_sharp.png",
        "_blur.png",
    ]
    assert _items(by_ending(files)) == {
        "a": ("a_blur.png", "a_sharp.png"),
        "b": ("b_BLURRED.jpg", "b_Sharp.png"),
        "c": ("c.jpg", None),
        "d": ("d_blur.png", None),
        "_blur": ("_blur.png", None),
    }
    assert _refused(by_ending(files)) == {"e_sharp.png": "no_blurred_frame"}


def test_pairs_stay_within_their_folder() -> None:
    files = ["s01/00_blur.png", "s02/00_sharp.png"]
    assert _items(by_ending(files)) == {"s01/00": ("s01/00_blur.png", None)}
    assert _refused(by_ending(files)) == {"s02/00_sharp.png": "no_blurred_frame"}


def test_of_two_sharp_frames_the_one_of_the_same_format_counts() -> None:
    files = ["a_blur.png", "a_sharp.jpg", "a_sharp.png"]
    assert _items(by_ending(files)) == {"a": ("a_blur.png", "a_sharp.png")}
    assert _refused(by_ending(files)) == {"a_sharp.jpg": "no_blurred_frame"}


def test_two_folders_are_matched_by_relative_path(tmp_path: Path) -> None:
    write_pictures(tmp_path / "blur", "00.png", "s/01.jpg", "02_blur.png", "03.png")
    write_pictures(tmp_path / "sharp", "00.jpg", "s/01.jpg", "02_sharp.png", "04.png", "notes.txt")
    source = FolderSource.at(str(tmp_path / "blur"), str(tmp_path / "sharp"))
    assert _items(source.candidates()) == {
        "00": ("00.png", "00.jpg"),
        "s/01": ("s/01.jpg", "s/01.jpg"),
        "02": ("02_blur.png", "02_sharp.png"),
    }
    assert _refused(source.candidates()) == {
        "03.png": "no_sharp_frame",
        "sharp: 04.png": "no_blurred_frame",
        "sharp: notes.txt": "not_an_image_name",
    }
    assert source.read("s/01.jpg") == (tmp_path / "blur/s/01.jpg").read_bytes()
    assert source.read("s/01.jpg", is_sharp=True) == (tmp_path / "sharp/s/01.jpg").read_bytes()


def test_folders_that_are_not_there_or_lie_in_each_other_are_refused(tmp_path: Path) -> None:
    write_pictures(tmp_path / "photos", "sharp/a.png")
    with pytest.raises(UsageError, match="there is no folder"):
        FolderSource.at(str(tmp_path / "none"))
    with pytest.raises(UsageError, match="there is no folder"):
        FolderSource.at(str(tmp_path), str(tmp_path / "none"))
    for blurred, sharp in (("photos", "photos/sharp"), ("photos/sharp", "photos"), ("photos", "photos")):
        with pytest.raises(UsageError, match="lie in each other: name two side by side"):
            FolderSource.at(str(tmp_path / blurred), str(tmp_path / sharp))


def test_hidden_files_are_not_looked_at_and_odd_names_are_no_obstacle(tmp_path: Path) -> None:
    names = [".hidden.png", "a b.png", "ü 夜.png", "new\nline.png", "no_suffix", "<x>.png"]
    source = FolderSource.at(str(write_pictures(tmp_path / "photos", *names)))
    found = _items(source.candidates())
    assert {blurred for blurred, _ in found.values()} == set(names[1:])
    assert set(found) == {"a b", "ü 夜", "new_line", "no_suffix", "_x_"}
    assert all(isinstance(source.read(blurred), bytes) for blurred, _ in found.values())


def test_a_name_that_is_no_utf_8_is_refused(tmp_path: Path) -> None:
    photos = write_pictures(tmp_path / "photos", "a.png")
    (photos / "a.png").rename(photos / b"\xff.png".decode("utf-8", "surrogateescape"))
    assert list(_refused(FolderSource.at(str(photos)).candidates()).values()) == ["name_not_utf8"]


def test_a_folder_that_is_gone_is_a_rejection(tmp_path: Path) -> None:
    source = FolderSource(str(tmp_path / "gone"))
    assert isinstance(found := source.read("a.png"), Rejection)
    assert found.reason == "missing_file"


def test_the_synthetic_pairs_are_pairs(shared_data: Path) -> None:
    pairs = shared_data / "blur" / "synthetic_pairs"
    found = list(FolderSource.at(str(pairs / "blur"), str(pairs / "sharp")).candidates())
    assert [row.name for row in found if isinstance(row, Candidate)] == [f"{number:02d}" for number in range(12)]
