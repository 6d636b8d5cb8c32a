"""Orders of files: by name, as listed, as recorded."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from million_ird.errors import UsageError
from pretrain.evaluate.folders import find_sets
from pretrain.evaluate.measure import INPUT, measure
from pretrain.evaluate.network_degradations import noises
from pretrain.evaluate.order import arrange, in_order
from pretrain.evaluate.picture_set import PictureSet
from pretrain.evaluate.protocols import PROMPTIR
from pretrain.evaluate.record import describe, write
from tests.pretrain.picture_files import write_pictures


def _scores(sets: list[PictureSet], path: Path) -> dict[str, float]:
    scores = measure(sets, {}, PROMPTIR, noises([25]))
    write(describe(scores, [], PROMPTIR, noises([25]), {}, {}), path)
    return {image.name: image.values[INPUT]["psnr"] for image in scores[0].images}


def test_an_order_that_was_recorded_is_repeated_with_its_numbers(tmp_path: Path) -> None:
    write_pictures(tmp_path / "set", "a.png", "b.png", "c.png", height=80)
    found = find_sets(tmp_path / "set")
    first = _scores([replace(found[0], items=found[0].items[::-1])], tmp_path / "first.json")
    assert _scores(arrange(found, str(tmp_path / "first.json")), tmp_path / "again.json") == first
    assert _scores(arrange(found, "sorted"), tmp_path / "sorted.json") != first


def test_pictures_that_cannot_be_used_keep_their_place_in_a_recorded_order(tmp_path: Path) -> None:
    write_pictures(tmp_path / "set", "a.png", "c.png")
    (tmp_path / "set" / "b.png").write_text("no picture")
    first = _scores(find_sets(tmp_path / "set"), tmp_path / "first.json")
    assert json.loads((tmp_path / "first.json").read_text())["sets"][0]["order"] == ["a.png", "b.png", "c.png"]
    assert _scores(arrange(find_sets(tmp_path / "set"), str(tmp_path / "first.json")), tmp_path / "2.json") == first


def test_the_listing_is_the_file_systems(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_pictures(tmp_path / "set", "a.png", "b.png", "c.png")
    found = find_sets(tmp_path / "set")
    monkeypatch.setattr(os, "listdir", lambda _folder: ["c.png", "notes.txt", "a.png", "b.png"])
    assert [item.name for item in arrange(found, "listing")[0].items] == ["c.png", "a.png", "b.png"]


def test_an_order_of_other_pictures_is_refused(tmp_path: Path) -> None:
    write_pictures(tmp_path / "set", "a.png", "b.png")
    (found,) = find_sets(tmp_path / "set")
    with pytest.raises(UsageError, match=r"set lacks z\.png"):
        in_order(found, ["a.png", "b.png", "z.png"])
    with pytest.raises(UsageError, match=r"set also holds b\.png"):
        in_order(found, ["a.png"])
    (tmp_path / "other.json").write_text('{"sets": []}')
    with pytest.raises(UsageError, match="has no set set"):
        arrange([found], str(tmp_path / "other.json"))


def test_a_file_that_records_nothing_is_refused(tmp_path: Path) -> None:
    write_pictures(tmp_path / "set", "a.png")
    found = find_sets(tmp_path / "set")
    (tmp_path / "list.json").write_text("[1, 2]")
    (tmp_path / "text.json").write_text("hello")
    for name in ("list.json", "text.json"):
        with pytest.raises(UsageError, match="is no record of an evaluation"):
            arrange(found, str(tmp_path / name))
    with pytest.raises(UsageError, match="cannot be read"):
        arrange(found, str(tmp_path / "absent.json"))
