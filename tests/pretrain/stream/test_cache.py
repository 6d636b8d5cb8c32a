"""Copies of remote shards: bounded, shared, and nobody waits for the dead."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest

from million_ird.errors import StoreError, UsageError
from pretrain.stream import cache as cache_module
from pretrain.stream.cache import ShardCache, cache_folder
from tests.pretrain.stream.world import jpeg, stream_of, write_tars


@pytest.fixture
def remote() -> Iterator[str]:
    """A folder of the memory file system with ten files of 1,000 bytes."""
    fs, folder = fsspec.filesystem("memory"), f"/{uuid.uuid4().hex}"
    for number in range(10):
        fs.pipe_file(f"{folder}/{number}.tar", bytes([number]) * 1000)
    yield f"memory:/{folder}"
    fs.rm(folder, recursive=True)


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that were downloaded, as it goes on."""
    names: list[str] = []
    original = fsspec.filesystem("memory").__class__.get_file

    def get_file(self: Any, path: str, local: str, **options: Any) -> None:
        names.append(path.rpartition("/")[2])
        original(self, path, local, **options)

    monkeypatch.setattr(fsspec.filesystem("memory").__class__, "get_file", get_file)
    return names


def _content(cache: ShardCache, name: str, root: str, stamp: str = "s") -> bytes:
    descriptor = cache.open_shard(name, stamp, root)
    assert descriptor is not None
    with os.fdopen(descriptor, "rb") as file:
        return file.read()


def test_a_remote_shard_is_fetched_once(remote: str, fetched: list[str], tmp_path: Path) -> None:
    cache = ShardCache(tmp_path, 10_000)
    assert _content(cache, "3.tar", remote) == bytes([3]) * 1000
    assert _content(ShardCache(tmp_path, 10_000), "3.tar", remote) == bytes([3]) * 1000
    assert _content(cache, f"{remote}/3.tar", ".") == bytes([3]) * 1000  # by its full URL
    assert fetched == ["3.tar"]


def test_a_changed_shard_is_fetched_again(remote: str, fetched: list[str], tmp_path: Path) -> None:
    cache = ShardCache(tmp_path, 10_000)
    _content(cache, "3.tar", remote)
    fsspec.filesystem("memory").pipe_file(f"{remote}/3.tar", b"new")
    assert _content(cache, "3.tar", remote) == bytes([3]) * 1000
    assert _content(cache, "3.tar", remote, "another stamp") == b"new"


def test_a_local_shard_is_opened_where_it_is(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "0.tar").write_bytes(b"here")
    cache = ShardCache(tmp_path / "cache", 1)  # no room for any copy
    assert _content(cache, "0.tar", str(tmp_path / "set")) == b"here"
    assert _content(cache, str(tmp_path / "set" / "0.tar"), ".") == b"here"
    assert cache.held_bytes() == 0
    assert not cache.discard("0.tar", "s", str(tmp_path / "set"))


def test_the_least_recently_used_goes_first(remote: str, fetched: list[str], tmp_path: Path) -> None:
    cache = ShardCache(tmp_path, 3500, busy_s=0)
    for name in ("0.tar", "1.tar", "2.tar", "0.tar", "3.tar"):  # the last one needs a place: that of 1.tar
        _content(cache, name, remote)
        time.sleep(0.01)  # so that times differ
        assert cache.held_bytes() <= 3500
    fetched.clear()
    for name in ("0.tar", "2.tar", "3.tar"):
        _content(cache, name, remote)
    assert fetched == []
    _content(cache, "1.tar", remote)
    assert fetched == ["1.tar"]


def test_an_open_shard_stays_readable_when_its_copy_goes(remote: str, tmp_path: Path) -> None:
    cache = ShardCache(tmp_path, 1000, busy_s=0)
    descriptor = cache.open_shard("0.tar", "s", remote)
    assert descriptor is not None
    _content(cache, "1.tar", remote)
    assert cache.held_bytes() == 1000
    assert os.pread(descriptor, 10, 990) == bytes(10)
    os.close(descriptor)


def test_a_copy_in_use_does_not_give_way(remote: str, fetched: list[str], tmp_path: Path) -> None:
    cache = ShardCache(tmp_path, 2500)
    _content(cache, "0.tar", remote)
    _content(cache, "1.tar", remote)
    assert cache.open_shard("2.tar", "s", remote) is None
    assert cache.read_range("2.tar", remote, 990, 20) == bytes([2]) * 10
    assert fetched == ["0.tar", "1.tar"]
    for copy in (tmp_path / "shards").glob("*.tar"):
        os.utime(copy, (1, 1))  # long ago
    assert _content(cache, "2.tar", remote) == bytes([2]) * 1000
    assert cache.held_bytes() == 2000


def test_a_shard_larger_than_the_cache_finds_no_room_and_evicts_nothing(remote: str, tmp_path: Path) -> None:
    fsspec.filesystem("memory").pipe_file(f"{remote}/large.tar", bytes(5000))
    cache = ShardCache(tmp_path, 2500, busy_s=0)
    _content(cache, "0.tar", remote)
    assert cache.open_shard("large.tar", "s", remote) is None
    assert cache.held_bytes() == 1000


