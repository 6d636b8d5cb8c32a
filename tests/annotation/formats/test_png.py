"""Masks as picture files under the names of the images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from annotation.formats.model import FormatError, Reading
from annotation.mask import MaskError
from tests.annotation.formats.world import only, png_bytes, read, ring, write


def test_files_are_1_bit_and_named_as_the_images(tmp_path: Path) -> None:
    write("png", {"holiday/beach.v2": ring()}, tmp_path)
    with Image.open(tmp_path / "holiday" / "beach.v2.png") as picture:
        assert (picture.mode, picture.size) == ("1", (40, 30))
        assert np.array_equal(np.asarray(picture), ring())


@pytest.mark.parametrize("ending", ["png", "PNG", "bmp", "tif", "gif", "webp"])
def test_other_tools_write_other_files(ending: str, tmp_path: Path) -> None:
    levels = Image.fromarray(ring().astype(np.uint8) * 255)
    levels.save(tmp_path / f"a.{ending}", **({"lossless": True} if ending == "webp" else {}))
    found = only("png", tmp_path)
    assert found.names == ("a", f"a.{ending}")
    assert np.array_equal(found.load((40, 30)), ring())


def test_a_single_file_is_read_too(tmp_path: Path) -> None:
    write("png", {"a": ring()}, tmp_path)
    assert np.array_equal(only("png", tmp_path / "a.png").load((40, 30)), ring())


def test_grey_levels_count_only_when_asked(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png_bytes(ring().astype(np.uint8) * 200))
    with pytest.raises(MaskError, match="values 0 … 200"):
        only("png", tmp_path).load((40, 30))
    assert np.array_equal(only("png", tmp_path, Reading(any_nonzero=True)).load((40, 30)), ring())


def test_another_size_is_named_beside_that_of_the_image(tmp_path: Path) -> None:
    write("png", {"a": ring()}, tmp_path)
    with pytest.raises(MaskError, match="the mask is 40x30, its image 80x60"):
        only("png", tmp_path).load((80, 60))


def test_hidden_and_other_files_are_no_masks(tmp_path: Path) -> None:
    write("png", {"a": ring()}, tmp_path)
    for name in (".hidden.png", "notes.txt", ".thumbnails/a.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "folder.png").mkdir()
    assert len(read("png", tmp_path)) == 1


def test_a_folder_without_masks_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="there is no picture file below"):
        read("png", tmp_path)
    with pytest.raises(FormatError, match="there is no file or folder"):
        read("png", tmp_path / "nothing")


def test_a_file_that_vanishes_is_one_masks_error(tmp_path: Path) -> None:
    write("png", {"a": ring()}, tmp_path)
    found = only("png", tmp_path)
    (tmp_path / "a.png").unlink()
    with pytest.raises(MaskError, match=r"a\.png cannot be read"):
        found.load((40, 30))
