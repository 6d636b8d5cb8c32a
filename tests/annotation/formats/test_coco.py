"""COCO files of other tools, and what they may not be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from annotation.formats.coco_rle import encode
from annotation.formats.model import FormatError, Found, Reading
from annotation.mask import MaskError
from tests.annotation.formats.world import only, read, refusal, ring, write

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # pycocotools' own


def coco_file(folder: Path, segmentation: Any, **changes: Any) -> Path:
    """A file with one annotation of one image."""
    content = {
        "images": [{"id": 7, "file_name": "p/a.jpg", "width": 40, "height": 30}],
        "annotations": [{"id": 1, "image_id": 7, "category_id": 3, "segmentation": segmentation}],
        "categories": [{"id": 3, "name": "blur"}],
        **changes,
    }
    path = folder / "instances.json"
    path.write_text(json.dumps(content))
    return path


def test_pycocotools_reads_what_is_written(tmp_path: Path) -> None:
    tool = pytest.importorskip("pycocotools.coco", reason="pycocotools is not installed")
    mask = ring()
    for form in ("coco-rle", "coco-rle-uncompressed"):
        write(form, {"a": mask, "s/b": ~mask}, tmp_path)
        theirs = tool.COCO(str(tmp_path / "annotations.json"))
        for annotation, expected in zip(theirs.loadAnns(theirs.getAnnIds()), (mask, ~mask), strict=True):
            assert np.array_equal(theirs.annToMask(annotation), expected)
            assert annotation["area"] == expected.sum()
    assert theirs.loadAnns([1])[0]["bbox"] == [8, 5, 22, 20]
    assert [image["file_name"] for image in theirs.loadImgs(theirs.getImgIds())] == ["a.jpg", "s/b.jpg"]


def test_several_annotations_of_an_image_are_one_mask(tmp_path: Path) -> None:
    counts = {"size": [30, 40], "counts": encode(ring()).tolist()}
    parts = [counts, [[0, 0, 3, 0, 3, 2, 0, 2]]]
    annotations = [{"image_id": 7, "category_id": 3, "segmentation": part} for part in parts]
    expected = ring()
    expected[:2, :3] = True
    found = only("coco-rle", coco_file(tmp_path, None, annotations=annotations))
    assert found.names == ("p/a.jpg",)
    assert np.array_equal(found.load((40, 30)), expected)


def test_one_of_several_labels_must_be_named(tmp_path: Path) -> None:
    names = [{"id": 3, "name": "car"}, {"id": 4, "name": "blur"}]
    path = coco_file(tmp_path, [[0, 0, 3, 0, 3, 2]], categories=names)
    with pytest.raises(FormatError, match=r"several labels \(blur, car\): say which means blurred with --label"):
        read("coco-rle", path)
    assert isinstance(only("coco-rle", path, Reading(label="car")), Found)
    assert "no annotation with the label" in refusal("coco-rle", path, Reading(label="blur"))
    with pytest.raises(FormatError, match=r"nothing in instances\.json is labelled 'fog'"):
        read("coco-rle", path, Reading(label="fog"))


@pytest.mark.parametrize(
    ("segmentation", "says"),
    [
        ({"size": [30, 40], "counts": [1200, 1]}, "do not add up"),
        ({"size": [30, 40], "counts": [-5, 1205]}, "run of -5"),
        ({"size": [40, 30], "counts": [1200]}, r"is \[40, 30\], of its image \[30, 40\] \(height, width\)"),
        ({"size": [30, 40], "counts": "\x7f"}, "cannot be"),
        ({"size": [30, 40]}, "no list of numbers"),
        ({"counts": [1200]}, "size of its segmentation is no list"),
        ([[0, 0, 1]], "odd number"),
        ([[0, 0, 1, 1]], "at least three"),
        ([None], "no list"),
        (5, "no table"),
    ],
)
def test_segmentations_that_are_none(segmentation: Any, says: str, tmp_path: Path) -> None:
    found = only("coco-rle", coco_file(tmp_path, segmentation))
    with pytest.raises(MaskError, match=says):
        found.load((40, 30))


def test_another_size_is_named_beside_that_of_the_image(tmp_path: Path) -> None:
    found = only("coco-rle", coco_file(tmp_path, [[0, 0, 3, 0, 3, 2]]))
    with pytest.raises(MaskError, match="the mask is 40x30, its image 20x15"):
        found.load((20, 15))


@pytest.mark.parametrize("size", [{"width": 0, "height": 3}, {"width": 10**6, "height": 10**6}, {"width": "4"}, {}])
def test_images_of_impossible_sizes(size: dict[str, Any], tmp_path: Path) -> None:
    images = [{"id": 7, "file_name": "a.jpg", **size}]
    assert refusal("coco-rle", coco_file(tmp_path, [], images=images))


@pytest.mark.parametrize(
    "changes", [{"images": {}}, {"annotations": [5]}, {"categories": [{"id": 1}]}, {"images": None}]
)
def test_files_that_are_no_coco(changes: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"instances\.json is no COCO file of instances: "):
        read("coco-rle", coco_file(tmp_path, [], **changes))


def test_a_folder_with_two_files_is_not_guessed_at(tmp_path: Path) -> None:
    for name in ("a.json", "b.json"):
        (tmp_path / name).write_text("{}")
    with pytest.raises(FormatError, match="there are 2 files"):
        read("coco-rle", tmp_path)
    with pytest.raises(FormatError, match="there is no file or folder"):
        read("coco-rle", tmp_path / "nothing")


def test_a_file_that_only_takes_time_is_refused(tmp_path: Path) -> None:
    one = {"image_id": 7, "category_id": 3, "segmentation": {"size": [30, 40], "counts": [1200]}}
    found = only("coco-rle", coco_file(tmp_path, None, annotations=[one] * 1001))
    with pytest.raises(MaskError, match="1,001 masks are for one image"):
        found.load((40, 30))
