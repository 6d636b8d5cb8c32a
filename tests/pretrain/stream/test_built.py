"""The index of a built dataset says what its tables say."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from million_ird import Dataset, open_dataset
from million_ird.errors import DatasetError
from million_ird.tables import read_parquet
from pretrain.stream import built as built_module
from tests.pretrain.stream.world import Lines, stream_of


def test_every_kept_patch_is_in_the_index(built: Dataset, tmp_path: Path) -> None:
    stream = stream_of(built.url, tmp_path / "cache")
    rows = {row["key"]: (row, data) for row, data in built}
    patches = [stream.index.patch(number) for number in range(len(stream.index))]
    assert len(patches) == len(rows) > 20
    assert {patch.key for patch in patches} == set(rows)
    assert {patch.encoding for patch in patches} == {"jpg", "webp"}
    for patch in patches:
        row, data = rows[patch.key]
        assert stream.read(patch) == data
        described = (patch.image_key, patch.encoding, patch.width, patch.height, patch.orientation, patch.size)
        assert described == tuple(
            row[name] for name in ("image_key", "encoding", "width", "height", "orientation", "size")
        )
    licences = [row["license"] for row, _ in rows.values()]
    assert stream.licences == {licence: licences.count(licence) for licence in set(licences)}


def test_samples_of_a_built_dataset(built: Dataset, tmp_path: Path) -> None:
    stream = stream_of(built.url, tmp_path / "cache", crop=64)
    steps = -(-len(stream) // 4)
    with stream.loader(4) as batches:
        keys = [key for _ in range(steps) for key in next(batches).keys]
    assert set(keys[: len(stream)]) == {row["key"] for row, _ in built}


def test_the_index_is_kept_until_the_dataset_changes(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    original = built_module.read_built
    monkeypatch.setattr(built_module, "read_built", lambda url: calls.append(url) or original(url))
    first = stream_of(dataset.url, tmp_path / "cache")
    second = stream_of(dataset.url, tmp_path / "cache")
    assert len(calls) == 1
    assert first.fingerprint == second.fingerprint
    os.utime(Path(dataset.url) / dataset.shards()[0].tar)
    assert stream_of(dataset.url, tmp_path / "cache").fingerprint == first.fingerprint
    assert len(calls) == 2  # looked at again, and found to be the same


def test_the_fingerprint_is_of_the_content_not_of_the_place(built: Dataset, tmp_path: Path) -> None:
    shutil.copytree(built.url, tmp_path / "copy")
    here, there = stream_of(built.url, tmp_path / "cache"), stream_of(tmp_path / "copy", tmp_path / "cache")
    assert here.fingerprint == there.fingerprint
    marker = Path(there.index.parts[0].description.root) / open_dataset(str(tmp_path / "copy")).shards()[0].marker
    marker.unlink()  # which takes a shard away
    less = stream_of(tmp_path / "copy", tmp_path / "cache")
    assert len(less) < len(here)
    assert less.fingerprint != here.fingerprint


def test_two_datasets_follow_each_other(built: Dataset, tmp_path: Path) -> None:
    shutil.copytree(built.url, tmp_path / "copy")
    from pretrain.stream.stream import open_stream
    from tests.pretrain.stream.world import make, settings

    one = stream_of(built.url, tmp_path / "cache")
    two = open_stream([built.url, str(tmp_path / "copy")], settings(tmp_path / "cache"), 0, make, say=Lines())
    assert len(two) == 2 * len(one)
    assert two.index.patch(len(one) + 3).key == one.index.patch(3).key
    assert two.index.patch(len(one) + 3).shard == one.index.patch(3).shard + len(one.index.shards)
    assert two.fingerprint != one.fingerprint


def test_on_an_object_store(built: Dataset, s3_url: str, tmp_path: Path) -> None:
    import s3fs

    s3fs.S3FileSystem().put(f"{built.url}/", s3_url, recursive=True)
    there, here = stream_of(s3_url, tmp_path / "cache"), stream_of(built.url, tmp_path / "cache")
    assert there.fingerprint == here.fingerprint
    with there.loader(8, workers=2) as remote, here.loader(8) as local:
        for _ in range(3):
            a, b = next(remote), next(local)
            assert a.keys == b.keys
            assert bool((a.inputs == b.inputs).all())
    copies = list((tmp_path / "cache" / "shards").glob("*.tar"))
    assert len(copies) == sum(1 for shard in built.shards() if shard.tar)
    assert stream_of(s3_url, tmp_path / "cache").fingerprint == here.fingerprint


def test_another_format_version_is_refused(dataset: Dataset, tmp_path: Path) -> None:
    file = Path(dataset.url) / "dataset.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "format_version": "7.0"}))
    with pytest.raises(DatasetError, match=r"has format version 7.0; this program reads 1.x"):
        stream_of(dataset.url, tmp_path / "cache")


def test_a_dataset_without_a_kept_patch_says_so(dataset: Dataset, tmp_path: Path) -> None:
    for shard in dataset.shards():
        (Path(dataset.url) / shard.marker).unlink()
    with pytest.raises(DatasetError, match=r"has no kept patch: `million-ird status"):
        stream_of(dataset.url, tmp_path / "cache")


def _rewrite(table: pa.Table, file: Path, column: str, values: list[object]) -> None:
    at = table.column_names.index(column)
    pq.write_table(table.set_column(at, column, pa.array(values, table.schema.field(column).type)), file)


@pytest.mark.parametrize(
    ("column", "value", "text"),
    [
        ("image_key", "0" * 24, "a patch key does not begin with the key of its image"),
        ("tar", "patches/jpg/99999.tar", "its rows name another tar or encoding than its marker"),
        ("offset", 1234567, "its rows point to places where a tar has no members"),
    ],
)
def test_rows_that_cannot_be_are_named(dataset: Dataset, tmp_path: Path, column: str, value: object, text: str) -> None:
    file = Path(dataset.url) / dataset.shards()[0].rows
    table = read_parquet(file)
    _rewrite(table, file, column, [value] * table.num_rows)
    with pytest.raises(DatasetError, match=f"{file.name}: {text}"):
        stream_of(dataset.url, tmp_path / "cache")


def test_a_damaged_or_missing_table_is_named(dataset: Dataset, tmp_path: Path) -> None:
    file = Path(dataset.url) / dataset.shards()[0].rows
    file.write_bytes(file.read_bytes()[:200])
    with pytest.raises(DatasetError, match=rf"{file} cannot be read"):
        stream_of(dataset.url, tmp_path / "cache")
    file.unlink()
    with pytest.raises(DatasetError, match=rf"{file} is missing: `million-ird verify"):
        stream_of(dataset.url, tmp_path / "cache")
