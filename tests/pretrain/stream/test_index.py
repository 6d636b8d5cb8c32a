"""Flat arrays that describe every patch."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from million_ird.errors import DatasetError
from pretrain.stream.index import (
    COLUMNS,
    IndexPart,
    PartDescription,
    PatchIndex,
    ShardFile,
    image_hashes,
    image_key,
    join_columns,
    key_columns,
    load_part,
    member_columns,
    stored_part,
)


def _columns(keys: list[str], first: int = 0) -> dict[str, Any]:
    count = len(keys)
    return {
        **member_columns(np.arange(count) * 1024 + 512, np.arange(count) + first, "x.tar"),
        **key_columns(keys),
        "checksum": np.full((count, 16), first, np.uint8),
        "width": np.full(count, 512, np.uint32),
        "height": np.full(count, 256, np.uint32),
        "orientation": np.full(count, 3, np.uint8),
        "encoding": np.full(count, 1, np.uint8),
        "image": image_hashes([image_key(key, "-") for key in keys]),
    }


def _description(name: str, *patches: int) -> PartDescription:
    shards = tuple(ShardFile(f"{number}.tar", 10, "s", count) for number, count in enumerate(patches))
    return PartDescription(name, name, shards, f"fingerprint of {name}", {"CC0": sum(patches)}, "-", {})


def test_patches_and_shards_are_numbered_through_all_parts() -> None:
    one = IndexPart(_description("one", 2, 0, 1), join_columns([_columns(["a-1", "ä-2"]), _columns(["b-1"], 7)]))
    two = IndexPart(_description("two", 2), _columns(["a-1", "c-9"], 20))
    index = PatchIndex([one, two])
    assert len(index) == 5
    patches = [index.patch(number) for number in range(5)]
    assert [patch.key for patch in patches] == ["a-1", "ä-2", "b-1", "a-1", "c-9"]
    assert [patch.image_key for patch in patches] == ["a", "ä", "b", "a", "c"]
    assert [patch.shard for patch in patches] == [0, 0, 2, 3, 3]
    assert [patch.number for patch in patches] == list(range(5))
    assert [patch.size for patch in patches] == [0, 1, 7, 20, 21]
    assert [patch.offset for patch in patches] == [512, 1536, 512, 512, 1536]
    described = (patches[4].encoding, patches[4].width, patches[4].height, patches[4].orientation, patches[4].checksum)
    assert described == ("webp", 512, 256, 3, bytes([20] * 16))
    assert index.licences == {"CC0": 5}
    assert index.fingerprint != PatchIndex([two, one]).fingerprint
    assert [first for first, _ in index.each("width")] == [0, 3]


def test_no_patch_at_all_is_an_error() -> None:
    with pytest.raises(DatasetError, match="there is no patch in one"):
        PatchIndex([IndexPart(_description("one", 0), _columns([]))])


@pytest.mark.parametrize("offset", [100, -512, 512 << 32])
def test_places_where_no_member_can_be_are_refused(offset: int) -> None:
    with pytest.raises(DatasetError, match=r"x.tar: its rows point to places where a tar has no members"):
        member_columns(np.array([offset]), np.array([1]), "x.tar")


@pytest.mark.parametrize(
    ("key", "ends_at", "image"),
    [
        ("0af3-y00000-x00512-s0512", "-", "0af3"),
        ("dir.one/name.clean", ".", "dir.one/name"),
        ("plain", ".", "plain"),
    ],
)
def test_the_image_of_a_patch(key: str, ends_at: str, image: str) -> None:
    assert image_key(key, ends_at) == image


def test_a_part_is_built_once_however_many_ask(tmp_path: Path) -> None:
    built: list[str] = []

    def build() -> Any:
        built.append("now")
        return _description("one", 2), _columns(["a-1", "a-2"])

    parts: list[IndexPart] = []
    threads = [
        threading.Thread(target=lambda: parts.append(stored_part(tmp_path, "one", "s", build))) for _ in range(5)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert built == ["now"]
    assert {part.patch(1, 1, 0).key for part in parts} == {"a-2"}
    assert {part.folder for part in parts} == {parts[0].folder}
    stored_part(tmp_path, "one", "another stamp", build)
    assert built == ["now", "now"]
    assert parts[0].patch(1, 1, 0).key == "a-2"  # its files are gone; what is mapped stays
    assert parts[0].folder is not None
    assert load_part(parts[0].folder) is None


def test_a_million_patches_take_less_than_a_hundred_bytes_each() -> None:
    """So that the paper's eight million take less than a gigabyte, which all processes of a machine share."""
    count = 1_000_000
    one = _columns([f"{'0' * 24}-y00000-x00000-s0512"])
    columns = {name: np.repeat(one[name], count, axis=0) for name in COLUMNS}
    part = IndexPart(_description("one", count), columns)
    assert part.nbytes < 100 * count
