from __future__ import annotations

import datetime
import json
import random
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from million_ird.errors import UsageError
from million_ird.manifest import ColumnSettings, read_local, tabular
from million_ird.records import Rejection, image_key

Read = Callable[..., Any]


def test_types_of_any_kind_become_provenance(tmp_path: Path, read_whole: Read) -> None:
    table = pa.table(
        {
            "url": pa.array(["http://a.example/1.jpg"]).dictionary_encode(),
            "width": pa.array([1024.0]),
            "when": [datetime.datetime(2024, 5, 6, 7, 8)],
            "tags": [["a", "b"]],
            "place": [{"lat": 1.5, "lon": None}],
            "blob": [b"123"],
            "score": pa.array([float("nan")]),
            "none": pa.nulls(1),
        }
    )
    pq.write_table(table, tmp_path / "x.parquet")
    (row,) = read_whole(tmp_path / "x.parquet").rows
    assert row["manifest_width"] == 1024
    assert json.loads(row["provenance"]) == {
        "when": "2024-05-06 07:08:00",
        "tags": ["a", "b"],
        "place": {"lat": 1.5, "lon": None},
    }


def test_text_that_is_no_utf8_does_not_stop_the_table(tmp_path: Path, read_whole: Read) -> None:
    bad = pa.Array.from_buffers(pa.string(), 2, pa.array([b"caf\xe9", b"fine"]).buffers())
    pq.write_table(pa.table({"url": ["http://a.example/1", "http://a.example/2"], "t": bad}), tmp_path / "x.parquet")
    found = read_whole(tmp_path / "x.parquet")
    assert [json.loads(p)["t"] for p in found.column("provenance")] == ["caf\ufffd", "fine"]


def test_image_bytes_beside_a_url_are_not_even_read(tmp_path: Path, read_whole: Read) -> None:
    rows = [{"url": b"http://a.example/1", "jpg": b"x", "image": {"bytes": b"y", "path": "z"}, "title": "t"}]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "x.parquet")
    (row,) = read_whole(tmp_path / "x.parquet").rows
    assert (row["url"], row["source_root"], row["provenance"]) == ("http://a.example/1", "", '{"title":"t"}')


def test_the_missing_column_and_the_broken_file_are_named(tmp_path: Path, read_whole: Read) -> None:
    pq.write_table(pa.table({"a": [1], "b": [2]}), tmp_path / "x.parquet")
    with pytest.raises(UsageError, match=r"x\.parquet: there is no a URL column .*its columns are: a, b"):
        read_whole(tmp_path / "x.parquet")
    with pytest.raises(UsageError, match=r"column 'a' of .* holds no image bytes"):
        read_whole(tmp_path / "x.parquet", columns=ColumnSettings(image="a"))
    (tmp_path / "y.parquet").write_bytes(b"PAR1 and then nothing")
    with pytest.raises(UsageError, match=r"cannot read .*y\.parquet"):
        read_whole(tmp_path / "y.parquet")


@pytest.mark.parametrize("as_struct", [False, True])
def test_image_bytes_in_a_column(tmp_path: Path, read_whole: Read, as_struct: bool) -> None:
    images: list[Any] = [b"image %d" % i for i in range(200)]
    column = [{"bytes": image, "path": None} for image in images] if as_struct else images
    table = pa.table({"image": column, "license": ["cc0"] * 200})
    pq.write_table(table, tmp_path / "x.parquet", row_group_size=70)
    found = read_whole(tmp_path / "x.parquet")
    assert read_whole(tmp_path / "x.parquet", columns=ColumnSettings(image="image")).rows == found.rows
    assert found.rows[7]["url"] == "image/7" and found.rows[7]["source_root"] == f"parquet::{tmp_path}/x.parquet"
    assert found.rows[7]["key"] == image_key("x.parquet/image/7") and found.rows[7]["license"] == "cc0"
    assert found.rows[7]["provenance"] == "{}"
    shuffled = list(found.rows)
    random.Random(1).shuffle(shuffled)
    for row in [*found.rows, *shuffled]:
        assert read_local(row) == images[int(row["url"].split("/")[1])]
    gone = read_local({**found.rows[0], "url": "image/200"})
    assert isinstance(gone, Rejection) and gone.reason == "missing_file"


def test_rows_may_be_read_from_several_threads(tmp_path: Path, read_whole: Read) -> None:
    pq.write_table(pa.table({"image": [b"%d" % i for i in range(300)]}), tmp_path / "x.parquet")
    rows = read_whole(tmp_path / "x.parquet").rows
    wrong: list[str] = []

    def read(part: int) -> None:
        wrong.extend(r["url"] for r in rows[part::4] if read_local(r) != r["url"].split("/")[1].encode())

    threads = [threading.Thread(target=read, args=(part,)) for part in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_path_in_a_table_is_never_followed(tmp_path: Path, read_whole: Read) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    table = pa.Table.from_pylist([{"image": {"bytes": b"x", "path": ""}}, {"image": {"path": f"{tmp_path}/secret"}}])
    pq.write_table(table, tmp_path / "x.parquet")
    answer = read_local(read_whole(tmp_path / "x.parquet").rows[1])
    assert isinstance(answer, Rejection) and answer.reason == "unreadable_file" and "no bytes" in answer.detail


def test_an_empty_cell_is_rejected_when_it_is_read(tmp_path: Path, read_whole: Read) -> None:
    pq.write_table(pa.table({"image": pa.array([None, b"x"], pa.binary())}), tmp_path / "x.parquet")
    first, second = read_whole(tmp_path / "x.parquet").rows
    answer = read_local(first)
    assert isinstance(answer, Rejection) and answer.reason == "unreadable_file" and "no bytes" in answer.detail
    assert read_local(second) == b"x"


def test_positions_run_through_files_and_batches(
    tmp_path: Path, read_whole: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tabular, "BLOCK_ROWS", 4)
    for name in ("a", "b"):
        pq.write_table(pa.table({"image": [name.encode() * (i + 1) for i in range(10)]}), tmp_path / f"{name}.parquet")
    found = read_whole(tmp_path / "*.parquet")
    assert found.positions == list(range(20))
    assert read_local(found.rows[13]) == b"bbbb" and len(set(found.column("key"))) == 20


def test_real_tables(shared_data: Path, read_whole: Read) -> None:
    sample = read_whole(shared_data / "manifests" / "sample_image.parquet")
    assert len(set(sample.column("url"))) == 1 and len(sample.rows) == 2


@pytest.mark.parametrize("twice", ["url", "caption"])
def test_two_columns_of_one_name_are_named(tmp_path: Path, read_whole: Read, twice: str) -> None:
    names = ["url", "caption", twice]
    table = pa.table([pa.array(["http://a.example/1.jpg"])] * 3, names=names)
    pq.write_table(table, tmp_path / "x.parquet")
    with pytest.raises(UsageError, match=f"two of its columns are called '{twice}'; rename one"):
        read_whole(tmp_path / "x.parquet")
