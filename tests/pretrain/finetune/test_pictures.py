"""Rectangles of picture files, and what headers say of them."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from million_ird.patches import Box
from pretrain.crop import DamagedPatchError
from pretrain.finetune.pictures import DecodedPictures, FilePicture, survey
from tests.pretrain.picture_files import Pixels, picture, write_picture

_BOX = Box(8, 5, 32, 16)


def _survey(*paths: Path) -> tuple[dict[Path, FilePicture], dict[str, str]]:
    pictures, left_out = survey([(path.name, path) for path in paths], DecodedPictures(0))
    return pictures, {each.path.name: each.reason for each in left_out}


def test_headers_say_size_and_whether_a_rectangle_can_be_decoded_alone(tmp_path: Path) -> None:
    png, jpeg = (write_picture(tmp_path / name, picture("a", 40, 60)) for name in ("a.png", "a.jpg"))
    pictures, left_out = _survey(png, jpeg)
    assert left_out == {}
    assert pictures[png] == FilePicture("a.png", png, 60, 40, png.stat().st_size, False, DecodedPictures(0))
    assert pictures[jpeg].is_jpeg


def test_rectangles_are_slices_of_the_stored_pixels(tmp_path: Path) -> None:
    paths = [write_picture(tmp_path / name, picture("a", 40, 60)) for name in ("a.png", "a.jpg", "a.webp")]
    pictures, _ = _survey(*paths)
    for path in paths:
        with Image.open(path) as stored:
            whole = np.asarray(stored.convert("RGB"))
        assert np.abs(pictures[path].read(_BOX).astype(int) - whole[5:21, 8:40]).max() <= 1, path.name


def test_a_header_longer_than_the_first_read_is_read_on(tmp_path: Path) -> None:
    out = io.BytesIO()
    Image.fromarray(picture("a", 40, 60)).save(out, "JPEG", icc_profile=b"\0" * 100_000)
    (tmp_path / "a.jpg").write_bytes(out.getvalue())
    pictures, left_out = _survey(tmp_path / "a.jpg")
    assert left_out == {} and pictures[tmp_path / "a.jpg"].width == 60


def test_odd_files_are_left_out_with_their_reasons(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "empty.png").write_bytes(b"")
    Image.fromarray(picture("a")).convert("CMYK").save(tmp_path / "ink.jpg")
    pictures, left_out = _survey(*(tmp_path / name for name in ("text.png", "empty.png", "ink.jpg", "absent.png")))
    assert pictures == {}
    assert {name: reason.split(":")[0] for name, reason in left_out.items()} == {
        "text.png": "not_an_image",
        "empty.png": "empty",
        "ink.jpg": "cmyk",
        "absent.png": "cannot be read",
    }


def test_damage_behind_the_header_is_found_when_it_is_read(tmp_path: Path) -> None:
    path = write_picture(tmp_path / "a.jpg", picture("a", 120, 160))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    pictures, _ = _survey(path)
    with pytest.raises(DamagedPatchError, match=r"a\.jpg"):
        pictures[path].read(Box(0, 100, 32, 16))


def test_a_file_that_was_exchanged_since_is_damaged(tmp_path: Path) -> None:
    path = write_picture(tmp_path / "a.png", picture("a", 40, 60))
    pictures, _ = _survey(path)
    write_picture(path, picture("a", 60, 40))
    with pytest.raises(DamagedPatchError, match="not as before"):
        pictures[path].read(_BOX)
    path.unlink()
    with pytest.raises(DamagedPatchError):
        pictures[path].read(_BOX)


def test_decoded_pictures_are_kept_up_to_a_limit_the_last_used_longest(tmp_path: Path) -> None:
    decodes: list[str] = []

    def decode(name: str) -> Callable[[], Pixels]:
        def run() -> Pixels:
            decodes.append(name)
            return np.zeros((10, 10, 3), np.uint8)

        return run

    kept = DecodedPictures(700)  # two pictures
    for name in ("a", "b", "a", "c", "a", "b"):
        kept.get(tmp_path / name, decode(name))
    assert decodes == ["a", "b", "c", "b"]
    for _ in range(2):
        DecodedPictures(299).get(tmp_path / "a", decode("too large"))
    assert decodes[-2:] == ["too large"] * 2


def test_kept_pixels_are_those_of_the_file(tmp_path: Path) -> None:
    path = write_picture(tmp_path / "a.png", picture("a", 40, 60))
    pictures, _ = survey([("a.png", path)], DecodedPictures(10**6))
    first = pictures[path].read(_BOX).copy()
    path.unlink()
    assert np.array_equal(pictures[path].read(_BOX), first)
