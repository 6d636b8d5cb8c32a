"""Whatever is wrong with a dataset is found, and named: each kind of damage is done to a sound one and looked for."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from million_ird.cli import main
from million_ird.dataset import Dataset, open_dataset
from million_ird.markers import PublishedFile, read_marker
from million_ird.pixels import encode_webp_lossless
from million_ird.shards import ShardWriter, checksum
from million_ird.verify import check_unit, check_whole, unit_markers
from tests.flow.web_world import problems, web_world
from tests.flow.world import picture


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dataset]:
    with web_world(tmp_path_factory.mktemp("world")) as world:
        yield world.build(world.root / "sound")


@pytest.fixture
def dataset(sound: Dataset, tmp_path: Path) -> Dataset:
    """A copy of a sound dataset, to be damaged."""
    shutil.copytree(sound.url, tmp_path / "set")
    return open_dataset(str(tmp_path / "set"))


def _path(dataset: Dataset, name: str) -> Path:
    return Path(dataset.store.path(name))


def _flip(dataset: Dataset, name: str, offset: int) -> None:
    """Turns one bit over."""
    path = _path(dataset, name)
    data = bytearray(path.read_bytes())
    data[offset] ^= 1
    path.write_bytes(data)


def _patch_row(dataset: Dataset, encoding: str = "jpg") -> dict[str, Any]:
    return next(row for row, _ in dataset if row["encoding"] == encoding)


def _image_row(dataset: Dataset) -> dict[str, Any]:
    return next(row for batch in dataset.image_rows() for row in batch.to_pylist() if row["tar"])


def _publish_again(dataset: Dataset, marker_name: str, name: str, data: bytes) -> None:
    """Replaces a file and what its marker says of it: only a look inside can find what is wrong."""
    marker = read_marker(dataset.store, marker_name)
    assert marker is not None
    _path(dataset, name).write_bytes(data)
    content = json.loads(marker.to_json())
    file = asdict(PublishedFile(name, len(data), checksum(data)))
    content["files"] = [file if each["name"] == name else each for each in content["files"]]
    dataset.store.write(marker_name, json.dumps(content).encode())


def _rewrite_rows(dataset: Dataset, name: str, change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> None:
    """Changes the rows of a unit's table and publishes it again."""
    table = pq.read_table(io.BytesIO(dataset.store.read(name)))
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(change(table.to_pylist()), schema=table.schema), sink)
    stem = name.removesuffix(".parquet")
    marker = f"{stem}.json" if name.startswith("patches/") else f"{stem.rpartition('-')[0]}.json"
    _publish_again(dataset, marker, name, sink.getvalue())


def test_a_sound_dataset_has_no_problems(dataset: Dataset) -> None:
    assert problems(dataset.url) == []
    checked = [check_unit(dataset.store, name) for name in unit_markers(dataset)]
    rows = [row for batch in dataset.image_rows() for row in batch.to_pylist()]
    assert sum(each.members for each in checked) == sum(bool(row["tar"]) for row in rows) + len(list(dataset))
    assert sum(each.files for each in checked) > len(checked)


@pytest.mark.parametrize("place", [0, -1])
def test_a_flipped_bit_of_a_patch_names_its_member(dataset: Dataset, place: int) -> None:
    row = _patch_row(dataset)
    _flip(dataset, row["tar"], row["offset"] + place % row["size"])
    assert problems(dataset.url) == [
        f"{row['tar']}: member {row['member']} is damaged: its checksum differs from its row's"
    ]


