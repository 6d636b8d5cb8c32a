from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from million_ird.errors import UsageError
from million_ird.manifest import read_local
from million_ird.records import Rejection, image_key

Read = Callable[..., Any]


def fill(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode("utf-8", "surrogateescape"))


def test_every_file_that_may_be_an_image_is_a_source_in_the_order_of_names(tmp_path: Path, read_whole: Read) -> None:
    fill(tmp_path, "b/2.PNG", "b/10.jpg", "a.jpeg", "plain", ".hidden.jpg", ".git/x.jpg", "notes.txt", "b/c/d.webp")
    found = read_whole(tmp_path)
    assert found.column("url") == ["a.jpeg", "b/10.jpg", "b/2.PNG", "b/c/d.webp", "plain"]
    assert found.column("source_root") == [str(tmp_path)] * 5 and found.column("host") == [""] * 5
    assert found.rows[0]["key"] == image_key("a.jpeg")
    assert list(found.reasons.values()) == ["not_an_image_name"] and found.rejected[0]["url"] == "notes.txt"
    assert all(read_local(row) == row["url"].encode() for row in found.rows)


def test_odd_names_are_read_or_rejected_but_never_mangled(tmp_path: Path, read_whole: Read) -> None:
    odd = [
        "a\nb.jpg",
        "q\"uo'te.jpg",
        "..x.jpg",
        "ünï 写真.jpg",
        "50%20.jpg",
        "#?.jpg",
        " lead.jpg",
        "x" * 240 + ".jpg",
    ]
    odd += ["[1].jpg", "*.jpg"]
    fill(tmp_path / "in", *odd)
    latin = os.fsdecode(b"caf\xe9.jpg")
    fill(tmp_path / "in", latin)
    found = read_whole(tmp_path / "in")
    visible = [name for name in odd if not name.startswith(".")]
    assert sorted(found.column("url")) == sorted(visible)
    assert all(read_local(row) == row["url"].encode() for row in found.rows)
    assert list(found.reasons.values()) == ["name_not_utf8"]
    assert r"b'caf\xe9.jpg'" in found.rejected[0]["detail"]


def test_links_are_followed_once_and_never_in_circles(tmp_path: Path, read_whole: Read) -> None:
    fill(tmp_path / "root", "sub/1.jpg")
    fill(tmp_path / "elsewhere", "2.jpg")
    root = tmp_path / "root"
    (root / "sub" / "loop").symlink_to(root)
    (root / "self").symlink_to(root / "self")
    (root / "there").symlink_to(tmp_path / "elsewhere")
    (root / "again").symlink_to(tmp_path / "elsewhere")
    (root / "dead.jpg").symlink_to(tmp_path / "nothing")
    found = read_whole(root)
    assert found.column("url") == ["again/2.jpg", "sub/1.jpg"]
    assert sorted(found.reasons.values()) == ["not_a_file", "not_a_file"]


def test_pipes_are_no_sources(tmp_path: Path, read_whole: Read) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    assert list(read_whole(tmp_path).reasons.values()) == ["not_a_file"]


def test_a_file_that_became_something_else_since_is_not_waited_for(tmp_path: Path, read_whole: Read) -> None:
    """A pipe that nobody writes to would keep a build waiting for ever, deaf to SIGTERM."""
    fill(tmp_path, "device.jpg", "folder.jpg", "gone.jpg", "link.jpg", "pipe.jpg")
    rows = {row["url"]: row for row in read_whole(tmp_path).rows}
    for name in rows:
        (tmp_path / name).unlink()
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "folder.jpg").mkdir()
    (tmp_path / "device.jpg").symlink_to("/dev/zero")
    (tmp_path / "link.jpg").symlink_to("link.jpg")
    found = {name: read_local(row, 1000) for name, row in rows.items()}
    assert all(isinstance(answer, Rejection) and answer.step == "fetch" for answer in found.values())
    assert {name: answer.reason for name, answer in found.items() if isinstance(answer, Rejection)} == {
        "device.jpg": "unreadable_file",
        "folder.jpg": "unreadable_file",
        "gone.jpg": "missing_file",
        "link.jpg": "unreadable_file",
        "pipe.jpg": "unreadable_file",
    }


def test_a_list_that_is_a_pipe_is_one_clear_line(tmp_path: Path, read_whole: Read) -> None:
    os.mkfifo(tmp_path / "list.csv")
    with pytest.raises(UsageError, match=r"list\.csv: a folder, a device or a pipe"):
        read_whole(tmp_path / "list.csv")


def test_colons_in_a_name_are_no_chain_of_file_systems(tmp_path: Path, read_whole: Read) -> None:
    fill(tmp_path, "memory::a.jpg", "a::b.jpg", "x/::.jpg")
    rows = read_whole(tmp_path).rows
    assert len(rows) == 3 and all(isinstance(read_local(row), bytes) for row in rows)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_files_and_folders_are_rejected(tmp_path: Path, read_whole: Read) -> None:
    fill(tmp_path, "a.jpg", "b/c.jpg")
    (tmp_path / "a.jpg").chmod(0)
    (tmp_path / "b").chmod(0)
    try:
        assert sorted(read_whole(tmp_path).reasons.values()) == ["unreadable_file", "unreadable_folder"]
    finally:
        (tmp_path / "b").chmod(0o700)


def test_a_glob_keeps_the_paths_below_its_fixed_part(tmp_path: Path, read_whole: Read) -> None:
    fill(tmp_path, "x/1.jpg", "x/y/2.jpg", "x/y/3.png", "z/4.jpg")
    found = read_whole(tmp_path / "x" / "**" / "*.jpg")
    assert found.column("url") == ["1.jpg", "y/2.jpg"] and found.column("source") == ["x", "x"]
    assert found.column("key") == read_whole(tmp_path / "x").column("key")[:2]
    assert all(isinstance(read_local(row), bytes) for row in found.rows)
    with pytest.raises(UsageError, match="nothing matches"):
        read_whole(tmp_path / "*.tiff")


def test_a_prefix_tells_equal_paths_apart(tmp_path: Path, read_whole: Read) -> None:
    fill(tmp_path, "1.jpg")
    assert read_whole(tmp_path, key_prefix="second/").rows[0]["key"] == image_key("second/1.jpg")


def test_a_folder_of_any_file_system(read_whole: Read) -> None:
    import fsspec

    memory = fsspec.filesystem("memory")
    memory.pipe({"/album/b/2.jpg": b"two", "/album/1.jpg": b"one", "/album/.trash/3.jpg": b"no"})
    try:
        found = read_whole("memory://album", format="folder")
        assert found.column("url") == ["1.jpg", "b/2.jpg"]
        assert [read_local(row) for row in found.rows] == [b"one", b"two"]
        assert found.rows[0]["source_root"] == "memory://album"
    finally:
        memory.rm("/album", recursive=True)


def test_what_a_path_is_must_be_tellable(tmp_path: Path, read_whole: Read) -> None:
    with pytest.raises(UsageError, match=r"set manifest\.format"):
        read_whole(tmp_path / "nothing")
    with pytest.raises(UsageError, match=r"there is no .*nothing\.csv"):
        read_whole(tmp_path / "nothing.csv")
    with pytest.raises(UsageError, match=r"manifest\.path must be given"):
        read_whole("")


def test_real_folder(shared_data: Path, read_whole: Read) -> None:
    found = read_whole(shared_data / "oddcases")
    assert len(found.rows) > 200
    assert all(isinstance(read_local(row), bytes) for row in found.rows)
