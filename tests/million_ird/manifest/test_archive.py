from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from million_ird.errors import UsageError
from million_ird.manifest import read_local
from million_ird.records import Rejection, image_key

Read = Callable[..., Any]


def write_tar(path: Path, members: Iterable[tuple[str, bytes]]) -> Path:
    with tarfile.open(path, "w") as tar:
        for name, data in members:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return path


def test_members_are_sources_and_sidecars_their_columns(tmp_path: Path, read_whole: Read) -> None:
    facts: dict[str, Any] = {"url": "http://a.example/1.jpg", "width": 640, "license": "cc0", "author": "Ann"}
    facts["sha256"] = hashlib.sha256(b"one").hexdigest()
    tar = write_tar(
        tmp_path / "00000.tar",
        [
            ("0001.jpg", b"one"),
            ("0001.json", json.dumps(facts).encode()),
            ("0001.txt", b"a caption"),
            ("sub/0001.png", b"two"),
            ("sub/0001.cls", b"7"),
            ("0003.json", b"{}"),
            ("0004.seg.png", b"mask"),
            ("0004.jpg", b"four"),
            ("0005.json", b"{broken"),
            ("0005.webp", b"five"),
        ],
    )
    found = read_whole(tar)
    assert found.column("url") == ["0001.jpg", "sub/0001.png", "0004.seg.png", "0004.jpg", "0005.webp"]
    first = found.rows[0]
    assert first["source_root"] == f"tar::{tar}" and first["key"] == image_key("00000.tar/0001.jpg")
    assert (first["license"], first["author"], first["manifest_width"]) == ("cc0", "Ann", 640)
    assert first["manifest_sha256"] == facts["sha256"]
    assert json.loads(first["provenance"]) == {"txt": "a caption", "url": "http://a.example/1.jpg"}
    assert json.loads(found.rows[4]["provenance"]) == {"json": "{broken"}
    assert list(found.reasons.values()) == ["no_image_member"]
    assert [read_local(row) for row in found.rows] == [b"one", b"two", b"mask", b"four", b"five"]


def test_keys_do_not_depend_on_where_the_tars_lie(tmp_path: Path, read_whole: Read) -> None:
    keys: list[list[str]] = []
    for place in ("here", "there/deeper"):
        (tmp_path / place / "a").mkdir(parents=True)
        write_tar(tmp_path / place / "a" / "0.tar", [("1.jpg", b"x")])
        write_tar(tmp_path / place / "1.tar", [("1.jpg", b"y")])
        ways = (tmp_path / place, tmp_path / place / "**" / "*.tar")
        keys.extend(read_whole(path, format="webdataset").column("key") for path in ways)
    assert all(sorted(k) == sorted(keys[0]) for k in keys) and len(set(keys[0])) == 2


def test_a_repeated_member_is_rejected_and_the_first_one_read(tmp_path: Path, read_whole: Read) -> None:
    tar = write_tar(tmp_path / "0.tar", [("1.jpg", b"first"), ("2.jpg", b"x"), ("1.jpg", b"second")])
    found = read_whole(tar)
    assert found.reasons == {2: "duplicate_member"}
    assert read_local(found.rows[0]) == b"first"


def test_a_truncated_tar_is_one_clear_error(tmp_path: Path, read_whole: Read) -> None:
    tar = write_tar(tmp_path / "0.tar", [(f"{i}.jpg", os.urandom(5000)) for i in range(9)])
    tar.write_bytes(tar.read_bytes()[:20_000])
    with pytest.raises(UsageError, match=r"cannot read .*0\.tar"):
        read_whole(tar)
    tar.write_bytes(b"no tar at all" * 100)
    with pytest.raises(UsageError, match=r"cannot read .*0\.tar"):
        read_whole(tar)


def test_reading_says_what_is_wrong_instead_of_raising(tmp_path: Path, read_whole: Read) -> None:
    tar = write_tar(tmp_path / "0.tar", [("1.jpg", b"0123456789")])
    row = read_whole(tar).rows[0]
    too_large = read_local(row, max_nbytes=9)
    assert isinstance(too_large, Rejection) and (too_large.reason, too_large.measured) == ("too_large", 10.0)
    assert read_local(row, max_nbytes=10) == b"0123456789"
    other = read_local({**row, "manifest_sha256": "0" * 64})
    assert isinstance(other, Rejection) and other.reason == "sha256_mismatch"
    gone = read_local({**row, "url": "2.jpg"})
    assert isinstance(gone, Rejection) and (gone.step, gone.reason) == ("fetch", "missing_file")
    nowhere = read_local({**row, "source_root": f"tar::{tmp_path}/9.tar"})
    assert isinstance(nowhere, Rejection) and nowhere.reason == "missing_file"


@pytest.mark.parametrize("name", ["../secret", "a/../../secret", "/etc/hostname"])
def test_a_row_cannot_leave_its_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "in").mkdir()
    answer = read_local({"source_root": str(tmp_path / "in"), "url": name, "manifest_sha256": ""})
    assert isinstance(answer, Rejection) and answer.reason == "outside_folder"


def test_files_that_vanish_or_grow_are_rejected(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"0123456789")
    row = {"source_root": str(tmp_path), "url": "a.jpg", "manifest_sha256": ""}
    large = read_local(row, max_nbytes=5)
    assert isinstance(large, Rejection) and (large.reason, large.measured) == ("too_large", 10.0)
    (tmp_path / "a.jpg").unlink()
    gone = read_local(row)
    assert isinstance(gone, Rejection) and gone.reason == "missing_file"
    (tmp_path / "a.jpg").mkdir()
    folder = read_local(row)
    assert isinstance(folder, Rejection) and folder.reason == "unreadable_file"
