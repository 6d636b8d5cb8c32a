"""Which members of tars are pairs with masks, and what becomes of the others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from million_ird.errors import DatasetError
from pretrain.local_blur.index import Triples, read_triples
from pretrain.stream.cache import ShardCache, cache_folder
from tests.pretrain.local_blur.triples import disc, encoded, masks_of, members, picture, write_folder, write_tar


def read(place: Path | str, said: list[str] | None = None) -> Triples:
    say: Callable[[str], None] = (said if said is not None else []).append
    return read_triples([str(place)], ShardCache(cache_folder(""), 10**9), say)


def test_a_triple_is_three_members_of_one_key(tmp_path: Path) -> None:
    triples = read(write_folder(tmp_path))
    assert len(triples) == 6
    keys = [[patch.key for patch in triples.members(number)] for number in range(6)]
    assert keys == [[f"s01/0{n}.{role}" for role in ("blur", "sharp", "mask")] for n in range(6)]
    assert {(patch.width, patch.height) for patch in triples.members(0)} == {(96, 96)}


def test_an_index_is_made_once(tmp_path: Path) -> None:
    said: list[str] = []
    write_folder(tmp_path)
    read(tmp_path, said)
    assert len(said) == 1
    read(tmp_path, said)
    assert len(said) == 1


def test_a_copy_elsewhere_is_the_same_data(tmp_path: Path) -> None:
    one, two, less = (read(write_folder(tmp_path / name, count)) for name, count in (("a", 6), ("b", 6), ("c", 4)))
    assert one.index.fingerprint == two.index.fingerprint != less.index.fingerprint


def test_remote_shards_are_read_too(tmp_path: Path) -> None:
    import fsspec

    samples = {}
    for number in range(2):
        parts = {**members(number, masks_of(number)), "blur.jpg": encoded(picture(number), "JPEG", quality=95)}
        del parts["blur.png"]
        samples[f"{number}"] = parts
    tar = write_tar(tmp_path / "a.tar", samples)
    memory = fsspec.filesystem("memory")
    memory.pipe_file("/local-blur/pairs/00000.tar", tar.read_bytes())
    try:
        local, remote = (read(place) for place in (tar, "memory://local-blur"))
        assert [patch.checksum for patch in remote.members(1)] == [patch.checksum for patch in local.members(1)]
        assert [patch.encoding for patch in remote.members(1)] == ["jpg", "png", "png"]
    finally:
        memory.rm("/local-blur", recursive=True)


def test_what_is_no_triple_is_left_out_and_counted(tmp_path: Path) -> None:
    whole = members(0, disc(40, 40))
    turned = encoded(
        picture(0), "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"
    )
    samples = {
        "whole": whole,
        "single": {name: data for name, data in whole.items() if name != "sharp.png"},
        "maskless": {name: data for name, data in whole.items() if name != "mask.png"},
        "other-size": {**whole, "mask.png": encoded(disc(9, 9, 5, 50))},
        "turned": {**{name: data for name, data in whole.items() if name != "blur.png"}, "blur.jpg": turned},
        "broken": {**whole, "sharp.png": b"nothing"},
        "no-png": {**whole, "mask.png": whole["blur.png"][:20]},
    }
    triples = read(write_tar(tmp_path / "a.tar", samples))
    assert len(triples) == 1
    found = dict(triples.left_out)
    (sharp,) = [reason for reason in found if reason.startswith("sharp_")]
    assert found == dict.fromkeys(
        ["without_sharp", "without_mask", "sizes_differ", "blur_is_not_upright", "mask_is_no_png", sharp], 1
    )


@pytest.mark.parametrize("make", [lambda folder: folder, lambda folder: folder / "nothing"])
def test_places_without_shards_are_one_line(make: Callable[[Path], Path], tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="there is no tar in"):
        read(make(tmp_path))


def test_shards_without_pairs_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no pair with a blur mask"):
        read(write_tar(tmp_path / "a.tar", {"a": {"jpg": b""}}))
    (tmp_path / "b.tar").write_bytes(b"no tar at all" * 100)
    with pytest.raises(DatasetError, match="is no tar"):
        read(tmp_path / "b.tar")
