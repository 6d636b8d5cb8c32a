"""Pictures come upright, once, and only as long as their files are what they were."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from annotation.pictures import PictureError, Pictures
from annotation.project import Project, create_project
from annotation.sources import FolderSource
from tests.annotation.picture_folders import encoded, noise


def _project(folder: Path, files: dict[str, bytes]) -> Project:
    (folder / "photos").mkdir()
    for name, data in files.items():
        (folder / "photos" / name).write_bytes(data)
    return create_project(folder / "p", FolderSource.at(str(folder / "photos")))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_the_orientation_is_applied_exactly_once(tmp_path: Path, orientation: int, kind: str) -> None:
    data = encoded(noise(orientation, 24, 16), kind, orientation)
    with Image.open(io.BytesIO(data)) as stored:
        upright = np.asarray(ImageOps.exif_transpose(stored).convert("RGB"))
    with _project(tmp_path, {f"a.{kind.lower()}": data}) as project:
        item = project.store.item(1)
        pixels = project.pictures.pixels(item)
        shown = project.pictures.display(item)
    assert (item.width, item.height) == ((16, 24) if orientation >= 5 else (24, 16))
    assert pixels.shape == (item.height, item.width, 3)
    assert np.abs(pixels.astype(int) - upright).max() <= (2 if kind == "JPEG" else 0)  # two JPEG decoders
    with Image.open(io.BytesIO(shown.data)) as displayed:
        assert displayed.getexif().get(0x0112, 1) == 1
        assert displayed.size == (item.width, item.height)
        assert np.abs(np.asarray(displayed.convert("RGB")).astype(int) - pixels).max() <= (2 if kind == "JPEG" else 0)


def test_a_file_that_a_browser_shows_is_sent_as_it_is(tmp_path: Path) -> None:
    files = {"a.png": encoded(noise(1)), "b.jpg": encoded(noise(2), "JPEG"), "c.webp": encoded(noise(3), "WEBP")}
    with _project(tmp_path, files) as project:
        shown = [project.pictures.display(item) for item in project.store.every_item()]
    assert [display.data for display in shown] == list(files.values())
    assert [display.media_type for display in shown] == ["image/png", "image/jpeg", "image/webp"]


def test_other_formats_are_sent_as_png(tmp_path: Path) -> None:
    with _project(tmp_path, {"a.bmp": encoded(noise(1), "BMP"), "b.tif": encoded(noise(2), "TIFF")}) as project:
        for seed, item in enumerate(project.store.every_item(), 1):
            shown = project.pictures.display(item)
            assert shown.media_type == "image/png"
            with Image.open(io.BytesIO(shown.data)) as picture:
                assert np.array_equal(np.asarray(picture), noise(seed))


def test_both_pictures_of_a_pair_are_read(tmp_path: Path) -> None:
    with _project(tmp_path, {"a_blur.png": encoded(noise(1)), "a_sharp.png": encoded(noise(2))}) as project:
        item = project.store.item(1)
        assert np.array_equal(project.pictures.pixels(item, "blurred"), noise(1))
        assert np.array_equal(project.pictures.pixels(item, "sharp"), noise(2))


def test_a_single_frame_has_no_sharp_one(tmp_path: Path) -> None:
    with (
        _project(tmp_path, {"a.png": encoded(noise(1))}) as project,
        pytest.raises(PictureError, match="a has no sharp frame"),
    ):
        project.pictures.read(project.store.item(1), "sharp")


def test_a_changed_or_missing_file_is_noticed(tmp_path: Path) -> None:
    with _project(tmp_path, {"a_blur.png": encoded(noise(1)), "a_sharp.png": encoded(noise(2))}) as project:
        item = project.store.item(1)
        (tmp_path / "photos" / "a_blur.png").write_bytes(encoded(noise(3)))
        with pytest.raises(PictureError, match=r"a: a_blur\.png in .*photos has changed since it became part"):
            project.pictures.pixels(item)
        (tmp_path / "photos" / "a_sharp.png").unlink()
        with pytest.raises(PictureError, match=r"no a_sharp\.png in .* any more; if the pictures were moved, write"):
            project.pictures.display(item, "sharp")
        assert len(list(project.verify())) == 2


def test_a_file_that_does_not_decode_says_so(tmp_path: Path) -> None:
    data = encoded(noise(1, 300, 200), "JPEG")[:-9000]
    with _project(tmp_path, {"a.jpg": data}) as project:
        item = project.store.item(1)
        with pytest.raises(PictureError, match="a: the blurred picture does not decode: truncated"):
            project.pictures.pixels(item)


def test_a_source_that_the_project_forgot_is_named(tmp_path: Path) -> None:
    with _project(tmp_path, {"a.png": encoded(noise(1))}) as project:
        item = project.store.item(1)
    with pytest.raises(PictureError, match=r"project\.json no longer names source 1"):
        Pictures({}).read(item)


def test_a_path_that_leaves_the_folder_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "secret.png").write_bytes(encoded(noise(5)))
    with _project(tmp_path, {"a.png": encoded(noise(1))}) as project:
        for where in ("../secret.png", str(tmp_path / "secret.png")):
            with pytest.raises(PictureError, match="outside_folder"):
                project.pictures.read(replace(project.store.item(1), blurred=where))


def test_16_bits_and_palettes_can_be_drawn_on(tmp_path: Path) -> None:
    out = io.BytesIO()
    Image.fromarray((np.arange(64, dtype=np.uint16) * 1000).reshape(8, 8)).save(out, "PNG")
    files = {"a.png": out.getvalue(), "b.png": encoded(np.asarray(noise(1)[:, :, 0] // 128 * 255))}
    palette = io.BytesIO()
    Image.fromarray(noise(2)).quantize(16).save(palette, "PNG")
    files["c.png"] = palette.getvalue()
    with _project(tmp_path, files) as project:
        assert [project.pictures.pixels(item).dtype for item in project.store.every_item()] == [np.uint8] * 3


def test_folders_of_real_photographs_can_all_be_drawn_on(shared_data: Path, tmp_path: Path) -> None:
    source = FolderSource.at(str(shared_data / "photos" / "exif_orientation_examples"))
    with create_project(tmp_path / "p", source) as project:
        shapes = {(item.width, item.height) for item in project.store.every_item()}
        assert project.store.count() == 18
        assert shapes == {(1800, 1200), (1200, 1800)}
        first = project.store.item(1)
        assert project.pictures.pixels(first).shape == (first.height, first.width, 3)
