from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from million_ird.errors import UsageError
from million_ird.manifest import read_local
from million_ird.manifest.files import expand, fixed_part, relative_to, resolve, suffix

Read = Callable[..., Any]


def test_paths_belong_to_their_base_and_urls_to_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert resolve("a/b.csv", "/base") == "/base/a/b.csv"
    assert resolve("/a.csv", "/base") == "/a.csv"
    assert resolve("s3://b/a.csv", "/base") == "s3://b/a.csv"
    assert resolve("a.csv", "") == str(tmp_path / "a.csv")


def test_packing_does_not_hide_the_suffix() -> None:
    assert [suffix(name) for name in ("a.CSV", "s3://b/a.csv.gz", "x.tar", "none", ".hidden")] == [
        *(".csv", ".csv", ".tar", "", ""),
    ]


def test_the_fixed_part_ends_before_the_first_glob_character() -> None:
    assert fixed_part("/a/b/**/*.tar") == fixed_part("/a/b/{0..9}.tar") == fixed_part("/a/b/c.tar") == "/a/b"
    assert relative_to("/a/b", "/a/b/c/d.tar") == "c/d.tar"


def test_ranges_and_globs_are_expanded_in_order(tmp_path: Path) -> None:
    for name in ("s-008.csv", "s-009.csv", "s-010.csv", "[odd].csv"):
        (tmp_path / name).touch()
    names = [Path(name).name for name in expand(str(tmp_path / "s-{008..010}.csv"))]
    assert names == ["s-008.csv", "s-009.csv", "s-010.csv"]
    assert [Path(name).name for name in expand(str(tmp_path / "s-*.csv"))] == names
    assert expand(str(tmp_path / "[odd].csv")) == [str(tmp_path / "[odd].csv")]
    with pytest.raises(UsageError, match=r"there is no .*s-011\.csv"):
        expand(str(tmp_path / "s-{010..011}.csv"))
    with pytest.raises(UsageError, match="cannot open nosuch://x"):
        expand("nosuch://x")


def test_manifests_of_every_kind_on_an_object_store(s3_url: str, read_whole: Read) -> None:
    import s3fs

    store, root = s3fs.S3FileSystem(), s3_url.removeprefix("s3://")
    url = "http://a.example/1.jpg"
    table, tar = io.BytesIO(), io.BytesIO()
    pq.write_table(pa.table({"image": [b"pixels"]}), table)
    with tarfile.open(fileobj=tar, mode="w") as archive:
        member = tarfile.TarInfo("1.jpg")
        member.size = 6
        archive.addfile(member, io.BytesIO(b"member"))
    files = {
        "list.csv": f"url\n{url}\n".encode(),
        "list.txt.gz": gzip.compress(url.encode()),
        "t/0.parquet": table.getvalue(),
        "w/0.tar": tar.getvalue(),
        "f/sub/1.jpg": b"file",
    }
    for name, data in files.items():
        store.pipe_file(f"{root}/{name}", data)
    for name in ("list.csv", "list.txt.gz", "*.csv"):
        assert read_whole(f"{s3_url}/{name}", **({"format": "csv"} if "*" in name else {})).column("url") == [url]
    local = {"t/*.parquet": b"pixels", "w/0.tar": b"member", "f": b"file"}
    for name, data in local.items():
        settings = {"format": "parquet"} if "parquet" in name else {}
        (row,) = read_whole(f"{s3_url}/{name}", **settings).rows
        assert read_local(row) == data
