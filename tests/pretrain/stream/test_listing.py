"""Which tars a location means."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

import fsspec
import pytest

from million_ird.errors import DatasetError, UsageError
from million_ird.store import Store
from pretrain.stream.listing import expand_braces, is_pattern, list_tars, stamps


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("a.tar", ["a.tar"]),
        ("s-{008..011}.tar", ["s-008.tar", "s-009.tar", "s-010.tar", "s-011.tar"]),
        ("{0..1}/{x,yy}.tar", ["0/x.tar", "0/yy.tar", "1/x.tar", "1/yy.tar"]),
        ("{9..10}", ["9", "10"]),
        ("{only}", ["only"]),
    ],
)
def test_braces(pattern: str, names: list[str]) -> None:
    assert expand_braces(pattern) == names


@pytest.mark.parametrize("pattern", ["{5..3}.tar", "{0..99999999}.tar"])
def test_braces_that_cannot_be_meant(pattern: str) -> None:
    with pytest.raises(UsageError, match="runs backwards or is too long"):
        expand_braces(pattern)


def test_what_names_tars_and_what_a_folder() -> None:
    for location in ("a.tar", "s3://b/*.tar", "x/{0..9}.tar", "a?/b", "a.tar.gz", "a.tgz"):
        assert is_pattern(location)
    for location in ("my-ird", "s3://bucket/set", "/data/sets.tar/one", "."):
        assert not is_pattern(location)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a/1.tar", "a/0.tar", "b/0.tar", "b/x.txt"):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(b"x" * len(name))
    return tmp_path


@pytest.mark.parametrize(
    ("location", "names"),
    [
        ("a", ["a/0.tar", "a/1.tar"]),
        ("a/", ["a/0.tar", "a/1.tar"]),
        ("a/1.tar", ["a/1.tar"]),
        ("*/*.tar", ["a/0.tar", "a/1.tar", "b/0.tar"]),
        ("{b,a}/0.tar", ["b/0.tar", "a/0.tar"]),
        ("{b,a}/*.tar", ["b/0.tar", "a/0.tar", "a/1.tar"]),
    ],
)
def test_local_tars(folder: Path, location: str, names: list[str]) -> None:
    found = list_tars(f"{folder}/{location}")
    assert [name for name, _, _ in found] == [f"{folder}/{name}" for name in names]
    assert {size for _, size, _ in found} == {7}


def test_a_relative_location(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder / "a")
    assert [name for name, _, _ in list_tars("*.tar")] == [f"{folder}/a/0.tar", f"{folder}/a/1.tar"]


def test_remote_tars() -> None:
    fs, name = fsspec.filesystem("memory"), uuid.uuid4().hex
    for number in range(3):
        fs.pipe_file(f"/{name}/{number}.tar", b"abc")
    for location in (f"memory://{name}/*.tar", f"memory://{name}", f"memory://{name}/{{0..2}}.tar"):
        found = list_tars(location)
        assert [url for url, _, _ in found] == [f"memory:///{name}/{number}.tar" for number in range(3)]
        assert all(fsspec.open(url).open().read() == b"abc" for url, _, _ in found)
    fs.rm(f"/{name}", recursive=True)


@pytest.mark.parametrize(
    ("location", "text"),
    [
        ("a/7.tar", r"a/7.tar is missing"),
        ("a/{0..2}.tar", r"a/2.tar is missing"),
        ("c/*.tar", r"there is no tar at .*c/\*.tar"),
        ("nothing", "there is neither dataset.json nor a tar at .*nothing"),
    ],
)
def test_tars_that_are_not_there(folder: Path, location: str, text: str) -> None:
    with pytest.raises(DatasetError, match=text):
        list_tars(f"{folder}/{location}")


def test_stamps_change_with_the_files(folder: Path) -> None:
    store = Store(str(folder))
    before = stamps(store, "a")
    assert [name for name, _ in before] == ["a/0.tar", "a/1.tar"]
    assert stamps(store, "a") == before
    os.utime(folder / "a/1.tar", (1, 1))
    after = stamps(store, "a")
    assert [a == b for a, b in zip(before, after, strict=True)] == [True, False]
    (folder / "a/0.tar").write_bytes(b"y")
    assert stamps(store, "a")[0] != after[0]
    assert stamps(store, "b/x.txt") == [("b/x.txt", stamps(store, "b")[1][1])]
    assert stamps(store, "nothing") == []