def test_a_missing_shard_is_said_to_be_missing(remote: str, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        ShardCache(tmp_path, 10_000).open_shard("11.tar", "s", remote)


def test_many_at_once_fetch_each_shard_once_and_stay_within_bounds(
    remote: str, fetched: list[str], tmp_path: Path
) -> None:
    cache = ShardCache(tmp_path, 20_000)
    wrong: list[object] = []
    held: list[int] = []

    def read(first: int) -> None:
        for number in range(10):
            name = (first + number) % 10
            if _content(cache, f"{name}.tar", remote) != bytes([name]) * 1000:
                wrong.append(name)

    threads = [threading.Thread(target=read, args=(first,)) for first in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert sorted(fetched) == [f"{number}.tar" for number in range(10)]

    tight = ShardCache(tmp_path / "tight", 2500, busy_s=0)

    def read_tight(first: int) -> None:
        for number in range(10):
            name = (first + number) % 10
            descriptor = tight.open_shard(f"{name}.tar", "s", remote)
            if descriptor is not None:  # else others are fetching into all the room there is
                if os.pread(descriptor, 2000, 0) != bytes([name]) * 1000:
                    wrong.append(name)
                os.close(descriptor)

    threads = [threading.Thread(target=read_tight, args=(first,)) for first in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        with tight._evicting():
            held.append(tight.held_bytes())
    assert wrong == []
    assert max(held) <= 2500


def test_a_fetch_that_fails_is_tried_again(
    remote: str, fetched: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_module, "RETRY_S", (0.0, 0.0))
    fs_class = fsspec.filesystem("memory").__class__
    original, failures = fs_class.get_file, [ConnectionResetError("gone"), ValueError("a library's own")]

    def unreliable(self: Any, path: str, local: str, **options: Any) -> None:
        if failures:
            Path(local).write_bytes(b"half")
            raise failures.pop()
        original(self, path, local, **options)

    monkeypatch.setattr(fs_class, "get_file", unreliable)
    cache = ShardCache(tmp_path, 10_000)
    assert _content(cache, "4.tar", remote) == bytes([4]) * 1000
    failures += [ConnectionResetError("gone")] * 3
    with pytest.raises(StoreError, match=r"cannot fetch .*/5.tar: gone; tried 3 times"):
        _content(cache, "5.tar", remote)
    assert _content(cache, "5.tar", remote) == bytes([5]) * 1000


def test_what_arrives_short_is_not_kept(remote: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_module, "RETRY_S", ())
    monkeypatch.setattr(
        fsspec.filesystem("memory").__class__,
        "get_file",
        lambda self, path, local, **options: Path(local).write_bytes(b"half"),
    )
    with pytest.raises(StoreError, match="got 4 of 1,000 bytes"):
        ShardCache(tmp_path, 10_000).open_shard("0.tar", "s", remote)


def test_a_process_killed_while_it_fetches_blocks_nobody_and_its_part_goes(remote: str, tmp_path: Path) -> None:
    program = """
import sys, time
from pathlib import Path
from million_ird.store import Store
from pretrain.stream import cache
from pretrain.stream.locks import locked
shards = cache.ShardCache(Path(sys.argv[1]), 10_000)
key = cache.shard_key(sys.argv[2] + "/0.tar", "s")
with locked(shards._shards / (key + ".lock")):
    shards._reserve(key, 9_500).write_bytes(b"begun")
    print("begun", flush=True)
    time.sleep(60)
"""
    command = [sys.executable, "-c", program, str(tmp_path), remote]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        cache = ShardCache(tmp_path, 10_000)
        assert cache.held_bytes() == 9_500
        process.kill()
    assert _content(cache, "1.tar", remote) == bytes([1]) * 1000  # for which there is room only without the part
    assert _content(cache, "0.tar", remote) == bytes(1000)
    assert cache.held_bytes() == 2000


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match=r"stream.cache: cannot write to .*/file/cache .*: name another folder"):
        ShardCache(tmp_path / "file" / "cache", 1)


def test_the_folder_is_the_users_cache_unless_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MILLION_IRD_CACHE", str(tmp_path / "scratch"))
    assert cache_folder("") == tmp_path / "scratch"
    monkeypatch.delenv("MILLION_IRD_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder("") == tmp_path / "million-ird"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache_folder("") == tmp_path / "home" / ".cache" / "million-ird"
    assert cache_folder("~/there") == tmp_path / "home" / "there"


def test_a_damaged_copy_is_fetched_again(remote: str, fetched: list[str], tmp_path: Path) -> None:
    write_tars(tmp_path / "set")
    fs = fsspec.filesystem("memory")
    fs.put(str(tmp_path / "set"), f"{remote}/tars", recursive=True)
    stream = stream_of(f"{remote}/tars/*.tar", tmp_path / "cache")
    copies = list((tmp_path / "cache" / "shards").glob("*.tar"))
    assert len(copies) == 3
    for copy in copies:
        copy.write_bytes(bytes(copy.stat().st_size))
    fetched.clear()
    with stream.loader(4) as batches:
        assert sum(next(batches).substituted for _ in range(5)) == 0
    assert sorted(fetched) == ["0.tar", "1.tar", "2.tar"]
    for copy in copies:
        copy.unlink()
    assert stream.read(stream.index.patch(7)) == jpeg(7)  # a single patch is read by itself
    assert len(fetched) == 3
