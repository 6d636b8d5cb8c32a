"""Rows, averages and notes of a table."""

from __future__ import annotations

from pathlib import Path

import pytest

from pretrain.evaluate.folders import Item, PictureSet
from pretrain.evaluate.measure import INPUT, ImageScore, SetScore
from pretrain.evaluate.protocols import PROMPTIR
from pretrain.evaluate.table import averages, left_out_lines, render, rows
from pretrain.pairs import LeftOut


def _score(name: str, degradation: str, sigma: float | None, *psnrs: float, left_out: int = 0) -> SetScore:
    images = tuple(
        ImageScore(f"{n}.png", ("",), 48, 48, {r: {"psnr": p + shift, "ssim": 0.9} for r, shift in _SHIFTS.items()})
        for n, p in enumerate(psnrs)
    )
    items = tuple(Item(image.name, None, Path(image.name)) for image in images)
    lost = tuple(LeftOut(Path(f"lost{n}.png"), "damaged") for n in range(left_out))
    return SetScore(PictureSet(name, degradation, "pictures", items, ()), sigma, images, lost)


_SHIFTS = {INPUT: -5.0, "large": 1.0, "small": 0.0}
_FIVE = [
    _score("CBSD68", "denoise", 15, 34, 36),
    _score("CBSD68", "denoise", 25, 31),
    _score("CBSD68", "denoise", 50, 28),
    _score("Rain100L", "derain", None, 38),
    _score("SOTS/outdoor", "dehaze", None, 32),
]


def test_there_is_a_row_for_every_set_degradation_and_restorer() -> None:
    found = rows(_FIVE, ["large", "small"], PROMPTIR)
    assert len(found) == 5 * 3 + 3 * 2
    assert found[1] == {
        "set": "CBSD68",
        "degradation": "denoise σ=15",
        "variant": "large",
        "images": 2,
        "psnr": 36.0,
        "ssim": pytest.approx(0.9),
    }


def test_the_published_average_weighs_denoising_three_fifths() -> None:
    by_row, by_task = averages(_FIVE, "small", PROMPTIR)
    assert by_row["psnr"] == pytest.approx((35 + 31 + 28 + 38 + 32) / 5)
    assert by_task["psnr"] == pytest.approx(((35 + 31 + 28) / 3 + 38 + 32) / 3)
    assert (by_row["set"], by_task["set"]) == ("average of rows", "average of tasks")


def test_there_is_no_average_of_one_row_and_none_of_one_task() -> None:
    assert averages(_FIVE[:1], "small", PROMPTIR) == []
    assert [row["set"] for row in averages(_FIVE[:3], "small", PROMPTIR)] == ["average of rows"]


def test_the_printed_table_is_aligned_and_explained() -> None:
    text = render(_FIVE, ["large", "small"], PROMPTIR)
    lines = text.split("\n\n")[0].splitlines()
    assert lines[0].split() == ["set", "degradation", "variant", "images", "PSNR", "SSIM"]
    assert len({len(line) for line in lines}) == 1
    assert lines[2].split() == ["CBSD68", "denoise", "σ=15", "input", "2", "30.00", "0.9000"]
    assert "protocol promptir: RGB" in text
    assert "three fifths" in text


def test_sets_of_another_size_than_published_are_called_incomparable_once() -> None:
    text = render(_FIVE, ["large"], PROMPTIR)
    assert text.count("not comparable with published numbers") == 3
    assert "CBSD68: 2 pictures, the published set has 68" in text


def test_files_left_out_are_named() -> None:
    assert "mine: left out 2 (damaged): lost0.png, lost1.png" in render(
        [_score("mine", "denoise", 25, 30, left_out=2)], ["large"], PROMPTIR
    )
    many = [LeftOut(Path(f"{n}.png"), "damaged") for n in range(9)] + [LeftOut(Path("x.png"), "small")]
    assert left_out_lines(many) == [
        "left out 9 (damaged): 0.png, 1.png, 2.png, 3.png, 4.png, …",
        "left out 1 (small): x.png",
    ]
