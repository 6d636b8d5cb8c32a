"""The cut unit: one shard from its images, the same bytes each time, published once, honest about what is missing."""

from __future__ import annotations

import json
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from million_ird.dataset import Dataset
from million_ird.errors import DatasetError
from million_ird.layout import shard_stem
from million_ird.patches import PatchSettings
from pipelines.cut import CutJob, cut_unit
from pipelines.recipe import recipe_from_dict
from pipelines.shard_plan import ShardUnit, read_shard_plan, read_shard_unit
from tests.flow.web_world import problems
from tests.flow.world import digest

PLAN = "plan/g000/patches.parquet"


def _job(dataset: Dataset) -> tuple[CutJob, list[ShardUnit]]:
    coders, units = read_shard_plan(dataset.store, PLAN)
    recipe = recipe_from_dict(dataset.recipe)
    return CutJob(dataset.store, PLAN, coders, recipe.decode, recipe.patches), units


def _forget(dataset: Dataset, unit: ShardUnit) -> str:
    """Removes a shard; returns its stem."""
    stem = shard_stem(unit.encoding, unit.number)
    for kind in ("tar", "parquet", "json"):
        dataset.store.remove(f"{stem}.{kind}")
    return stem


def test_a_shard_is_cut_again_byte_for_byte(dataset: Dataset) -> None:
    before = digest(dataset.url)
    job, units = _job(dataset)
    assert {unit.encoding for unit in units} == {"jpg", "webp"}
    for unit in units:
        counts = dict(cut_unit(job, unit))
        _forget(dataset, unit)
        assert dict(cut_unit(job, unit)) == counts
    assert digest(dataset.url) == before


def test_a_finished_shard_is_left_alone(dataset: Dataset) -> None:
    job, units = _job(dataset)
    for name in dataset.store.list("images"):
        dataset.store.remove(name)  # nothing to cut from: it must not try
    before = digest(dataset.url)
    assert cut_unit(job, units[0])["kept"] > 0
    assert digest(dataset.url) == before


def test_counts_rows_and_members_agree(dataset: Dataset) -> None:
    job, units = _job(dataset)
    for unit in units:
        stem = _forget(dataset, unit)
        counts = cut_unit(job, unit)
        with tarfile.open(dataset.store.path(f"{stem}.tar")) as tar:
            names = tar.getnames()
            sidecars = [json.loads(tar.extractfile(name).read()) for name in names if name.endswith(".json")]  # type: ignore[union-attr]
        assert len(names) == 2 * counts["kept"] and len(sidecars) == counts["kept"]
        assert [name.rpartition(".")[0] for name in names[::2]] == [each["key"] for each in sidecars]
        assert all(type(value) in (str, int, float) for each in sidecars for value in each.values())
        assert len({tuple((name, type(value)) for name, value in each.items()) for each in sidecars}) == 1
        rejected = sum(count for name, count in counts.items() if name.startswith("rejected_"))
        assert counts["candidates"] == counts["kept"] + rejected
        assert counts["images"] == len(read_shard_unit(dataset.store, PLAN, unit))


def test_a_shard_of_nothing_but_sky_has_rows_and_no_tar(dataset: Dataset) -> None:
    job, units = _job(dataset)
    stem = _forget(dataset, units[0])
    none = replace(job, patches=replace(job.patches, max_flat_fraction=0.0, flat_variance=1e9))
    counts = cut_unit(none, units[0])
    assert counts["kept"] == 0 and counts["rejected_flat"] == counts["candidates"] > 0
    assert not dataset.store.exists(f"{stem}.tar")
    assert dataset.store.exists(f"{stem}.parquet") and dataset.store.exists(f"{stem}.json")


def test_an_image_that_was_taken_down_meanwhile_is_not_cut(dataset: Dataset) -> None:
    job, units = _job(dataset)
    stem = _forget(dataset, units[0])
    gone = read_shard_unit(dataset.store, PLAN, units[0])[0]["key"]
    cut_unit(replace(job, taken_down=frozenset({gone})), units[0])
    rows = [row for batch in dataset.patch_rows() for row in batch.to_pylist()]
    assert gone not in {row["image_key"] for row in rows}
    assert gone.encode() not in dataset.store.read(f"{stem}.tar")


def test_damaged_or_missing_images_are_named(dataset: Dataset) -> None:
    job, units = _job(dataset)
    _forget(dataset, units[0])
    image = read_shard_unit(dataset.store, PLAN, units[0])[0]
    tar = Path(dataset.store.path(image["tar"]))
    sound = tar.read_bytes()
    tar.write_bytes(sound[: image["offset"]] + bytes([sound[image["offset"]] ^ 1]) + sound[image["offset"] + 1 :])
    with pytest.raises(DatasetError, match=f"member {image['member']} is damaged"):
        cut_unit(job, units[0])
    tar.unlink()
    with pytest.raises(DatasetError, match="is missing"):
        cut_unit(job, units[0])
    tar.write_bytes(sound)
    cut_unit(job, units[0])
    assert problems(dataset.url) == [], "nothing of the failed attempts is left"


def test_a_machine_with_other_coders_refuses(dataset: Dataset) -> None:
    job, units = _job(dataset)
    _forget(dataset, units[0])
    with pytest.raises(DatasetError, match="were planned for a cutter of elsewhere; install the same"):
        cut_unit(replace(job, coders="a cutter of elsewhere"), units[0])


def test_the_size_in_the_key_is_the_size_of_the_patch(dataset: Dataset) -> None:
    size = recipe_from_dict(dataset.recipe).patches.size
    assert isinstance(PatchSettings(size=size), PatchSettings)
    assert all(row["key"].endswith(f"-s{size:04d}") and row["width"] == size for row, _ in dataset)
