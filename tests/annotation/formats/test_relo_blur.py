"""The tree of ReLoBlur."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from annotation.formats.model import Found, Skipped, Writing
from annotation.formats.registry import open_format
from annotation.pictures import PictureError
from tests.annotation.formats.world import labelled, picture, read, ring, write


def tree(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_masks_stand_beside_the_pictures_as_in_the_published_set(tmp_path: Path) -> None:
    written = write("relo-blur", {"s01/00": ring(), "test/s02/07": ~ring()}, tmp_path)
    assert tree(tmp_path) == [
        "dataset/test/s02/07_blur.png",
        "dataset/test/s02/07_sharp.png",
        "dataset/train/s01/00_blur.png",
        "dataset/train/s01/00_sharp.png",
        "masks/test/s02/07.png",
        "masks/train/s01/00.png",
    ]
    assert written[0].files[0] == "masks/train/s01/00.png"
    with Image.open(tmp_path / "dataset/train/s01/00_blur.png") as blurred:
        assert np.array_equal(np.asarray(blurred), picture(40, 30, 1).pixels())
    with Image.open(tmp_path / "dataset/train/s01/00_sharp.png") as sharp:
        assert np.array_equal(np.asarray(sharp), picture(40, 30, 2).pixels())


def test_the_split_can_be_chosen(tmp_path: Path) -> None:
    write("relo-blur", {"s01/00": ring()}, tmp_path, Writing(split="test"))
    assert "masks/test/s01/00.png" in tree(tmp_path)


def test_names_are_known_with_and_without_the_split(tmp_path: Path) -> None:
    write("relo-blur", {"s01/00": ring()}, tmp_path)
    for place in (tmp_path, tmp_path / "masks"):
        (found,) = read("relo-blur", place)
        assert isinstance(found, Found)
        assert found.names == ("train/s01/00", "s01/00")
        assert np.array_equal(found.load((40, 30)), ring())


def test_an_item_whose_picture_cannot_be_had_is_skipped_whole(tmp_path: Path) -> None:
    def gone() -> bytes:
        raise PictureError("b: the file is gone")

    whole, broken = labelled("a", ring()), labelled("b", ring())
    object.__setattr__(broken.sharp, "data", gone)
    written = list(open_format("relo-blur").write([broken, whole], tmp_path, Writing()))
    assert written[0] == Skipped("b", "b: the file is gone")
    assert not [name for name in tree(tmp_path) if "b" in Path(name).stem.split("_")]
    assert len(written) == 2
