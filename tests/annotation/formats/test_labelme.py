"""labelme's JSON: crops, polygons, and what labelme itself writes."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from annotation.formats.model import Reading
from annotation.mask import MaskError, encode_mask
from tests.annotation.formats.world import only, png_bytes, refusal, ring, write

CROP = np.array([[True, False, True], [False, True, False]])


def shape(points: Any, data: Any = None, kind: str = "mask", label: str = "blur") -> dict[str, Any]:
    coded = base64.b64encode(data).decode() if isinstance(data, bytes) else data
    return {"label": label, "points": points, "shape_type": kind, "mask": coded}


def labelme_file(folder: Path, *shapes: Any, **changes: Any) -> Path:
    content = {"shapes": list(shapes), "imagePath": "a.jpg", "imageWidth": 6, "imageHeight": 5, **changes}
    path = folder / "holiday" / "b.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(content))
    return folder


def expected(left: int, top: int) -> Any:
    mask = np.zeros((5, 6), np.bool_)
    mask[top : top + 2, left : left + 3] = CROP
    return mask


def test_the_crop_stands_at_its_first_point(tmp_path: Path) -> None:
    found = only("labelme", labelme_file(tmp_path, shape([[2, 1], [4, 2]], encode_mask(CROP))))
    assert np.array_equal(found.load((6, 5)), expected(2, 1))


@pytest.mark.parametrize("second", [[4.0, 2.0], [5.0, 3.0]], ids=("last pixel", "first pixel behind"))
def test_labelme_writes_1_for_what_is_marked(second: list[float], tmp_path: Path) -> None:
    crop = png_bytes(CROP.astype(np.uint8))
    found = only("labelme", labelme_file(tmp_path, shape([[2.0, 1.0], second], crop)))
    assert np.array_equal(found.load((6, 5)), expected(2, 1))


def test_grey_levels_count_only_when_asked(tmp_path: Path) -> None:
    grey = shape([[2, 1], [4, 2]], png_bytes(CROP.astype(np.uint8) * 100))
    with pytest.raises(MaskError, match="values 0 … 100"):
        only("labelme", labelme_file(tmp_path, grey)).load((6, 5))
    found = only("labelme", labelme_file(tmp_path, grey), Reading(any_nonzero=True))
    assert np.array_equal(found.load((6, 5)), expected(2, 1))


def test_masks_and_polygons_of_a_file_are_one_mask(tmp_path: Path) -> None:
    polygon = shape([[0, 4], [1, 4], [1, 5], [0, 5]], None, "polygon")
    mask = only("labelme", labelme_file(tmp_path, shape([[2, 1], [4, 2]], encode_mask(CROP)), polygon)).load((6, 5))
    assert mask[4, 0]
    assert mask.sum() == 1 + CROP.sum()


def test_the_image_lies_beside_its_file(tmp_path: Path) -> None:
    crop = shape([[2, 1], [4, 2]], encode_mask(CROP))
    assert only("labelme", labelme_file(tmp_path, crop)).names == ("holiday/a.jpg", "holiday/b")
    windows = labelme_file(tmp_path, crop, imagePath="..\\pictures\\c.png")
    assert only("labelme", windows).names == ("holiday/c.png", "holiday/b")


def test_what_is_written_has_every_field_that_labelme_asks_for(tmp_path: Path) -> None:
    write("labelme", {"s01/00": ring()}, tmp_path)
    content = json.loads((tmp_path / "s01" / "00.json").read_text())
    assert set(content) == {"version", "flags", "shapes", "imagePath", "imageData", "imageHeight", "imageWidth"}
    (written,) = content["shapes"]
    assert set(written) == {"label", "points", "group_id", "description", "shape_type", "flags", "mask"}
    assert written["points"] == [[8, 5], [29, 24]]
    assert content["imagePath"] == "00.jpg"


GOOD = base64.b64encode(encode_mask(CROP)).decode()


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        (shape([[2, 1], [4, 2]], "%%%"), "not in base64"),
        (shape([[2, 1], [4, 2]], "ä"), "not in base64"),
        (shape([[2, 1], [4, 2]], None), "no text"),
        (shape([[2, 1], [4, 2]], b"no picture"), "no PNG"),
        (shape([[2, 1], [9, 2]], GOOD), "a mask of 3x2 pixels does not fit its points"),
        (shape([[5, 1], [7, 2]], GOOD), "reaches out of the image"),
        (shape([[-1, 1], [1, 2]], GOOD), "reaches out of the image"),
        (shape([[2, 1]], GOOD), "1 points, not two"),
        (shape([[2, 1], [1e300, 2]], GOOD), "no pair of numbers"),
        (shape([[2, 1], ["4", 2]], GOOD), "no pair of numbers"),
        (shape("ab", GOOD), "no list"),
        (shape([[0, 0], [1, 1]], None, "polygon"), "at least three"),
        (shape([[0, 0], [1, 1]], None, "rectangle"), "neither a mask nor a polygon"),
    ],
)
def test_shapes_that_are_none(broken: dict[str, Any], says: str, tmp_path: Path) -> None:
    found = only("labelme", labelme_file(tmp_path, broken))
    with pytest.raises(MaskError, match=says):
        found.load((6, 5))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"shapes": None}, "its shapes is no list"),
        ({"shapes": [3]}, "a shape is no table"),
        ({"imageWidth": None}, "its width is no whole number"),
        ({"imageWidth": 10**9, "imageHeight": 10**9}, "too large"),
        ({"shapes": []}, "no shape with the label"),
        ({"shapes": [shape([], label="a"), shape([], label="b")]}, "several labels"),
    ],
)
def test_files_that_are_none_of_labelme(changes: dict[str, Any], says: str, tmp_path: Path) -> None:
    assert says in refusal("labelme", labelme_file(tmp_path, **changes))


def test_a_large_picture_in_a_few_bytes_is_not_decoded(tmp_path: Path) -> None:
    bomb = png_bytes(np.zeros((1, 1), np.uint8))
    bomb = bomb[:16] + (100_000).to_bytes(4, "big") * 2 + bomb[24:]
    with pytest.raises(MaskError, match="larger than its image"):
        only("labelme", labelme_file(tmp_path, shape([[0, 0], [1, 1]], bomb))).load((6, 5))
