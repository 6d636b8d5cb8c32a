"""Rows, averages and notes of a table."""

from __future__ import annotations

from pathlib import Path

import pytest

from pretrain.degradations import Jpeg
from pretrain.evaluate.measure import INPUT, ImageScore, SetScore
from pretrain.evaluate.network_degradations import noises
from pretrain.evaluate.picture_set import Item, PictureSet
from pretrain.evaluate.protocols import PROMPTIR, protocol_for
from pretrain.evaluate.table import averages, render, rows
from pretrain.pairs import LeftOut


def _score(name: str, degradation: str, sigma: float | None, *psnrs: float, left_out: int = 0) -> SetScore:
    images = tuple(
        ImageScore(f"{n}.png", ("",), 48, 48, {r: {"psnr": p + shift, "ssim": 0.9} for r, shift in _SHIFTS.items()})
        for n, p in enumerate(psnrs)
    )
    items = tuple(Item(image.name, None, Path(image.name)) for image in images)
    lost = tuple(LeftOut(Path(f"lost{n}.png"), "damaged") for n in range(left_out))
    found = PictureSet(name, "" if sigma else degradation, "pictures", items, ())
    return SetScore(found, noises([sigma])[0] if sigma else None, images, lost)


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


def test_weighted_columns_stand_where_a_picture_has_a_mask_and_are_averaged_where_all_rows_do() -> None:
    shots = [
        ImageScore("0.png", (), 48, 48, {name: {"psnr": 30.0, "ssim": 0.9, **more} for name in _SHIFTS})
        for more in ({"psnr_w": 20.0, "ssim_w": 0.5}, {})
    ]
    pictures = PictureSet("local", "deblur", "blur + sharp", (), ())
    local = SetScore(pictures, None, tuple(shots), ())
    lines = render([local, _FIVE[3]], ["large"], PROMPTIR).splitlines()
    assert lines[0].split()[4:] == ["PSNR", "SSIM", "PSNR-w", "SSIM-w"]
    assert lines[2].split()[-2:] == ["20.00", "0.5000"] and lines[4].split()[-2:] == ["–", "–"]
    assert next(line for line in lines if "2 rows" in line).split()[-2:] == ["–", "–"]
    assert "local: 1 of 2 pictures have a mask with blur in it." in lines
    twice = averages([local, local], "large", PROMPTIR)
    assert (twice[0]["psnr_w"], twice[0]["ssim_w"]) == (20.0, 0.5)


def test_the_input_of_super_resolution_is_named_for_what_it_is() -> None:
    image = ImageScore("0.png", (), 48, 48, {name: {"psnr": 30.0, "psnr_y": 32.0, "ssim_y": 0.9} for name in _SHIFTS})
    score = SetScore(PictureSet("Set5", "", "pictures", (), ()), Jpeg(10), (image,), ())
    text = render([score], ["large"], protocol_for("sr", 4))
    assert text.splitlines()[0].split()[4:] == ["PSNR-Y", "SSIM-Y", "PSNR"]
    assert "`input` is the small picture enlarged by bicubic interpolation." in text
    assert "without 4 pixels of border" in text


def test_sets_of_another_size_than_published_are_called_incomparable_once() -> None:
    text = render(_FIVE, ["large"], PROMPTIR)
    assert text.count("not comparable with published numbers") == 3
    assert "CBSD68: 2 pictures, the published set has 68" in text


def test_files_left_out_are_named() -> None:
    assert "mine: left out 2 (damaged): lost0.png, lost1.png" in render(
        [_score("mine", "denoise", 25, 30, left_out=2)], ["large"], PROMPTIR
    )


def test_what_one_degradation_leaves_out_besides_is_said_of_it() -> None:
    scores = [_score("mine", "denoise", 15, 30, left_out=1), _score("mine", "denoise", 25, 30, left_out=3)]
    lines = render(scores, ["large"], PROMPTIR).splitlines()
    assert "mine: left out 1 (damaged): lost0.png" in lines
    assert "mine, denoise σ=25: left out 2 (damaged): lost1.png, lost2.png" in lines