def test_a_flipped_bit_of_an_image_names_its_member(dataset: Dataset) -> None:
    row = _image_row(dataset)
    _flip(dataset, row["tar"], row["offset"] + row["size"] // 2)
    assert problems(dataset.url) == [
        f"{row['tar']}: member {row['member']} is damaged: its checksum differs from its row's"
    ]


def test_a_damaged_header_is_found(dataset: Dataset) -> None:
    row = _patch_row(dataset)
    _flip(dataset, row["tar"], row["offset"] - 512 + 150)  # the header's own checksum field
    (problem,) = problems(dataset.url)
    assert problem.startswith(f"{row['tar']}: ")


def test_a_flipped_bit_of_a_sidecar_is_found_and_named(dataset: Dataset) -> None:
    row = _patch_row(dataset)
    data = dataset.store.read(row["tar"])
    _flip(dataset, row["tar"], data.index(b'"license"'))
    (problem,) = problems(dataset.url)
    assert problem.startswith(f"{row['tar']}: ")
    assert "sidecar" in problem


def test_damaged_padding_is_found(dataset: Dataset) -> None:
    tar = _patch_row(dataset)["tar"]
    _flip(dataset, tar, -1)
    (problem,) = problems(dataset.url)
    assert problem.startswith(f"{tar}: ") and "padding" in problem


def test_a_truncated_tar_is_found(dataset: Dataset) -> None:
    row = _patch_row(dataset)
    path = _path(dataset, row["tar"])
    size = path.stat().st_size
    path.write_bytes(path.read_bytes()[: size // 2])
    found = problems(dataset.url)
    assert f"{row['tar']}: has {size // 2:,} bytes, its marker says {size:,}" in found
    assert any("is damaged: its checksum differs" in problem for problem in found)


@pytest.mark.parametrize("kind", ["tar", "rows"])
def test_a_missing_file_is_found(dataset: Dataset, kind: str) -> None:
    name = getattr(dataset.shards()[0], kind)
    _path(dataset, name).unlink()
    found = [str(problem) for problem in check_unit(dataset.store, dataset.shards()[0].marker).problems]
    assert f"{name}: missing" in found


def test_a_missing_plan_is_found(dataset: Dataset) -> None:
    shutil.rmtree(_path(dataset, "plan"))
    assert "dataset.json: its plan is missing" in problems(dataset.url)


def test_of_an_unfinished_build_what_is_there_is_checked_and_the_rest_is_not_called_well(
    dataset: Dataset, capsys: pytest.CaptureFixture[str]
) -> None:
    head = _path(dataset, "dataset.json")
    head.write_text(json.dumps(json.loads(head.read_text()) | {"state": "building"}))
    assert main(["verify", dataset.url]) == 0
    assert "all well as far as it goes: the build is not finished" in capsys.readouterr().out


def test_a_missing_table_does_not_end_the_search(dataset: Dataset, capsys: pytest.CaptureFixture[str]) -> None:
    """The command goes on to everything else and says all it found."""
    row = _patch_row(dataset)
    _flip(dataset, row["tar"], row["offset"])
    name = dataset.shards()[-1].rows
    _path(dataset, name).unlink()
    assert main(["verify", dataset.url]) == 1
    printed = capsys.readouterr()
    assert f"{name}: missing" in printed.out and row["member"] in printed.out
    assert "Traceback" not in printed.out + printed.err


def test_a_changed_table_is_found(dataset: Dataset) -> None:
    name = dataset.shards()[0].rows
    _flip(dataset, name, 100)
    found = [str(problem) for problem in check_unit(dataset.store, dataset.shards()[0].marker).problems]
    assert found == [f"{name}: checksum differs from its marker's"]


def test_a_tar_that_no_marker_names_is_found(dataset: Dataset) -> None:
    _path(dataset, "patches/jpg/99999.tar").write_bytes(b"")
    assert [problem.split(": ")[0] for problem in problems(dataset.url)] == ["patches/jpg/99999.tar"]


def test_a_lost_unit_is_found(dataset: Dataset) -> None:
    marker = next(name for name in dataset.store.list("images") if name.endswith(".json"))
    _path(dataset, marker).unlink()
    assert any("units are finished" in problem for problem in problems(dataset.url))


def test_a_lost_shard_is_found_even_if_no_list_names_it(dataset: Dataset) -> None:
    shard = dataset.shards()[-1]
    for name in (shard.tar, shard.rows, shard.marker):
        _path(dataset, name).unlink()
    assert any(shard.tar in problem for problem in problems(dataset.url))
    head = dataset.info | {"shards": [each for each in dataset.info["shards"] if each["tar"] != shard.tar]}
    dataset.store.write("dataset.json", json.dumps(head).encode())
    assert any("planned shards are finished" in problem for problem in problems(dataset.url))


def test_a_damaged_marker_is_found(dataset: Dataset) -> None:
    marker = dataset.shards()[0].marker
    _path(dataset, marker).write_bytes(b"{")
    found = check_unit(dataset.store, marker).problems
    assert "is no marker of this format" in str(found[0])
    assert "missing" in str(check_unit(dataset.store, "images/none.json").problems[0])


def test_a_damaged_marker_does_not_end_the_search(dataset: Dataset, capsys: pytest.CaptureFixture[str]) -> None:
    row = _patch_row(dataset)
    _flip(dataset, row["tar"], row["offset"])
    marker = dataset.shards()[-1].marker
    _path(dataset, marker).write_bytes(b"{")
    assert main(["verify", dataset.url]) == 1
    printed = capsys.readouterr()
    assert marker in printed.out and row["member"] in printed.out
    assert "Traceback" not in printed.out + printed.err


def test_a_changed_list_of_duplicates_is_found(dataset: Dataset) -> None:
    _flip(dataset, "duplicates.parquet", 100)
    assert problems(dataset.url) == ["duplicates.parquet: differs from the newest generation's table"]


def test_a_changed_plan_is_found(dataset: Dataset) -> None:
    _flip(dataset, "plan/g000/patches.parquet", 100)
    assert problems(dataset.url) == ["plan/g000/patches.parquet: checksum differs from its marker's"]


def test_a_changed_list_of_shards_is_found(dataset: Dataset) -> None:
    head = dataset.info | {"shards": dataset.info["shards"][1:]}
    dataset.store.write("dataset.json", json.dumps(head).encode())
    (problem,) = problems(dataset.url)
    assert problem.startswith("dataset.json: its list of shards differs")


# Damage with checksums that fit: only a look at what the files say finds it.


def test_a_key_that_stands_twice_is_found(dataset: Dataset) -> None:
    shard = dataset.shards()[0]
    row = _patch_row(dataset)
    _rewrite_rows(dataset, shard.rows, lambda rows: [*rows, next(each for each in rows if each["key"] == row["key"])])
    assert f"patches: key {row['key']} stands twice" in problems(dataset.url)


def test_an_image_that_stands_twice_is_found(dataset: Dataset) -> None:
    name = next(name for name in dataset.store.list("images") if name.endswith(".parquet"))
    _rewrite_rows(dataset, name, lambda rows: [*rows, rows[0]])
    assert any(problem.startswith("images: key ") for problem in problems(dataset.url))


@pytest.mark.parametrize("count", ["kept", "candidates"])
def test_a_wrong_count_is_found(dataset: Dataset, count: str) -> None:
    shard = dataset.shards()[0]
    content = json.loads(dataset.store.read(shard.marker))
    content["counts"][count] += 1
    dataset.store.write(shard.marker, json.dumps(content).encode())
    (problem,) = check_unit(dataset.store, shard.marker).problems
    assert problem.file == shard.rows and "its marker says" in problem.what


def test_a_member_that_no_row_names_is_found(dataset: Dataset) -> None:
    row = _patch_row(dataset)
    _rewrite_rows(
        dataset, row["tar"].replace(".tar", ".parquet"), lambda rows: [r for r in rows if r["key"] != row["key"]]
    )
    assert any(f"holds {row['member']} which no row names" in problem for problem in problems(dataset.url))


def test_a_row_that_points_beside_its_member_is_found(dataset: Dataset) -> None:
    row = _patch_row(dataset)

    def shift(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [r | {"offset": r["offset"] + 512} if r["key"] == row["key"] else r for r in rows]

    _rewrite_rows(dataset, row["tar"].replace(".tar", ".parquet"), shift)
    assert any(f"member {row['member']} is damaged" in problem for problem in problems(dataset.url))


def test_a_key_that_does_not_follow_from_its_place_is_found(dataset: Dataset) -> None:
    row = _patch_row(dataset)

    def move(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [r | {"x": r["x"] + 16} if r["key"] == row["key"] else r for r in rows]

    _rewrite_rows(dataset, row["tar"].replace(".tar", ".parquet"), move)
    assert any(f"key {row['key']} does not follow" in problem for problem in problems(dataset.url))


@pytest.mark.parametrize(
    ("data", "said"),
    [(b"no picture", "does not decode"), (encode_webp_lossless(picture(1, 32, 32)), "is 32 × 32 pixels")],
)
def test_a_patch_that_is_none_is_found(dataset: Dataset, tmp_path: Path, data: bytes, said: str) -> None:
    """A tar whose first patch was replaced, with offsets, sizes and checksums that fit."""
    shard = next(each for each in dataset.shards() if each.encoding == "webp")
    rows = pq.read_table(io.BytesIO(dataset.store.read(shard.rows))).to_pylist()
    first = next(row for row in rows if row["kept"])
    with ShardWriter(tmp_path / "tar") as writer:
        for row in (row for row in rows if row["kept"]):
            content = data if row is first else dataset.patch_bytes(row)
            row |= asdict(writer.add(row["member"], content))
    _rewrite_rows(dataset, shard.rows, lambda _: rows)
    _publish_again(dataset, shard.marker, shard.tar, (tmp_path / "tar").read_bytes())
    (problem,) = check_unit(dataset.store, shard.marker).problems
    assert first["member"] in problem.what and said in problem.what


def test_tars_of_images_may_be_gone_only_where_the_recipe_says_so(dataset: Dataset) -> None:
    row = _image_row(dataset)
    marker = f"{row['tar'].rpartition('-')[0]}.json"
    _path(dataset, row["tar"]).unlink()
    assert [str(problem) for problem in check_unit(dataset.store, marker).problems] == [f"{row['tar']}: missing"]
    assert check_unit(dataset.store, marker, images_kept=False).problems == ()


def test_an_unfinished_dataset_is_not_blamed_for_what_is_to_come(dataset: Dataset) -> None:
    marker = next(name for name in dataset.store.list("images") if name.endswith(".json"))
    _path(dataset, marker).unlink()
    dataset.store.write("dataset.json", json.dumps(dataset.info | {"state": "building"}).encode())
    assert list(check_whole(open_dataset(dataset.url))) == []
