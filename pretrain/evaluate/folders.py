"""Test sets in folders, recognised by how the published ones are laid out (docs/evaluation.md has the table).

A folder with degraded and clean pictures in two folders side by side is a set of pairs, perhaps with masks of where
they are degraded; a folder of pictures is a set of clean ones, which are degraded here; a folder of such folders is all
of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path

from million_ird.errors import UsageError
from pretrain.evaluate.blur_and_sharp import pairs_by_ending
from pretrain.evaluate.picture_set import Item, PictureSet
from pretrain.images import entries, image_files, shown_name
from pretrain.pairs import LeftOut, Rule, pair_by_name

DEGRADED = {
    "rainy": "derain",
    "rain": "derain",
    "rain/x2": "derain",
    "hazy": "dehaze",
    "haze": "dehaze",
    "synthetic": "dehaze",
    "blurry": "deblur",
    "blur": "deblur",
    "input": "",
    "lq": "",
    "degraded": "",
}
"""Folder of degraded pictures, in lower case → what it says of the task ("": nothing)."""

CLEAN_OF_PAIRS = ("target", "gt", "norain", "clear", "clean", "groundtruth", "original", "sharp", "hq")
"""Folders of clean pictures beside degraded ones, in lower case; the first that is there counts."""

MASKS = ("mask", "masks", "blur_mask", "blur_masks")
"""Folders of masks beside those of pairs, in lower case; the first that is there counts."""

CLEAN = ("hr", "original_png", "gt", "original", "clean", "gtmod12", "image_srf_2", "image_srf_3", "image_srf_4")
"""Folders that a set of clean pictures may lie in, in lower case; the first that is there counts."""

_WORDS = (("rain", "derain"), ("haz", "dehaze"), ("sots", "dehaze"), ("reside", "dehaze"), ("blur", "deblur"))
_TELLS_NOTHING = {"outdoor", "indoor", "test", "val", "train", "images", "data"}
_DEPTH = 4


def find_sets(folder: Path) -> list[PictureSet]:
    """The test sets in a folder.

    Raises:
        UsageError: no such folder, nothing in it is known as a test set, or degraded pictures have no clean ones.
    """
    folder = folder.resolve()
    if DEGRADED.get(folder.name.lower()) and image_files(folder):
        raise UsageError(
            f"{folder} holds degraded pictures by its name: name the folder above, or use --input, --target"
        )
    found = _find(folder, _DEPTH)
    if not found:
        raise UsageError(
            f"{folder} holds no test set of a known layout; name two folders with --input and --target instead"
        )
    return found


def set_of_pairs(degraded: Path, clean: Path, rule: Rule | None = None) -> PictureSet:
    """The set of two folders of any names.

    Raises:
        UsageError: a folder is missing or without pictures, or not one name fits another.
    """
    degraded, clean = degraded.resolve(), clean.resolve()
    lists = image_files(degraded), image_files(clean)
    for folder, files in zip((degraded, clean), lists, strict=True):
        if not files:
            raise UsageError(f"{folder} holds no pictures")
    found = _pairs(degraded, lists[0], lists[1], f"{degraded.name} + {clean.name}", rule)
    if not found.items:
        raise UsageError(f"no picture in {degraded} has the name of one in {clean}")
    return found


def with_own_names(sets: Sequence[PictureSet]) -> list[PictureSet]:
    """The sets, of which no two have one name: a second `Set5` becomes `Set5 (2)`."""
    named: dict[str, PictureSet] = {}
    for each in sets:
        numbered = (f"{each.name} ({number})" for number in count(2))
        name = each.name if each.name not in named else next(name for name in numbered if name not in named)
        named[name] = replace(each, name=name)
    return list(named.values())


def _find(folder: Path, depth: int) -> list[PictureSet]:
    folders = {path.name.lower(): path for path in entries(folder) if path.is_dir()}
    files = image_files(folder)
    pairs, alone = pairs_by_ending(folder)
    if pairs:
        return [PictureSet(_name(folder), "deblur", "blur and sharp by ending", tuple(pairs), tuple(alone))]
    found = _paired_layout(folders, files) or _clean_layout(folder, folders, files)
    if found is not None:
        return [found]
    return [inner for path in folders.values() for inner in _find(path, depth - 1)] if depth else []


def _paired_layout(folders: dict[str, Path], files: Sequence[Path]) -> PictureSet | None:
    """Degraded pictures in a folder with such a name, and clean ones in one beside it, or beside it themselves.

    Raises:
        UsageError: there are none; they must not be taken for clean ones.
    """
    for name in DEGRADED:
        home = folders.get(name.split("/")[0])
        inner = home / "X2" if home and "/" in name else home
        degraded = image_files(inner) if inner and inner.is_dir() else []
        if inner is None or not degraded:
            continue
        for clean_name in CLEAN_OF_PAIRS:
            if clean_name in folders and (clean := image_files(folders[clean_name])):
                return _pairs(inner, degraded, clean, f"{inner.name} + {folders[clean_name].name}")
        if not files:
            raise UsageError(f"{inner} holds degraded pictures, and nothing beside it clean ones (target, gt, …)")
        return _pairs(inner, degraded, files, f"{inner.name} + pictures beside it")
    return None


def _clean_layout(folder: Path, folders: dict[str, Path], files: Sequence[Path]) -> PictureSet | None:
    if files:
        return _clean_set(folder, files, "pictures")
    for name in CLEAN:
        if name in folders and (inner := image_files(folders[name])):
            return _clean_set(folder, inner, folders[name].name)
    return None


def _clean_set(folder: Path, files: Sequence[Path], layout: str) -> PictureSet:
    """A set of clean pictures; where `…_HR` and `…_LR` lie together (Urban100, image_SRF_*), the former."""
    high = [file for file in files if file.stem.endswith("_HR")]
    others = [file for file in files if high and not file.stem.endswith(("_HR", "_LR"))]
    items = tuple(Item(shown_name(file.name), None, file) for file in high or files)
    left_out = tuple(LeftOut(file, "neither an _HR nor an _LR picture, as the others are") for file in others)
    return PictureSet(_name(folder), "", layout, items, left_out)


def _pairs(
    folder: Path, degraded: Sequence[Path], clean: Sequence[Path], layout: str, rule: Rule | None = None
) -> PictureSet:
    pairing = pair_by_name(degraded, clean, rule or "auto")
    masks = _masks_beside(folder)
    items = tuple(
        Item(shown_name(pair.degraded.name), pair.degraded, pair.clean, masks.get(pair.degraded.stem.casefold()))
        for pair in pairing.pairs
    )
    home = folder.parent.parent if folder.name == "X2" else folder.parent
    return PictureSet(_name(home), _task(folder, pairing.rule), layout, items, pairing.left_out)


def _masks_beside(folder: Path) -> dict[str, Path]:
    """Masks in a folder beside `folder`, by name in lower case without suffix."""
    beside = {path.name.lower(): path for path in entries(folder.parent) if path.is_dir()}
    found = next((beside[name] for name in MASKS if name in beside), None)
    return {path.stem.casefold(): path for path in image_files(found)} if found is not None else {}


def _task(folder: Path, rule: Rule) -> str:
    said = DEGRADED.get(folder.name.lower(), "")
    if said or rule != "same":
        return said or {"rain": "derain", "haze": "dehaze"}[rule]
    for part in (folder.name, folder.parent.name, folder.parent.parent.name):
        for word, task in _WORDS:
            if word in part.lower():
                return task
    return "restore"


def _name(folder: Path) -> str:
    """What a set is called: its folder, with the one above where the folder's own name says little."""
    if folder.name.lower() in CLEAN:
        return _name(folder.parent)
    return f"{folder.parent.name}/{folder.name}" if folder.name.lower() in _TELLS_NOTHING else folder.name
