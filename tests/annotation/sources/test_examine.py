"""Odd files become rows with a reason, and whatever becomes an item can be drawn on."""

from __future__ import annotations

from pathlib import Path

import pytest

from annotation.pictures import PictureError
from annotation.project import new_project
from annotation.sources import Candidate, FolderSource
from annotation.sources.examine import examine
from million_ird.records import Rejection
from tests.annotation.picture_folders import encoded, noise


class _Bytes:
    """A source that holds its files in memory."""

    kind, place, options = "folder", "memory", {}

    def __init__(self, **files: bytes) -> None:
        self.files = files

    def candidates(self):  # type: ignore[no-untyped-def]
        return (Candidate(name, name, name) for name in self.files)

    def read(self, where: str, is_sharp: bool = False) -> bytes | Rejection:
        return self.files.get(where, Rejection("fetch", "missing_file"))


@pytest.mark.parametrize("orientation", [1, 3, 5, 6, 8])
def test_sizes_are_those_of_the_upright_picture(orientation: int) -> None:
    found = examine(_Bytes(a=encoded(noise(0, 24, 16), "JPEG", orientation)), Candidate("a", "a", "a"))
    assert not isinstance(found, Rejection)
    assert (found.width, found.height) == ((16, 24) if orientation >= 5 else (24, 16))  # type: ignore[union-attr]


def test_a_pair_must_have_one_upright_size() -> None:
    source = _Bytes(a=encoded(noise(0, 24, 16), "JPEG", 6), b=encoded(noise(1, 16, 24)), c=encoded(noise(2, 24, 16)))
    assert examine(source, Candidate("x", "x", "a", "b")).__class__.__name__ == "NewItem"
    refused = examine(source, Candidate("x", "x", "a", "c"))
    assert (refused.reason, refused.detail) == ("sizes_differ", "16x24, c 24x16")  # type: ignore[union-attr]
    missing = examine(source, Candidate("x", "x", "a", "d"))
    assert missing.reason == "sharp_missing_file"  # type: ignore[union-attr]


def test_of_real_odd_files_those_that_decode_become_items(shared_data: Path, tmp_path: Path) -> None:
    odd = FolderSource.at(str(shared_data / "oddcases"))
    files = sum(1 for _ in odd.candidates())
    with new_project(tmp_path / "p") as project:
        added = project.add(odd)
        assert added.items + len(added.refused) == files
        reasons = {row.reason for row in added.refused}
        assert {"too_many_pixels", "animated", "alpha", "truncated", "cmyk", "not_an_image"} <= reasons
        broken = []
        for item in project.store.every_item():
            try:
                assert project.pictures.pixels(item).shape == (item.height, item.width, 3)
            except PictureError as error:
                broken.append(str(error))
        assert len(broken) <= 5
        assert all("truncated" in line and "\n" not in line for line in broken)
