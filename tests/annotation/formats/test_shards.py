"""WebDataset shards of pictures and masks."""

from __future__ import annotations

import io
import json
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from annotation.formats.model import Found, Labelled, PictureFile, Unreadable, Writing, Written
from annotation.formats.registry import open_format
from annotation.formats.shards import key_of
from annotation.mask import MaskError, decode_mask, encode_mask
from tests.annotation.formats.world import labelled, only, png_bytes, read, ring


def shards(masks: list[Labelled], folder: Path, writing: Writing | None = None) -> dict[str, dict[str, bytes]]:
    """Writes them; the members of each tar."""
    assert all(isinstance(each, Written) for each in open_format("shards").write(masks, folder, writing or Writing()))
    found = {}
    for path in sorted(folder.rglob("*.tar")):
        with tarfile.open(path, format=tarfile.USTAR_FORMAT) as tar:
            members = {info.name: tar.extractfile(info) for info in tar}
            found[path.relative_to(folder).as_posix()] = {name: file.read() for name, file in members.items() if file}
    return found


def jpeg(pixels: np.ndarray, orientation: int = 1) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", exif=exif)
    return out.getvalue()


def test_a_pair_has_four_members_and_the_pictures_own_bytes(tmp_path: Path) -> None:
    pair = labelled("s01/00", ring())
    (members,) = shards([pair], tmp_path).values()
    assert list(members) == ["s01/00.blur.png", "s01/00.sharp.png", "s01/00.mask.png", "s01/00.json"]
    assert pair.sharp is not None
    assert members["s01/00.blur.png"] == pair.blurred.data()
    assert members["s01/00.sharp.png"] == pair.sharp.data()
    assert np.array_equal(decode_mask(members["s01/00.mask.png"]), ring())
    facts = json.loads(members["s01/00.json"])
    assert facts == {
        "name": "s01/00",
        "width": 40,
        "height": 30,
        "blurred_pixels": int(ring().sum()),
        "annotator": "Ada",
        "layer": 1,
    }


def test_jpegs_stay_and_what_no_reader_would_show_upright_becomes_png(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (30, 40, 3), np.uint8)
    upright, turned = jpeg(pixels), jpeg(np.ascontiguousarray(np.rot90(pixels)), 6)
    masks = [
        replace(labelled("a", ring()), blurred=PictureFile(lambda: upright, lambda: pixels)),
        replace(labelled("b", ring()), blurred=PictureFile(lambda: turned, lambda: pixels)),
    ]
    found = shards(masks, tmp_path)
    assert found["pairs-jpg-png/00000.tar"]["a.blur.jpg"] == upright
    with Image.open(io.BytesIO(found["pairs-png-png/00000.tar"]["b.blur.png"])) as picture:
        assert np.array_equal(np.asarray(picture), pixels)


def test_samples_with_other_members_are_kept_apart(tmp_path: Path) -> None:
    masks = [labelled("a", ring()), replace(labelled("b", ring()), sharp=None)]
    found = shards(masks, tmp_path)
    assert list(found) == ["pairs-png-png/00000.tar", "single-png/00000.tar"]
    assert list(found["single-png/00000.tar"]) == ["b.blur.png", "b.mask.png", "b.json"]


def test_a_shard_ends_once_it_is_large_enough(tmp_path: Path) -> None:
    masks = [labelled(f"{number:02d}", ring()) for number in range(5)]
    found = shards(masks, tmp_path, Writing(shard_mb=0.012))
    assert [len(members) for members in found.values()] == [8, 8, 4]
    assert [each.names for each in read("shards", tmp_path) if isinstance(each, Found)] == [
        (f"{number:02d}",) for number in range(5)
    ]


@given(name=st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=60))
def test_keys_are_plain_short_and_different(name: str) -> None:
    key = key_of(name)
    assert len(key) <= 80
    assert key.isascii()
    assert "." not in key
    assert key_of(name + ".") != key
    assert key_of("s01/00-a_B") == "s01/00-a_B"


def tar_of(folder: Path, members: dict[str, bytes]) -> Path:
    path = folder / "a.tar"
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def test_shards_of_others_are_read_by_their_keys(tmp_path: Path) -> None:
    found = only("shards", tar_of(tmp_path, {"p/a.mask.png": encode_mask(ring())}))
    assert found.names == ("p/a",)
    assert np.array_equal(found.load((40, 30)), ring())


@pytest.mark.parametrize(
    "facts", [b"", b"[]", b'{"name": 5}', b'{"name": "\\ud800"}', b'{"width": "a", "height": 1}', b"[" * 100_000]
)
def test_facts_that_cannot_be_read_are_a_row(facts: bytes, tmp_path: Path) -> None:
    (found,) = read("shards", tar_of(tmp_path, {"a.mask.png": encode_mask(ring()), "a.json": facts}))
    assert isinstance(found, Unreadable)


def test_a_tar_that_ends_early_gives_what_is_whole(tmp_path: Path) -> None:
    whole = tar_of(tmp_path, {name: png_bytes(np.zeros((9, 9), np.uint8)) for name in ("a.mask.png", "b.mask.png")})
    whole.write_bytes(whole.read_bytes()[:1600])
    first, second, third = read("shards", whole)
    assert isinstance(first, Found)
    assert not first.load((9, 9)).any()
    assert isinstance(second, Found)
    with pytest.raises(MaskError, match="the tar ends within it"):
        second.load((9, 9))
    assert isinstance(third, Unreadable)
    assert "no tar that can be read to its end" in third.reason


def test_a_tar_without_masks_is_a_row(tmp_path: Path) -> None:
    (found,) = read("shards", tar_of(tmp_path, {"a.jpg": b""}))
    assert isinstance(found, Unreadable)
    assert "no member *.mask.png" in found.reason
