"""The table counts what is there, and the sample is chosen by its key alone and shown upright."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from million_ird.cli import main
from million_ird.dataset import Dataset
from million_ird.fingerprint import UPRIGHT, transformed
from million_ird.overview import find_sample, overview, render, render_sample, sample_pixels
from million_ird.pixels import decode_patch
from tests.flow.web_world import WebWorld, key_of, rows, web_world
from tests.flow.world import picture


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebWorld]:
    with web_world(tmp_path_factory.mktemp("world")) as world:
        turned = io.BytesIO()
        exif = Image.Exif()
        exif[274] = 6
        Image.fromarray(picture(30, 192, 128)).save(turned, "JPEG", quality=95, exif=exif)
        world.pictures["turned.jpg"] = turned.getvalue()
        world.write_list([*world.pictures, "gone.jpg"])
        yield world


@pytest.fixture(scope="module")
def dataset(world: WebWorld) -> Dataset:
    return world.build(world.root / "out")


def test_the_table_counts_what_is_there(dataset: Dataset) -> None:
    seen = overview(dataset)
    every = rows(dataset)
    patches = [row for batch in dataset.patch_rows() for row in batch.to_pylist()]
    kept = [row for row in patches if row["kept"]]
    assert (seen.images, seen.kept) == (len(every), sum(bool(row["kept"]) for row in every.values()))
    assert (seen.candidates, seen.patches, seen.nbytes) == (len(patches), len(kept), sum(row["size"] for row in kept))
    assert seen.encodings == {name: sum(row["encoding"] == name for row in kept) for name in ("jpg", "webp")}
    assert seen.patch_sizes == {"64 × 64": len(kept)}
    assert sum(seen.licenses.values()) == sum(seen.sizes.values()) == sum(seen.sources.values()) == seen.kept
    assert seen.licenses["special"] == 2
    assert sum(seen.reasons.values()) == len(every) - seen.kept + len(patches) - len(kept)
    assert seen.reasons["fetch: http_not_found"] == 1
    text = render(seen)
    for line in (f"{seen.patches:,} kept", "special", "fetch: http_not_found", "64 × 64"):
        assert line in text


def test_the_sample_is_always_the_same(dataset: Dataset) -> None:
    key = overview(dataset).sample_key
    assert overview(dataset).sample_key == key
    row, data = dataset.patch(key)
    sample = find_sample(dataset, key)
    assert sample.patch == row
    assert row["orientation"] != 1 or (sample_pixels(dataset, sample) == decode_patch(data)).all()
    text = render_sample(sample)
    assert all(f"\n  {name} " in text for name in row)
    assert str(row["checksum"]) in text


def test_an_image_is_shown_by_its_first_patch(world: WebWorld, dataset: Dataset) -> None:
    sample = find_sample(dataset, key_of(dataset, world.url("b.jpg")))
    assert sample.row["url"] == world.url("b.jpg")
    assert sample.patch["image_key"] == sample.row["key"]
    assert sample.patch["kept"]


def test_a_patch_is_turned_upright(world: WebWorld, dataset: Dataset) -> None:
    key = key_of(dataset, world.url("turned.jpg"))
    sample = find_sample(dataset, f"{key}-y00064-x00064-s0064")
    with Image.open(io.BytesIO(world.pictures["turned.jpg"])) as stored:
        upright = np.asarray(ImageOps.exif_transpose(stored))
    # Turned by a quarter clockwise: stored rows 64 to 128 of 128 become columns 0 to 64, columns become rows.
    expected = upright[64:128, 0:64].astype(int)
    assert np.abs(sample_pixels(dataset, sample).astype(int) - expected).mean() < 4  # chroma at the borders differs


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_undone_as_pillow_undoes_it(orientation: int) -> None:
    rgb = np.arange(5 * 7 * 3, dtype=np.uint8).reshape(5, 7, 3)
    image = Image.fromarray(rgb)
    image.getexif()[274] = orientation
    expected = np.asarray(ImageOps.exif_transpose(image))
    assert (transformed(rgb, UPRIGHT[orientation - 1]) == expected).all()


def test_the_command_prints_and_writes(dataset: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "sample.png"
    assert main(["inspect", dataset.url, "--sample", str(out)]) == 0
    key = overview(dataset).sample_key
    printed = capsys.readouterr().out
    assert f"sample: patch {key}" in printed
    with Image.open(out) as image:
        assert image.format == "PNG"
        assert (np.asarray(image) == sample_pixels(dataset, find_sample(dataset, key))).all()


def test_a_dataset_without_patches_has_a_table_too(
    dataset: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(dataset.url, tmp_path / "half")
    shutil.rmtree(tmp_path / "half" / "patches")
    assert main(["inspect", str(tmp_path / "half")]) == 0
    printed = capsys.readouterr().out
    assert "0 candidate patches" in printed
    assert "no patch to show yet" in printed
    assert main(["inspect", str(tmp_path / "half"), "--sample", str(tmp_path / "x.png")]) == 2
    assert "holds no patch" in capsys.readouterr().err


def test_what_cannot_be_shown_is_said_in_one_line(
    world: WebWorld, dataset: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = key_of(dataset, world.url("page.jpg"))
    cases = [
        ([dataset.url, "--key", "f" * 24], 2, "no image or patch of the key"),
        ([dataset.url, "--key", "nonsense-y"], 2, "no image or patch of the key"),
        ([dataset.url, "--key", page, "--sample", str(tmp_path / "x.png")], 1, "(decode: not_an_image)"),
        ([dataset.url, "--sample", str(tmp_path / "none" / "x.png")], 2, "No such file"),
        ([str(tmp_path)], 1, "no dataset at"),
    ]
    for arguments, code, said in cases:
        assert main(["inspect", *arguments]) == code
        assert said in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
    assert main(["inspect", dataset.url, "--key", page]) == 0
    assert "not_an_image" in capsys.readouterr().out
