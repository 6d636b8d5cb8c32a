"""Equal content gives equal tars; every member can be read by its offset and is checked."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from million_ird.errors import DatasetError
from million_ird.shards import Member, ShardWriter, checksum, copy_members, file_checksum, locate, read_member, scan
from million_ird.store import Store

_MEMBERS = [("a.jpg", b"x" * 511), ("a.json", b"{}"), ("b.jpg", b""), ("c.jpg", b"y" * 512)]


def _write(path: Path) -> list[Member]:
    with ShardWriter(path) as shard:
        return [shard.add(name, data) for name, data in _MEMBERS]


def test_the_standard_library_reads_the_tar(tmp_path: Path) -> None:
    _write(tmp_path / "x.tar")
    with tarfile.open(tmp_path / "x.tar") as tar:
        assert [(info.name, tar.extractfile(info).read()) for info in tar] == _MEMBERS  # type: ignore[union-attr]
        assert {(info.mtime, info.uid, info.uname, info.mode) for info in tar} == {(0, 0, "", 0o644)}
    assert (tmp_path / "x.tar").stat().st_size % tarfile.RECORDSIZE == 0


def test_equal_members_give_equal_bytes(tmp_path: Path) -> None:
    _write(tmp_path / "x.tar")
    _write(tmp_path / "y.tar")
    assert (tmp_path / "x.tar").read_bytes() == (tmp_path / "y.tar").read_bytes()
    assert file_checksum(tmp_path / "x.tar") == checksum((tmp_path / "y.tar").read_bytes())


def test_each_member_is_one_range(tmp_path: Path) -> None:
    members = _write(tmp_path / "x.tar")
    store = Store(str(tmp_path))
    assert [read_member(store, "x.tar", member) for member in members] == [data for _, data in _MEMBERS]
    listed = list(scan(io.BytesIO((tmp_path / "x.tar").read_bytes())))
    assert listed == [(member.member, member.offset, member.size) for member in members]


def test_a_flipped_byte_is_named(tmp_path: Path) -> None:
    members = _write(tmp_path / "x.tar")
    data = bytearray((tmp_path / "x.tar").read_bytes())
    data[members[3].offset + 5] ^= 1
    (tmp_path / "x.tar").write_bytes(data)
    store = Store(str(tmp_path))
    read_member(store, "x.tar", members[0])
    with pytest.raises(DatasetError, match=r"x\.tar: member c\.jpg is damaged"):
        read_member(store, "x.tar", members[3])
    with pytest.raises(DatasetError, match=r"gone\.tar is missing"):
        read_member(store, "gone.tar", members[0])


def test_a_copy_is_the_tar_that_the_wanted_members_alone_would_give(tmp_path: Path) -> None:
    _write(tmp_path / "x.tar")
    wanted = ("a.json", "b.jpg", "c.jpg")
    with (tmp_path / "x.tar").open("rb") as source, ShardWriter(tmp_path / "copy.tar") as copy:
        members = copy_members(source, copy, wanted.__contains__)
    with ShardWriter(tmp_path / "alone.tar") as alone:
        assert list(members.values()) == [alone.add(name, data) for name, data in _MEMBERS if name in wanted]
    assert file_checksum(tmp_path / "copy.tar") == file_checksum(tmp_path / "alone.tar")


def test_a_tar_column_may_name_another_place(tmp_path: Path) -> None:
    members = _write(tmp_path / "x.tar")
    elsewhere = Store(str(tmp_path / "recut"))
    assert read_member(elsewhere, str(tmp_path / "x.tar"), members[1]) == b"{}"
    assert locate(elsewhere, "images/x.tar") == (elsewhere, "images/x.tar")


def test_an_empty_shard_is_an_empty_file(tmp_path: Path) -> None:
    with ShardWriter(tmp_path / "x.tar") as shard:
        assert shard.size == 0
    assert (tmp_path / "x.tar").stat().st_size == 0


@pytest.mark.parametrize("name", ["x" * 101, "ü.jpg"])
def test_a_name_that_ustar_cannot_hold_is_refused(tmp_path: Path, name: str) -> None:
    with ShardWriter(tmp_path / "x.tar") as shard, pytest.raises(ValueError, match="does not fit"):
        shard.add(name, b"")
