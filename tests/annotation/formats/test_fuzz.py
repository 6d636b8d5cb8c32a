"""Damaged and hostile files end in one line, or in a row that says why: never in another exception."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotation.formats.model import Found, Reading, Unreadable
from annotation.formats.registry import open_format
from annotation.mask import MaskError
from million_ird.errors import MillionIrdError
from tests.annotation.formats.world import ALL, ring, write

JSON_FORMATS = ("coco-rle", "coco-rle-uncompressed", "coco-polygons", "labelme", "labelme-polygons", "label-studio")
STRANGE: tuple[Any, ...] = (
    *(None, True, -1, 0, 1, 2**31, 2**63, 10**400, 1.5, 1e308, "", "blur", "\ud800", "\x00", "../../etc/passwd"),
    *([], [[]], [None], [-1, 5], {}, {"size": [1, 1]}, [1e308, 1e308, 0, 0, 5, 5], ["a"] * 3, {"": {"": []}}),
)


def lines_of(form: str, place: Path, reading: Reading) -> Iterator[str]:
    """What reading everything comes to; every message is checked to be one printable line."""
    try:
        for found in open_format(form).read(place, reading):
            if isinstance(found, Unreadable):
                yield f"{found.where}: {found.reason}"
            else:
                yield from _loaded(found)
    except MillionIrdError as error:
        yield str(error)


def _loaded(found: Found) -> Iterator[str]:
    try:
        mask = found.load((40, 30))
        assert mask.shape == (30, 40)
        assert mask.dtype == bool
    except MaskError as error:
        yield f"{found.where}: {error}"


def check(form: str, content: dict[str, bytes], reading: Reading | None = None) -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        for name, data in content.items():
            path = Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        lines = list(lines_of(form, Path(folder), reading or Reading()))
    for line in lines:
        assert line
        assert "\n" not in line
        assert len(line) < 600
    return lines


@cache
def sound_files(form: str) -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        write(form, {"a": ring(), "b/c": ~ring()}, Path(folder))
        root = Path(folder)
        files = [path for path in root.rglob("*") if path.is_file() and "dataset" not in path.parts]
        return {path.relative_to(root).as_posix(): path.read_bytes() for path in sorted(files)}


@st.composite
def damaged(draw: st.DrawFn, data: bytes) -> bytes:
    """Some bytes cut off, changed, doubled or put in."""
    out = bytearray(data)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(0, len(out) - 1)))
        how = draw(st.sampled_from(("cut", "set", "insert", "remove", "double")))
        if how == "cut":
            del out[at:]
        elif how == "set" and out:
            out[at] = draw(st.integers(0, 255))
        elif how == "insert":
            out[at:at] = draw(st.binary(min_size=1, max_size=8))
        elif how == "remove":
            del out[at : at + draw(st.integers(1, 16))]
        else:
            out[at:at] = out[at : at + draw(st.integers(1, 64))]
    return bytes(out)


@pytest.mark.parametrize("form", ALL)
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_damaged_bytes(form: str, data: st.DataObject) -> None:
    files = dict(sound_files(form))
    name = data.draw(st.sampled_from(sorted(files)))
    # Where the first bytes are, most of what can be misunderstood is.
    head = 4000 if form == "shards" else 1500
    files[name] = data.draw(damaged(files[name][:head])) + files[name][head:]
    check(form, files, Reading(any_nonzero=data.draw(st.booleans())))


@pytest.mark.parametrize("form", JSON_FORMATS)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_other_values_in_json(form: str, data: st.DataObject) -> None:
    files = dict(sound_files(form))
    name = data.draw(st.sampled_from(sorted(files)))
    content = json.loads(files[name])
    for _ in range(data.draw(st.integers(1, 3))):
        content = replaced(content, data)
    files[name] = json.dumps(content).encode()
    check(form, files)


def replaced(value: Any, data: st.DataObject) -> Any:
    """The value with one part of it exchanged or left out."""
    if isinstance(value, dict | list) and value and data.draw(st.integers(0, 5)):
        copied: Any = value.copy()
        key = data.draw(st.sampled_from(sorted(value) if isinstance(value, dict) else range(min(len(value), 12))))
        if data.draw(st.integers(0, 9)):
            copied[key] = replaced(copied[key], data)
        else:
            del copied[key]
        return copied
    return data.draw(st.sampled_from(STRANGE))


@pytest.mark.parametrize("form", ALL)
@settings(max_examples=10, deadline=None)
@given(data=st.binary(max_size=200))
def test_bytes_of_nothing(form: str, data: bytes) -> None:
    files = sound_files(form)
    assert check(form, dict.fromkeys(files, data))


@pytest.mark.parametrize("form", JSON_FORMATS)
@pytest.mark.parametrize(
    "content",
    [b"[" * 200_000, b'{"a":' * 100_000, b"NaN", b"[1" + b"0" * 10_000 + b"]", b"\xff\xfe", b"", b"null", b'"\\ud800"'],
    ids=("deep lists", "deep tables", "nan", "long number", "no text", "nothing", "null", "half a character"),
)
def test_json_that_only_hurts(form: str, content: bytes) -> None:
    (name, *_) = sound_files(form)
    assert check(form, {name: content})
