"""From drawn masks to the crops that local deblurring is trained on: one package writes shards, another reads them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from annotation.exporting import ExportSettings, export_masks
from annotation.formats.shards import key_of
from million_ird.pixels import DecodeSettings, decode, read_header
from million_ird.records import Rejection
from pretrain.finetune.folders import open_task
from pretrain.finetune.pictures import DecodedPictures
from pretrain.finetune.recipe import load_finetune_recipe
from pretrain.finetune.run import open_tasks
from pretrain.finetune.samples import SampleMaker
from pretrain.finetune.source import FinetuneSource
from pretrain.finetune.tasks import TaskSettings
from tests.annotation.drawn_projects import HEIGHT, WIDTH, draw, project_of, some_mask
from tests.policy.documents import ROOT, blocks

NAMES = ("s01/00", "s01/01", "ü b.v2")


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    """An export of three pairs, one of them with a JPEG, and of a frame without a partner."""
    pictures = [f"{name}_{role}.png" for name in NAMES for role in ("blur", "sharp")]
    pictures[2] = "s01/01_blur.jpg"
    with project_of(tmp_path, [*pictures, "alone.png"]) as project:
        for seed, name in enumerate([*NAMES, "alone"]):
            draw(project, name, some_mask(seed))
        export_masks(project, tmp_path / "shards", ExportSettings("shards"))
    return tmp_path / "shards"


def test_crops_are_those_of_the_pictures_and_masks_of_the_project(shards: Path, tmp_path: Path) -> None:
    said: list[str] = []
    settings = TaskSettings(triples=(str(shards),), speck=2)
    task = open_task("deblur", settings, HEIGHT, 0, 0, DecodedPictures(0), said.append)
    assert any("1 without_sharp" in line for line in said)
    maker = SampleMaker({"deblur": task}, {"deblur": 1.0}, 0, HEIGHT)
    keys = {key_of(name): seed for seed, name in enumerate(NAMES)}
    sharp = {}
    for position in range(3 * len(NAMES)):
        sample = maker.sample(position)
        key = task.training[maker.sampler.place(position).sample].key.removesuffix(".blur")
        sharp[key] = sample.target
        whole = some_mask(keys[key])
        areas = {int(whole[:, x : x + HEIGHT].sum()) for x in range(WIDTH - HEIGHT + 1)}
        assert sample.mask is not None
        assert int(sample.mask.sum()) in areas
    assert sharp.keys() == keys.keys()
    whole_picture = read(tmp_path / "pictures/s01/00_sharp.png")
    assert set(map(bytes, sharp["s01/00"].reshape(-1, 3))) <= set(map(bytes, whole_picture.reshape(-1, 3)))


def test_the_recipe_of_the_document_trains_on_them(shards: Path) -> None:
    (text,) = blocks(ROOT / "docs" / "mask_formats.md", "toml")
    folder = shards.rename(shards.with_name("my-masks-shards")).parent
    (folder / "deblur.toml").write_text(text)
    small = [f"crop={HEIGHT}", "tasks.gopro.weight=0", "validation.images=1"]  # the pictures of tests are small
    recipe = load_finetune_recipe(str(folder / "deblur.toml"), small)
    tasks = open_tasks(recipe, lambda _line: None)
    assert {name: (len(task.training), len(task.held_out)) for name, task in tasks.items()} == {"deblur": (2, 1)}
    source = FinetuneSource(tasks, recipe.weights(), recipe.seed, recipe.crop, recipe.reading, lambda _line: None)
    batches = source.loader(recipe.batch)
    try:
        batch = next(batches)
    finally:
        batches.close()
    assert tuple(batch.inputs.shape) == tuple(batch.targets.shape) == (12, 3, HEIGHT, HEIGHT)
    assert batch.masks is not None
    assert tuple(batch.masks.shape) == (12, 1, HEIGHT, HEIGHT)
    assert set(batch.masks.unique().tolist()) == {0, 1}


def read(path: Path) -> np.ndarray:
    data = path.read_bytes()
    header = read_header(data, DecodeSettings())
    assert not isinstance(header, Rejection)
    pixels = decode(data, header, DecodeSettings())
    assert not isinstance(pixels, Rejection)
    return pixels


def as_webdataset_groups(tars: Iterable[Path]) -> Iterator[dict[str, Any]]:
    """The samples of tars as webdataset itself cuts them into keys and members. Its own opening of files would leave
    them open."""
    from webdataset.tariterators import group_by_keys, tar_file_iterator

    for tar in sorted(tars):
        with tar.open("rb") as file:
            members = [{**member, "__url__": tar.name} for member in tar_file_iterator(file)]
        yield from group_by_keys(iter(members))


def test_plain_webdataset_reads_the_shards(shards: Path) -> None:
    from webdataset.autodecode import imagehandler

    samples = list(as_webdataset_groups(shards.glob("pairs-*/*.tar")))
    assert {json.loads(sample["json"])["name"] for sample in samples} == set(NAMES)
    for sample in samples:
        assert {key for key in sample if not key.startswith("__")} in (
            {"blur.png", "sharp.png", "mask.png", "json"},
            {"blur.jpg", "sharp.png", "mask.png", "json"},
        )
        mask = imagehandler("l8")("mask.png", sample["mask.png"])
        assert np.array_equal(mask == 255, some_mask(NAMES.index(json.loads(sample["json"])["name"])))
        assert imagehandler("rgb8")("sharp.png", sample["sharp.png"]).shape == (HEIGHT, WIDTH, 3)


def test_the_json_of_a_sample_holds_flat_values_of_one_type(shards: Path) -> None:
    facts = [json.loads(sample["json"]) for sample in as_webdataset_groups(shards.glob("*/*.tar"))]
    kinds = {(name, type(value)) for row in facts for name, value in row.items()}
    assert len(facts) == 4
    assert len({name for name, _ in kinds}) == len(kinds)
    assert {kind for _, kind in kinds} == {str, int}
