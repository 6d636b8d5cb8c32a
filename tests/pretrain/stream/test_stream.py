"""Opening a stream: what it holds, what it keeps out, what it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from million_ird.errors import DatasetError, UsageError
from pretrain.stream.holdout import read_holdout, write_holdout
from pretrain.stream.settings import HoldoutSettings
from pretrain.stream.stream import open_stream
from tests.pretrain.stream.world import Lines, jpeg, make, settings, stream_of, write_tar, write_tars


@pytest.fixture
def tars(tmp_path: Path) -> Path:
    return write_tars(tmp_path / "set")


def test_held_out_images_are_never_trained_on(tars: Path, tmp_path: Path) -> None:
    stream = stream_of(tars, tmp_path / "cache", holdout=HoldoutSettings(fraction=0.2))
    held = {patch.key for patch in stream.held_out}
    assert (len(held), len(stream)) == (4, 14)
    with stream.loader(7) as batches:
        trained = {key for _ in range(2) for key in next(batches).keys}
    assert trained | held == {f"k{number:04d}" for number in range(18)}
    assert not trained & held
    assert stream.read(stream.held_out[0]) == jpeg(int(stream.held_out[0].key[1:]))


def test_a_recorded_holdout_is_taken_and_its_order_kept_as_the_dataset_grows(tars: Path, tmp_path: Path) -> None:
    first = stream_of(tars, tmp_path / "cache", holdout=HoldoutSettings(fraction=0.3))
    write_holdout(tmp_path / "holdout.json", first.holdout)
    write_tar(tars / "9.tar", {f"n{number}.jpg": jpeg(number) for number in range(12)})
    recorded = read_holdout(tmp_path / "holdout.json")
    grown = open_stream([str(tars)], settings(tmp_path / "cache"), 5, make, recorded, Lines())
    old = [patch.key for patch in grown.held_out if patch.key.startswith("k")]
    assert old == [patch.key for patch in first.held_out]
    assert len(grown.held_out) > len(old)


def test_patches_smaller_than_the_largest_crop_are_left_out_and_counted(tmp_path: Path) -> None:
    sizes = [(48, 48), (48, 31), (31, 48), (32, 32), (200, 20)]
    write_tar(tmp_path / "x.tar", {f"{w}x{h}.jpg": jpeg(1, w, h) for w, h in sizes})
    lines = Lines()
    stream = stream_of(tmp_path / "x.tar", tmp_path / "cache", say=lines)
    assert len(stream) == 2
    assert lines[-1] == "3 patches are smaller than the crop of 32 and left out"
    with pytest.raises(
        DatasetError, match=r"no patch to train on: of 5 patches 5 are smaller than the largest crop of 96"
    ):
        stream_of(tmp_path / "x.tar", tmp_path / "cache", crop=((0, 16), (9, 96)))


def test_the_state_says_whether_a_checkpoint_is_of_this_sequence(tars: Path, tmp_path: Path) -> None:
    stream = stream_of(tars, tmp_path / "cache")
    state = stream.state()
    stream_of(tars, tmp_path / "other cache", workers=3, prefetch=9).check(state)
    changes: list[tuple[dict[str, Any], str]] = [
        ({"lanes": 8}, "stream: lanes is 8, but 4 in the checkpoint"),
        ({"window": 6}, "stream: window is 6, but 5 in the checkpoint"),
        ({"crops_per_patch": 2}, "stream: crops_per_patch is 2, but 1 in the checkpoint"),
        ({"seed": 1}, "stream: seed is 1, but 0 in the checkpoint"),
        ({"holdout": HoldoutSettings(fraction=0.3)}, "stream: patches is 13, but 18 in the checkpoint"),
    ]
    for change, text in changes:
        with pytest.raises(UsageError, match=text):
            stream_of(tars, tmp_path / "cache", **change).check(state)
    write_tar(tars / "9.tar", {"n.jpg": jpeg(1)})
    with pytest.raises(DatasetError, match="the dataset is not the one of the checkpoint"):
        stream_of(tars, tmp_path / "cache").check(state)


def test_an_epoch_of_fewer_samples_than_a_batch_is_fine(tars: Path, tmp_path: Path) -> None:
    stream = stream_of(tars, tmp_path / "cache")
    with stream.loader(40) as batches:
        keys = next(batches).keys
    assert set(keys[:18]) == set(keys[18:36]) == {f"k{number:04d}" for number in range(18)}


def test_fewer_patches_than_ranks_is_an_error(tmp_path: Path) -> None:
    write_tar(tmp_path / "x.tar", {"a.jpg": jpeg(1), "b.jpg": jpeg(2)})
    stream = stream_of(tmp_path / "x.tar", tmp_path / "cache")
    with pytest.raises(DatasetError, match="there are 2 patches to train on, fewer than the 4 ranks"):
        stream.loader(4, 0, 4)


def test_an_empty_shard_among_others_is_fine(tars: Path, tmp_path: Path) -> None:
    write_tar(tars / "1.tar", {"readme.txt": b"nothing"})
    stream = stream_of(tars, tmp_path / "cache")
    assert len(stream) == 12
    with stream.loader(12) as batches:
        assert len(set(next(batches).keys)) == 12


@pytest.mark.parametrize(
    ("locations", "error", "text"),
    [
        ([], UsageError, "name at least one dataset"),
        (["{tmp}/nothing"], DatasetError, "neither dataset.json nor a tar at .*/nothing"),
        (["{tmp}/none-*.tar"], DatasetError, "there is no tar at"),
        (["{tmp}/set", "{tmp}/nothing"], DatasetError, "neither dataset.json nor a tar"),
    ],
)
def test_what_is_not_there_is_named(
    tars: Path, tmp_path: Path, locations: list[str], error: type[Exception], text: str
) -> None:
    places = [location.format(tmp=tmp_path) for location in locations]
    with pytest.raises(error, match=text):
        open_stream(places, settings(tmp_path / "cache"), 0, make, say=Lines())


def test_real_photographs(shared_data: Path, tmp_path: Path) -> None:
    """Other people's pictures of many sizes, one with an alpha channel or without, none in a dataset of ours."""
    files = sorted((shared_data / "photos" / "coco-mini").rglob("*.jpg"))[:12]
    write_tar(tmp_path / "x.tar", {file.name: file.read_bytes() for file in files})
    stream = stream_of(tmp_path / "x.tar", tmp_path / "cache", crop=128)
    assert len(stream) >= 10
    with stream.loader(8) as batches:
        batch = next(batches)
    assert batch.substituted == 0
    assert batch.targets.float().std(dim=(1, 2, 3)).min() > 2  # something is to be seen on each
