"""Listing folders of pictures and reading them as they are stored."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from million_ird.errors import UsageError
from million_ird.records import Rejection
from pretrain.images import explain, image_files, image_files_below, read_image, shown_name
from tests.pretrain.picture_files import picture, write_picture, write_pictures


def test_files_are_listed_by_name_without_what_is_no_picture(tmp_path: Path) -> None:
    write_pictures(tmp_path, "b.png", "a.JPG", "ü.bmp", ".hidden.png")
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "folder.png").mkdir()
    write_pictures(tmp_path / "folder.png", "inner.png")
    assert [path.name for path in image_files(tmp_path)] == ["a.JPG", "b.png", "ü.bmp"]
    assert [path.name for path in image_files_below(tmp_path)] == ["a.JPG", "b.png", "ü.bmp", "inner.png"]


def test_a_folder_that_is_none_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no folder"):
        image_files(tmp_path / "absent")


def test_pixels_come_as_stored(tmp_path: Path) -> None:
    pixels = picture("a")
    path = write_picture(tmp_path / "a.png", pixels)
    assert np.array_equal(read_image(path), pixels)


def test_a_colour_profile_and_an_orientation_are_not_applied(tmp_path: Path) -> None:
    from PIL import ImageCms

    pixels = picture("a")
    exif = Image.Exif()
    exif[0x0112] = 6
    lab_like = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB", 6500)).tobytes()
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif.tobytes(), icc_profile=lab_like)
    assert np.array_equal(read_image(tmp_path / "a.png"), pixels)


def test_grey_palette_and_sixteen_bits_are_read(tmp_path: Path) -> None:
    grey = picture("g")[..., 0]
    Image.fromarray(grey).save(tmp_path / "grey.png")
    Image.fromarray(grey).convert("P").save(tmp_path / "palette.png")
    Image.fromarray(grey.astype(np.uint16) * 257).save(tmp_path / "wide.png")
    for name in ("grey.png", "palette.png", "wide.png"):
        assert np.array_equal(read_image(tmp_path / name), np.repeat(grey[..., None], 3, axis=2)), name


def test_what_cannot_be_read_says_why(tmp_path: Path) -> None:
    whole = io.BytesIO()
    Image.fromarray(picture("a")).save(whole, "JPEG")
    (tmp_path / "cut.jpg").write_bytes(whole.getvalue()[:-200])
    (tmp_path / "text.png").write_text("no picture")
    outcomes = [read_image(tmp_path / name) for name in ("cut.jpg", "text.png", "absent.png")]
    reasons = [outcome.reason for outcome in outcomes if isinstance(outcome, Rejection)]
    assert reasons == ["truncated", "not_an_image", "unreadable_file"]
    assert all(explain(outcome).startswith(outcome.reason) for outcome in outcomes if isinstance(outcome, Rejection))


def test_links_to_folders_are_followed_each_real_folder_once(tmp_path: Path) -> None:
    write_pictures(tmp_path / "elsewhere", "b.png")
    write_pictures(tmp_path / "here", "a.png")
    (tmp_path / "here" / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "here" / "again").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "here" / "loop").symlink_to(tmp_path / "here")
    assert [path.name for path in image_files_below(tmp_path / "here")] == ["a.png", "b.png"]


def test_a_name_that_is_no_text_is_shown_with_escapes() -> None:
    assert shown_name("ü.png") == "ü.png"
    assert shown_name(os.fsdecode(b"\xff.png")) == "\\xff.png"


def test_real_test_pictures_are_read_as_the_published_codes_read_them(shared_data: Path) -> None:
    files = image_files_below(shared_data / "testsets")
    assert len(files) == 41
    for path in files:
        with Image.open(path) as stored:
            assert np.array_equal(read_image(path), np.asarray(stored.convert("RGB"))), path.name


def test_a_rejection_is_one_line_with_the_number_that_was_judged() -> None:
    assert explain(Rejection("decode", "truncated")) == "truncated"
    assert explain(Rejection("decode", "bad_icc", detail="no profile")) == "bad_icc: no profile"
    assert explain(Rejection("decode", "alpha", 0.25, "the least opaque pixel, of 1")) == (
        "alpha: the least opaque pixel, of 1 (0.25)"
    )
