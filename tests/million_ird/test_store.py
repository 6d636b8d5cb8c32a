"""A file appears whole or not at all, and one name is created once: locally and on an S3-compatible server."""

from __future__ import annotations

import errno
import os
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from million_ird.errors import StoreError
from million_ird.store import PART, Store


@pytest.fixture(params=["local", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "local":
        return Store(str(tmp_path / "set"))
    return Store(request.getfixturevalue("s3_url"))


def test_reads_what_was_written(store: Store) -> None:
    store.write("a/b.txt", b"first")
    store.write("a/b.txt", b"second and longer")
    assert store.read("a/b.txt") == b"second and longer"
    assert store.read_range("a/b.txt", 7, 3) == b"and"
    assert store.size("a/b.txt") == 17
    assert store.list("a") == ["a/b.txt"]
    assert store.exists("a/b.txt")
    with store.open("a/b.txt") as file:
        file.seek(11)
        assert file.read() == b"longer"


def test_a_name_is_created_once(store: Store) -> None:
    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(lambda n: store.create("marker.json", b"%d" % n), range(8)))
    assert sum(won) == 1
    assert store.read("marker.json") == b"%d" % won.index(True)


def test_a_missing_file_is_said_to_be_missing(store: Store) -> None:
    with pytest.raises(FileNotFoundError):
        store.read("nothing")
    assert not store.exists("nothing")
    assert store.list("no-folder") == []
    store.remove("nothing")


def test_a_spooled_file_moves_into_place(store: Store) -> None:
    with store.spool() as spool:
        (spool / "x").write_bytes(b"tar")
        store.put_file(spool / "x", "deep/er/x.tar")
        assert not (spool / "x").exists()
    assert not spool.exists()
    assert store.read("deep/er/x.tar") == b"tar"
    assert store.list("") == ["deep/er/x.tar"]


def test_a_store_travels_to_a_worker(store: Store) -> None:
    store.write("x", b"1")
    assert pickle.loads(pickle.dumps(store)).read("x") == b"1"


def test_scratch_of_a_killed_process_is_removed(tmp_path: Path) -> None:
    code = (
        "import os, sys, signal; from million_ird.store import Store\n"
        f"with Store({str(tmp_path)!r}).spool() as spool:\n"
        "    (spool / 'half').write_bytes(b'x'); os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", code], check=False)
    assert len(list((tmp_path / PART).iterdir())) == 1
    store = Store(str(tmp_path))
    with store.spool() as mine:
        store.sweep()
        assert [mine] == list((tmp_path / PART).iterdir())
    store.sweep()
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(StoreError, match=r"cannot write .*the disk is full: free some space and run the same command"):
        Store(str(tmp_path)).write("x", b"1")


def test_an_output_that_is_a_file_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match=r"cannot write .*is a file, not a folder"):
        Store(str(tmp_path / "file")).create("x", b"1")


def test_an_unknown_protocol_is_one_clear_line() -> None:
    with pytest.raises(StoreError, match="cannot open nope://x"):
        Store("nope://x")


@pytest.mark.parametrize("name", ["a::b", "file::x", "a b%20#?*[1]", "~", "{a}", "$HOME"])
def test_every_character_of_a_local_path_is_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    store = Store(name)
    store.write("x", b"1")
    place = tmp_path / ("home" if name == "~" else name)
    assert (place / "x").read_bytes() == b"1" and store.list("") == ["x"] and store.url == str(place)
    assert Store(store.url).read("x") == b"1"


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("", "an empty text is given"),
        ("~nobody-of-this-name/x", "cannot open ~nobody-of-this-name/x"),
        ("caf\udce9", r"cannot open 'caf\\udce9': .* rename it"),
    ],
)
def test_a_place_that_cannot_be_is_one_clear_line(place: str, said: str) -> None:
    with pytest.raises(StoreError, match=said) as caught:
        Store(place)
    assert "\n" not in str(caught.value)
    str(caught.value).encode()


def test_a_link_that_leads_nowhere_and_a_place_without_folders_are_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("nowhere")
    with pytest.raises(StoreError, match="a link that leads nowhere"):
        Store(str(tmp_path / "link")).write("x", b"1")
    if Path("/proc/self").exists():
        with pytest.raises(StoreError, match=r"cannot make the folder /proc/x.*: choose another place"):
            Store("/proc/x").write("x", b"1")
