"""Images kept out of training: chosen by key, once, and for good."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from million_ird.errors import DatasetError
from pretrain.stream.holdout import Holdout, check_holdout, choose_holdout, read_holdout, write_holdout
from pretrain.stream.index import (
    IndexPart,
    PartDescription,
    PatchIndex,
    ShardFile,
    image_hashes,
    image_key,
    key_columns,
)
from pretrain.stream.settings import HoldoutSettings


def _index(images: int, patches: int = 3, side: int = 64, first: int = 0) -> PatchIndex:
    """An index without files: some patches of each of some images."""
    names = [f"{image:024x}-y{patch:05d}" for image in range(first, first + images) for patch in range(patches)]
    count = len(names)
    columns: dict[str, Any] = {
        "block": np.arange(count, dtype=np.uint32),
        "size": np.ones(count, np.uint32),
        "checksum": np.zeros((count, 16), np.uint8),
        "width": np.full(count, side, np.uint32),
        "height": np.full(count, side, np.uint32),
        "orientation": np.ones(count, np.uint8),
        "encoding": np.zeros(count, np.uint8),
        "image": image_hashes([image_key(name, "-") for name in names]),
        **key_columns(names),
    }
    description = PartDescription("x", "x", (ShardFile("0.tar", 1, "", count),), f"{first} {images}", {}, "-", {})
    return PatchIndex([IndexPart(description, columns)])


def _held(holdout: Holdout, index: PatchIndex) -> set[str]:
    keys: set[str] = set()
    for first, (image,) in index.each("image"):
        keys |= {index.patch(first + int(row)).image_key for row in np.flatnonzero(holdout.mask(image))}
    return keys


@pytest.mark.parametrize(
    ("images", "settings", "wanted"),
    [
        (200, HoldoutSettings(fraction=0.1), 20),
        (200, HoldoutSettings(fraction=0.001), 1),
        (200, HoldoutSettings(fraction=0.001, min_images=7), 7),
        (200, HoldoutSettings(fraction=0.5, max_images=30), 30),
        (2, HoldoutSettings(fraction=0.01), 1),
        (5, HoldoutSettings(fraction=0.01, min_images=50), 4),
        (200, HoldoutSettings(fraction=0.0), 0),
    ],
)
def test_the_wanted_number_of_images_goes_with_all_patches(images: int, settings: HoldoutSettings, wanted: int) -> None:
    index = _index(images)
    holdout = choose_holdout(index, settings, seed=1, smallest_side=64)
    assert (holdout.images, holdout.of_images) == (wanted, images)
    assert len(_held(holdout, index)) == wanted
    masks = [holdout.mask(image) for _, (image,) in index.each("image")]
    by_image = np.concatenate(masks).reshape(images, 3)
    assert (by_image.all(axis=1) == by_image.any(axis=1)).all()


def test_the_choice_depends_on_the_seed_and_nothing_else() -> None:
    index, settings = _index(100), HoldoutSettings(fraction=0.2)
    first = choose_holdout(index, settings, 1, 64)
    assert choose_holdout(_index(100), settings, 1, 64) == first
    other = _held(choose_holdout(index, settings, 2, 64), index)
    assert 0 < len(other & _held(first, index)) < 20


def test_a_dataset_that_grew_keeps_every_assignment() -> None:
    small, large = _index(100), _index(400)
    holdout = choose_holdout(small, HoldoutSettings(fraction=0.2), 1, 64)
    before, after = _held(holdout, small), _held(holdout, large)
    assert before == {key for key in after if int(key, 16) < 100}
    assert 40 < len(after - before) < 80  # about a fifth of the new ones
    check_holdout(holdout, large)


def test_a_small_patch_does_not_make_an_image_a_candidate() -> None:
    assert choose_holdout(_index(10, side=32), HoldoutSettings(), 1, 64).of_images == 0


def test_the_only_image_cannot_be_held_out() -> None:
    with pytest.raises(DatasetError, match=r"only one image.*set stream.holdout.fraction to 0"):
        choose_holdout(_index(1), HoldoutSettings(), 1, 64)


def test_the_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    holdout = choose_holdout(_index(50), HoldoutSettings(fraction=0.2), 1, 64)
    assert read_holdout(tmp_path / "holdout.json") is None
    write_holdout(tmp_path / "holdout.json", holdout)
    assert read_holdout(tmp_path / "holdout.json") == holdout
    assert [file.name for file in tmp_path.iterdir()] == ["holdout.json"]


def test_the_rule_is_what_it_was() -> None:
    """Recorded once: another hash would silently train on what earlier runs held out."""
    holdout = choose_holdout(_index(50), HoldoutSettings(fraction=0.1), 7, 64)
    assert (f"{holdout.salt:016x}", f"{holdout.below:016x}") == ("d6a4ec196a4061af", "34846b30489e7b6d")
    assert sorted(int(key, 16) for key in _held(holdout, _index(50))) == [1, 3, 11, 23, 32]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"salt": "zz", "below": "0"}', '{"salt": 3, "below": "0"}'])
def test_a_damaged_record_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "holdout.json").write_text(text)
    with pytest.raises(DatasetError, match=r"holdout.json is damaged"):
        read_holdout(tmp_path / "holdout.json")


def test_a_record_that_contradicts_its_dataset_is_refused(tmp_path: Path) -> None:
    index = _index(50)
    holdout = choose_holdout(index, HoldoutSettings(fraction=0.2), 1, 64)
    check_holdout(holdout, index)
    write_holdout(tmp_path / "h.json", holdout)
    content = json.loads((tmp_path / "h.json").read_text())
    (tmp_path / "h.json").write_text(json.dumps({**content, "salt": "0" * 16}))
    changed = read_holdout(tmp_path / "h.json")
    assert changed is not None
    changed = replace(changed, below=changed.below // 4)
    with pytest.raises(DatasetError, match="says that 10 images are held out; by its rule fewer are"):
        check_holdout(changed, index)
