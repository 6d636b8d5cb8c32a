"""Label Studio's tasks: what it exports itself, and what is none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from annotation.formats.model import FormatError, Reading
from annotation.formats.thi_ng import encode
from annotation.mask import MaskError
from tests.annotation.formats.world import only, read, refusal, ring, write


def rgba(alpha: Any) -> list[int]:
    """The runs of what the page paints: a colour, and the mask as alpha."""
    alpha = np.asarray(alpha, np.uint8)
    painted = np.stack([np.full_like(alpha, level) for level in (12, 34, 56)] + [alpha], axis=-1)
    return list(encode(painted.ravel()))


def region(runs: Any, width: Any = 3, height: Any = 2, labels: Any = ("blur",), **more: Any) -> dict[str, Any]:
    value = {"format": "rle", "rle": runs, "brushlabels": list(labels)}
    return {"type": "brushlabels", "original_width": width, "original_height": height, "value": value, **more}


def tasks_file(folder: Path, *regions: Any, data: Any = None, **changes: Any) -> Path:
    task = {"data": data or {"image": "p/a.jpg"}, "annotations": [{"result": list(regions)}], **changes}
    path = folder / "tasks.json"
    path.write_text(json.dumps([task]))
    return path


ALPHA = [[0, 255, 0], [255, 255, 0]]


def test_the_mask_is_the_alpha_of_what_was_painted(tmp_path: Path) -> None:
    mask = only("label-studio", tasks_file(tmp_path, region(rgba(ALPHA)))).load((3, 2))
    assert (mask * 255).tolist() == ALPHA


def test_regions_of_a_task_are_one_mask_and_other_tools_are_left_out(tmp_path: Path) -> None:
    box = {"type": "rectanglelabels", "value": {"x": 1}}
    parts = region(rgba([[255, 0, 0], [0, 0, 0]])), box, region(rgba([[0, 0, 0], [0, 0, 255]]))
    mask = only("label-studio", tasks_file(tmp_path, *parts)).load((3, 2))
    assert mask.astype(int).tolist() == [[1, 0, 0], [0, 0, 1]]


def test_soft_edges_of_the_brush_count_only_when_asked(tmp_path: Path) -> None:
    path = tasks_file(tmp_path, region(rgba([[0, 128, 0], [255, 255, 0]])))
    with pytest.raises(MaskError, match="its alpha has grey levels"):
        only("label-studio", path).load((3, 2))
    assert only("label-studio", path, Reading(any_nonzero=True)).load((3, 2)).sum() == 3


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("p/a.jpg", "p/a.jpg"),
        ("/data/local-files/?d=p%2Fa.jpg", "p/a.jpg"),
        ("/data/local-files/?d=p/ä%20b.jpg", "p/ä b.jpg"),
        ("/data/upload/12/0123abcd-a.jpg", "a.jpg"),
        ("s3://bucket/p/a.jpg", "p/a.jpg"),
        ("https://example.org/p/a.jpg?token=1", "p/a.jpg"),
    ],
)
def test_addresses_of_images_are_understood(address: str, name: str, tmp_path: Path) -> None:
    assert only("label-studio", tasks_file(tmp_path, region(rgba(ALPHA)), data={"image": address})).names[0] == name


def test_our_own_name_comes_first(tmp_path: Path) -> None:
    write("label-studio", {"s01/00": ring()}, tmp_path)
    assert only("label-studio", tmp_path).names[:2] == ("s01/00", "s01/00.jpg")


def test_only_one_annotation_of_a_task_can_be_meant(tmp_path: Path) -> None:
    one = {"result": [region(rgba(ALPHA))]}
    assert "2 people annotated it" in refusal("label-studio", tasks_file(tmp_path, annotations=[one, one]))
    cancelled = {"was_cancelled": True, "result": []}
    assert only("label-studio", tasks_file(tmp_path, annotations=[one, cancelled])).load((3, 2)).sum() == 3


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        (region([1, 2, 3]), "end too early"),
        (region([256]), "no bytes"),
        (region([-1]), "no bytes"),
        (region([None]), "no bytes"),
        (region("abc"), "no list"),
        (region(rgba([[0, 0], [0, 0]])), "for 16 values, its size asks for 24"),
        ({**region([]), "value": {"format": "png"}}, "not in the format rle"),
    ],
)
def test_regions_that_are_none(broken: Any, says: str, tmp_path: Path) -> None:
    found = only("label-studio", tasks_file(tmp_path, broken))
    with pytest.raises(MaskError, match=says):
        found.load((3, 2))


@pytest.mark.parametrize(
    ("task", "says"),
    [
        ({"annotations": None}, "its annotations is no list"),
        ({"annotations": []}, "no brush region"),
        ({"annotations": [{"result": [region([], width=10**9, height=10**9)]}]}, "too large"),
        ({"annotations": [{"result": [region([]), region([], width=4)]}]}, "of different sizes"),
        ({"annotations": [{"result": [region([], image_rotation=90)]}]}, "rotated"),
        ({"annotations": [{"result": [5]}]}, "a region is no table"),
        ({"data": {"number": 3}}, "its data names no image"),
        ({"data": {"image": "http://[bad"}}, "its data names no image"),
        ({"data": []}, "its data is no table"),
    ],
)
def test_tasks_that_are_none(task: dict[str, Any], says: str, tmp_path: Path) -> None:
    changes = {"annotations": [{"result": [region(rgba(ALPHA))]}], "data": {"image": "a.jpg"}, **task}
    path = tmp_path / "tasks.json"
    path.write_text(json.dumps([changes]))
    assert says in refusal("label-studio", path)


def test_another_size_is_named_beside_that_of_the_image(tmp_path: Path) -> None:
    with pytest.raises(MaskError, match="the mask is 3x2, its image 40x30"):
        only("label-studio", tasks_file(tmp_path, region(rgba(ALPHA)))).load((40, 30))


def test_other_json_is_no_list_of_tasks(tmp_path: Path) -> None:
    (tmp_path / "tasks.json").write_text("{}")
    with pytest.raises(FormatError, match="no list of tasks"):
        read("label-studio", tmp_path)
