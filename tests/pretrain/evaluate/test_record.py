"""The JSON file of an evaluation, and repeating one from it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from million_ird.errors import StoreError
from pretrain.degradations import LocalBlur
from pretrain.evaluate.folders import find_sets, set_of_pairs
from pretrain.evaluate.measure import INPUT, measure
from pretrain.evaluate.network_degradations import noises
from pretrain.evaluate.picture_set import PictureSet
from pretrain.evaluate.protocols import FIXED, PROMPTIR
from pretrain.evaluate.record import describe, write
from tests.pretrain.picture_files import write_pictures


def _recorded(sets: list[PictureSet], path: Path) -> dict[str, float]:
    scores = measure(sets, {}, PROMPTIR, noises([25]))
    how = [*noises([25]), LocalBlur()]
    write(describe(scores, [], PROMPTIR, how, {"blake3": "00"}, {"mode": "whole"}), path)
    return {image.name: image.values[INPUT]["psnr"] for image in scores[0].images}


def test_the_record_says_how_it_came_about(tmp_path: Path) -> None:
    write_pictures(tmp_path / "set", "a.png", "b.png")
    _recorded(find_sets(tmp_path / "set"), tmp_path / "out" / "table.json")
    record = json.loads((tmp_path / "out" / "table.json").read_text())
    assert record["protocol"]["name"] == "promptir"
    assert record["protocol"]["degradations"]["denoise σ=25"] == {"sigma": 25.0}
    assert record["protocol"]["degradations"]["deblur local"]["settings"].keys() >= {"trail", "size"}
    assert record["versions"].keys() >= {"million_ird", "torch", "numpy", "python"}
    assert (record["checkpoint"], record["inference"]) == ({"blake3": "00"}, {"mode": "whole"})
    (found,) = record["sets"]
    assert (found["task"], found["degradation"]) == ("denoise", "denoise σ=25")
    assert [image["name"] for image in found["images"]] == ["a.png", "b.png"]
    assert all(len(image["blake3"][0]) == 32 for image in found["images"])
    assert record["table"][0]["psnr"] == pytest.approx(np.mean([i["scores"]["input"]["psnr"] for i in found["images"]]))


def test_infinities_are_written_as_text_and_a_bad_place_is_one_line(tmp_path: Path) -> None:
    write_pictures(tmp_path / "a", "1.png")
    write_pictures(tmp_path / "b", "1.png")
    scores = measure([set_of_pairs(tmp_path / "a", tmp_path / "b")], {}, FIXED, [])
    record = describe(scores, [], FIXED, [], {}, {})
    write(record, tmp_path / "table.json")
    assert json.loads((tmp_path / "table.json").read_text())["table"][0]["psnr"] == "inf"
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot write"):
        write(record, tmp_path / "file" / "table.json")
