"""Tars of others: indexed once, by what is in them."""

from __future__ import annotations

import gzip
import io
import tarfile
import uuid
from pathlib import Path
from typing import Any

import cv2
import fsspec
import numpy as np
import pytest
from PIL import Image

from million_ird.errors import DatasetError
from pretrain.stream import tars as tars_module
from tests.pretrain.stream.world import Lines, jpeg, picture, stream_of, write_tar, write_tars


@pytest.fixture
def scanned(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the tars that were read through."""
    names: list[str] = []
    original = tars_module._read_tar

    def read(cache: Any, name: str, stamp: str) -> Any:
        names.append(name.rpartition("/")[2])
        return original(cache, name, stamp)

    monkeypatch.setattr(tars_module, "_read_tar", read)
    return names


def _encoded(extension: str, pixels: Any, *options: int) -> bytes:
    ok, data = cv2.imencode(extension, pixels[..., ::-1], list(options))
    assert ok
    return bytes(data)


def test_every_picture_is_a_patch_with_its_size_encoding_and_key(tmp_path: Path) -> None:
    pixels = picture(5, 64, 48)
    members = {
        "a.jpg": jpeg(1, 48, 80),
        "sub/b.JPEG": jpeg(2),
        "c.png": _encoded(".png", pixels),
        "d.webp": _encoded(".webp", pixels, cv2.IMWRITE_WEBP_QUALITY, 101),
        "e.clean.png": _encoded(".png", pixels),
        "a.json": b"{}",
        "notes.txt": b"jpg",
        ".jpg": jpeg(3),
    }
    write_tar(tmp_path / "x.tar", members)
    stream = stream_of(tmp_path / "x.tar", tmp_path / "cache")
    patches = [stream.index.patch(number) for number in range(len(stream.index))]
    assert [(p.key, p.image_key, p.encoding, p.width, p.height) for p in patches] == [
        ("a", "a", "jpg", 48, 80),
        ("sub/b", "sub/b", "jpg", 48, 48),
        ("c", "c", "png", 64, 48),
        ("d", "d", "webp", 64, 48),
        ("e.clean", "e", "png", 64, 48),
    ]
    assert [stream.read(patch) for patch in patches] == list(members.values())[:5]
    with stream.loader(5) as batches:
        batch = next(batches)
    assert set(batch.keys) == {"a", "sub/b", "c", "d", "e.clean"}
    assert batch.substituted == 0
    # The lossless ones show the picture itself, whatever the place and the turn: no other value occurs.
    for key in ("c", "d"):
        shown = batch.targets[batch.keys.index(key)].numpy().transpose(1, 2, 0).reshape(-1, 3)
        assert {tuple(value) for value in shown.tolist()} <= {tuple(value) for value in pixels.reshape(-1, 3).tolist()}


def test_the_orientation_is_that_of_the_picture(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    out = io.BytesIO()
    Image.fromarray(picture(1)).save(out, "JPEG", exif=exif)
    write_tar(tmp_path / "x.tar", {"a.jpg": out.getvalue()})
    assert stream_of(tmp_path / "x.tar", tmp_path / "cache").index.patch(0).orientation == 6


def test_what_is_no_usable_picture_is_left_out_and_counted(tmp_path: Path) -> None:
    cmyk = io.BytesIO()
    Image.new("CMYK", (48, 48)).save(cmyk, "JPEG")
    members = {
        "good.jpg": jpeg(1),
        "page.jpg": b"<!doctype html>",
        "empty.jpg": b"",
        "ink.jpg": cmyk.getvalue(),
        "deep.png": _encoded(".png", np.zeros((48, 48, 3), np.uint16)),
        "false.png": jpeg(2),
    }
    write_tar(tmp_path / "x.tar", members)
    lines = Lines()
    assert len(stream_of(tmp_path / "x.tar", tmp_path / "cache", say=lines)) == 1
    assert len(lines) == 2
    assert "indexing 1 tars" in lines[0]
    for reason in ("1 not_an_image", "1 empty", "1 cmyk", "1 bit_depth", "1 png_is_jpeg"):
        assert reason in lines[1]
    again = Lines()
    stream_of(tmp_path / "x.tar", tmp_path / "cache", say=again)
    assert again == lines[1:]  # what was left out is said each time


def test_a_tar_is_read_through_once_and_again_when_it_changes(tmp_path: Path, scanned: list[str]) -> None:
    write_tars(tmp_path / "set")
    first = stream_of(tmp_path / "set" / "*.tar", tmp_path / "cache")
    assert scanned == ["0.tar", "1.tar", "2.tar"]
    again = stream_of(tmp_path / "set" / "*.tar", tmp_path / "cache")
    assert scanned == ["0.tar", "1.tar", "2.tar"]
    assert again.fingerprint == first.fingerprint
    write_tar(tmp_path / "set" / "1.tar", {"new.jpg": jpeg(99)})
    changed = stream_of(tmp_path / "set" / "*.tar", tmp_path / "cache")
    assert scanned == ["0.tar", "1.tar", "2.tar", "1.tar"]
    assert len(changed) == 13
    assert changed.fingerprint != first.fingerprint
    assert len(list((tmp_path / "cache" / "index").glob("*-*"))) == 1  # the index of the old state is gone


def test_the_fingerprint_is_of_the_content_not_of_the_place(tmp_path: Path) -> None:
    write_tars(tmp_path / "set")
    fs, name = fsspec.filesystem("memory"), uuid.uuid4().hex
    fs.put(str(tmp_path / "set"), f"/{name}", recursive=True)
    here = stream_of(tmp_path / "set", tmp_path / "cache")
    there = stream_of(f"memory://{name}/{{0..2}}.tar", tmp_path / "cache")
    assert here.fingerprint == there.fingerprint
    fs.rm(f"/{name}", recursive=True)
    write_tar(tmp_path / "set" / "2.tar", {f"r{number:04d}.jpg": jpeg(number) for number in range(12, 18)})
    assert stream_of(tmp_path / "set", tmp_path / "cache").fingerprint != here.fingerprint  # other keys


@pytest.mark.parametrize("content", [b"", b"no tar at all", gzip.compress(bytes(10240))], ids=["empty", "text", "gzip"])
def test_what_is_no_tar_is_named(tmp_path: Path, content: bytes) -> None:
    write_tars(tmp_path / "set")
    (tmp_path / "set" / "1.tar").write_bytes(content)
    with pytest.raises(DatasetError, match=r"set/1.tar is no tar, or a compressed one"):
        stream_of(tmp_path / "set", tmp_path / "cache")


def test_a_compressed_tar_is_named(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "x.tar.gz", "w:gz") as tar:
        tar.addfile(tarfile.TarInfo("a.txt"))
    with pytest.raises(DatasetError, match=r"x.tar.gz is no tar, or a compressed one"):
        stream_of(tmp_path / "x.tar.gz", tmp_path / "cache")


def test_a_tar_cut_short_gives_what_it_still_holds(tmp_path: Path) -> None:
    file = write_tar(tmp_path / "x.tar", {f"{number}.jpg": jpeg(number) for number in range(4)})
    with tarfile.open(file) as tar:
        third = tar.getmembers()[2]
    file.write_bytes(file.read_bytes()[: third.offset_data + 100])
    lines = Lines()
    stream = stream_of(file, tmp_path / "cache", say=lines)
    assert [stream.index.patch(number).key for number in range(len(stream.index))] == ["0", "1"]
    assert "1 truncated" in lines[-1] or "after_a_damaged_header" in lines[-1]


def test_tars_without_a_picture_are_an_error(tmp_path: Path) -> None:
    write_tar(tmp_path / "x.tar", {"a.txt": b"a", "b.jpg": b"no"})
    with pytest.raises(DatasetError, match=r"no usable jpg, png or webp member in the tars at .*\(1 not_an_image\)"):
        stream_of(tmp_path / "x.tar", tmp_path / "cache")


def test_an_index_cut_short_is_made_anew(tmp_path: Path, scanned: list[str]) -> None:
    write_tars(tmp_path / "set")
    stream_of(tmp_path / "set", tmp_path / "cache")
    for file in (tmp_path / "cache" / "index").glob("*-*/key.npy"):
        file.write_bytes(file.read_bytes()[:50])
    for file in (tmp_path / "cache" / "index" / "tars").glob("*.npz"):
        file.write_bytes(file.read_bytes()[:50])
    assert len(stream_of(tmp_path / "set", tmp_path / "cache")) == 18
    assert len(scanned) == 6
