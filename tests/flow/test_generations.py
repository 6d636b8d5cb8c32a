"""A manifest that grows: the same command adds a generation, and what was published stays as it is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import pytest

from million_ird.cli import main
from million_ird.dataset import Dataset, open_dataset
from million_ird.report.funnel import Stage, balance
from tests.flow.web_world import WebWorld, key_of, problems, rows, web_world
from tests.flow.world import digest, jpeg, picture

LATER = {
    "b larger.jpg": jpeg(cv2.resize(picture(2, 320, 256), (480, 384), interpolation=cv2.INTER_CUBIC), 97),
    "g.jpg": jpeg(picture(20, 256, 256)),
    "h.jpg": jpeg(picture(21, 256, 256)),
    "c again.jpg": jpeg(picture(3, 256, 256)),
}
"""Pictures of the second generation: a larger copy of b, an exact copy of c, and two new ones."""
REWRITTEN = ("dataset.json", "README.md", "duplicates.parquet")
"""Files that speak of the dataset as a whole."""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[WebWorld]:
    (tmp_path / "world").mkdir()
    with web_world(tmp_path / "world") as world:
        yield world


def _grow(world: WebWorld) -> None:
    world.write_list([*world.pictures, "gone.jpg", *LATER])
    world.pictures |= LATER


def _check_funnel(dataset: Dataset) -> dict[str, int]:
    """The report's own funnel, checked again from the file: stage → count."""
    stats = json.loads(dataset.store.read("report/stats.json"))
    stages = [
        Stage(each["name"], "", each["unit"], each["count"], tuple((d["reason"], d["count"]) for d in each["drops"]))
        for each in stats["funnel"]
    ]
    balance(tuple(stages))
    counts = {stage.name: stage.count for stage in stages}
    assert counts["patches"] == sum(shard.patches for shard in dataset.shards())
    assert counts["planned"] == len(rows(dataset))
    return counts


def _duplicates(dataset: Dataset) -> dict[str, dict[str, Any]]:
    return {row["key"]: row for row in dataset.duplicates().to_pylist()}


def _patch_keys(dataset: Dataset) -> set[str]:
    return {row["key"] for row, _ in dataset}


def test_new_rows_become_a_generation_and_old_files_stay(world: WebWorld, tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = world.build(out, "shards.target_mb=1")
    before, patches = digest(str(out)), _patch_keys(first)
    shards = [shard.marker for shard in first.shards()]
    counts = _check_funnel(first)
    assert digest(world.build(out).url) == before, "no new rows, no new generation"

    _grow(world)
    asked = len(world.server.record.paths)
    second = world.build(out)
    assert second.generations() == [0, 1]
    assert len(world.server.record.paths) - asked == len(LATER), "nothing is fetched twice"
    after = digest(str(out))
    assert {name: sha for name, sha in after.items() if name in before and name not in REWRITTEN} == {
        name: sha for name, sha in before.items() if name not in REWRITTEN
    }
    assert problems(out) == []
    assert second.info["state"] == "complete" and second.info["generations"] == 2
    grown = _check_funnel(second)
    assert grown["planned"] == counts["planned"] + len(LATER)
    assert patches < _patch_keys(second)

    # The larger copy of b and the exact copy of c go, although b is smaller: b is published.
    duplicates = _duplicates(second)
    for copy, original in (("b larger.jpg", "b.jpg"), ("c again.jpg", "c.jpg")):
        row = duplicates[key_of(second, world.url(copy))]
        assert row["keeper"] == key_of(second, world.url(original))
    for name in ("jpg", "webp"):
        numbers = [int(shard.marker.split("/")[2][:5]) for shard in second.shards() if shard.encoding == name]
        assert numbers == list(range(len(numbers)))
    assert len(second.shards()) > len(shards) > 1


@pytest.mark.parametrize("keep", ["all", "kept", "none"])
def test_every_way_to_keep_images_grows(world: WebWorld, tmp_path: Path, keep: str) -> None:
    out = tmp_path / "out"
    setting = f"images.keep_images={keep}"
    first = world.build(out, setting)
    gone = {name: row["keeper"] for name, row in _duplicates(first).items()}
    assert len(gone) == 2
    tars = list((out / "images").glob("*.tar"))
    assert bool(tars) == (keep != "none")
    stored = {row["url"] for row in rows(first).values() if row["tar"]}
    assert (world.url("grey.jpg") in stored) == (keep == "all"), "grey.jpg is rejected by a screen"
    _check_funnel(first)
    assert main(["verify", str(out)]) == 0

    _grow(world)
    second = world.build(out, setting)
    assert bool(list((out / "images").glob("*.tar"))) == (keep != "none")
    assert main(["verify", str(out)]) == 0
    duplicates = {name: row["keeper"] for name, row in _duplicates(second).items()}
    assert gone.items() <= duplicates.items(), "what was found to be a copy stays one"
    assert duplicates[key_of(second, world.url("c again.jpg"))] == key_of(second, world.url("c.jpg"))
    if keep != "none":  # a copy that only its pixels prove needs the pixels of both
        assert duplicates[key_of(second, world.url("b larger.jpg"))] == key_of(second, world.url("b.jpg"))
    counts = _check_funnel(second)
    assert counts["unique"] == counts["screened"] - len(duplicates)
    cut = {row["image_key"] for batch in second.patch_rows() for row in batch.to_pylist()}
    assert counts["unique"] == len(cut)


def test_the_tombstones_of_another_dataset_are_honoured(world: WebWorld, tmp_path: Path) -> None:
    one = world.build(tmp_path / "one")
    assert main(["takedown", one.url, "--url", world.url("b.jpg")]) == 0
    assert main(["takedown", one.url, "--url", world.url("e.png")]) == 0
    world.pictures |= LATER | {"b elsewhere.jpg": world.pictures["b.jpg"]}
    world.write_list(["b.jpg", "b elsewhere.jpg", "b larger.jpg", "e.png", "g.jpg"])
    asked = len(world.server.record.paths)
    other = world.build(tmp_path / "other", f"takedown.tombstones={json.dumps([one.store.path('tombstones.parquet')])}")
    by_url = {row["url"]: row["reason"] for row in rows(other).values()}
    assert by_url[world.url("g.jpg")] == ""
    assert sum(row["reason"] == "taken_down" for row in rows(other).values()) == 4
    asked_for = world.server.record.paths[asked:]
    assert not {"/b.jpg", "/e.png"} & set(asked_for), "a URL that was taken down is not even asked for"
    assert {row["url"] for row, _ in other} == {world.url("g.jpg")}
    assert problems(other.url) == []
    _check_funnel(other)


def test_tombstones_that_cannot_be_read_stop_the_build(world: WebWorld, tmp_path: Path) -> None:
    for url in (tmp_path / "none.parquet", world.root / "list.csv"):
        setting = f"takedown.tombstones={json.dumps([str(url)])}"
        arguments = ["build", str(world.root / "recipe.toml"), "--out", str(tmp_path / "out"), "--set", setting]
        assert main(arguments) == 2
    assert not open_dataset(str(tmp_path / "out")).shards()
