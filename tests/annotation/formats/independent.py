"""Reads exported masks with other people's programs, each in an environment of its own, and compares them.

    python tests/annotation/formats/independent.py --label-studio VENV/bin/python --datumaro VENV/bin/python

Label Studio's SDK and datumaro pin other versions of OpenCV and numpy than this project, so neither can be installed
beside it: make an environment for each (`python -m venv V; V/bin/pip install label-studio-sdk` or `datumaro`) and name
its interpreter. Prints one line for each comparison and ends with 1 if any mask differs. pycocotools is compared in
the ordinary tests.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from annotation.formats.files import write_file
from annotation.formats.model import Found
from annotation.mask import Mask
from tests.annotation.formats.world import png_bytes, read, read_masks, ring, write

_LABEL_STUDIO = """
import json, sys
import numpy as np
from label_studio_sdk.converter.brush import decode_rle, mask2rle
tasks = json.load(open(sys.argv[1] + "/tasks.json"))
for task in tasks:
    region = task["annotations"][0]["result"][0]
    width, height = region["original_width"], region["original_height"]
    alpha = decode_rle(region["value"]["rle"]).reshape(height, width, 4)[:, :, 3]
    np.save(sys.argv[1] + f"/{task['id']}.npy", alpha)
    region["value"]["rle"] = [int(value) for value in mask2rle(alpha)]
json.dump(tasks, open(sys.argv[1] + "/theirs.json", "w"))
"""

_DATUMARO = """
import sys
import numpy as np
from datumaro import Dataset
from datumaro.components.annotation import AnnotationType
folder, name = sys.argv[1:]
for item in Dataset.import_from(folder, name):
    mask = np.zeros((30, 40), bool)
    for part in item.annotations:
        if part.type == AnnotationType.mask:
            mask |= np.asarray(part.image).astype(bool)
    np.save(f"{folder}/{item.id.removesuffix('.jpg').replace('/', '-')}.npy", mask)
"""

_DATUMARO_WRITES = """
import sys
import numpy as np
from datumaro import Dataset, DatasetItem
from datumaro.components.annotation import Mask
from datumaro.components.media import Image
folder, name = sys.argv[1:]
masks = np.load(folder + "/masks.npz")
items = [
    DatasetItem(
        id=image,
        subset="train",
        media=Image.from_numpy(data=np.zeros((30, 40, 3), np.uint8)),
        annotations=[Mask(masks[image].astype(np.uint8), label=0, id=1, group=1)],
    )
    for image in masks
]
Dataset.from_iterable(items, categories=["blur"]).export(folder + "/theirs", name, save_media=True)
"""


def masks() -> dict[str, Mask]:
    """Noise, a ring, almost nothing, and everything."""
    noise = np.random.default_rng(0).random((30, 40)) < 0.5
    dot = np.zeros((30, 40), np.bool_)
    dot[29, 39] = True
    return {"a": noise, "s01/b": ring(), "c": dot, "d": ~np.zeros((30, 40), np.bool_)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--label-studio", metavar="PYTHON", help="of an environment with label-studio-sdk")
    parser.add_argument("--datumaro", metavar="PYTHON", help="of an environment with datumaro")
    arguments = parser.parse_args()
    differing = 0
    with tempfile.TemporaryDirectory() as folder:
        if arguments.label_studio:
            differing += _label_studio(arguments.label_studio, Path(folder) / "label-studio")
        if arguments.datumaro:
            differing += _datumaro(arguments.datumaro, Path(folder))
    return 1 if differing else 0


def _label_studio(python: str, folder: Path) -> int:
    content = masks()
    folder.mkdir()
    write("label-studio", content, folder)
    subprocess.run([python, "-c", _LABEL_STUDIO, str(folder)], check=True)
    theirs = [np.load(folder / f"{number}.npy") for number in range(1, len(content) + 1)]
    levels = {int(level) for alpha in theirs for level in np.unique(alpha)}
    differing = _compare("label-studio: theirs reads ours", content, [alpha == 255 for alpha in theirs])
    print(f"label-studio: levels of alpha that theirs reads: {sorted(levels)}")
    (folder / "tasks.json").unlink()
    back = read_masks("label-studio", folder / "theirs.json", [(40, 30)] * len(content))
    return differing + _compare("label-studio: ours reads theirs", content, back)


def _datumaro(python: str, home: Path) -> int:
    differing = 0
    # What each importer takes for its own layout, and where our file goes in it.
    coco = "coco_instances", "annotations/instances_train.json", "images/train"
    layouts = (("coco-rle", *coco), ("coco-rle-uncompressed", *coco), ("cvat", "cvat", "annotations.xml", "images"))
    for form, name, place, images in layouts:
        folder = home / form
        folder.mkdir()
        content = masks()
        (written, *_) = {file for each in write(form, content, folder) for file in each.files}
        (folder / place).parent.mkdir(exist_ok=True)
        (folder / written).rename(folder / place)
        for image in content:
            write_file(folder / images / f"{image}.jpg", png_bytes(np.zeros((30, 40, 3), np.uint8)))
        subprocess.run([python, "-c", _DATUMARO, str(folder), name], check=True)
        theirs = [np.load(folder / f"{image.replace('/', '-')}.npy") for image in content]
        differing += _compare(f"datumaro reads our {form}", content, theirs)
    for form, name, place in (
        ("coco-rle", "coco_instances", "annotations/instances_train.json"),
        ("cvat", "cvat", "train.xml"),
    ):
        folder = home / f"{form}-theirs"
        folder.mkdir()
        content = masks()
        np.savez(folder / "masks.npz", allow_pickle=False, **content)
        subprocess.run([python, "-c", _DATUMARO_WRITES, str(folder), name], check=True)
        back = {found.names[0]: found for found in read(form, folder / "theirs" / place) if isinstance(found, Found)}
        ours = [back[f"{image}.jpg"].load((40, 30)) for image in content]
        differing += _compare(f"ours reads {form} of datumaro", content, ours)
    return differing


def _compare(what: str, content: dict[str, Mask], back: list[Mask]) -> int:
    wrong = [name for (name, mask), other in zip(content.items(), back, strict=True) if not np.array_equal(mask, other)]
    print(f"{what}: {len(content) - len(wrong)} of {len(content)} masks equal{f', not {wrong}' if wrong else ''}")
    return len(wrong)


if __name__ == "__main__":
    sys.exit(main())
