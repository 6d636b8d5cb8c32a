"""Masks as files beside pictures, as subjects: which belong together is told by their names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from annotation.check.finding import Finding, Subject
from annotation.check.reading import read_mask
from annotation.formats.files import MASK_FILE_BYTES, files_below, read_bounded
from annotation.formats.model import FormatError
from annotation.mask import Mask
from annotation.pictures import Pictures
from annotation.records import Item
from annotation.sources.examine import examine
from annotation.sources.folder import FolderSource
from annotation.sources.names import item_names, safe_name
from annotation.sources.source import Candidate
from annotation.store import Refused
from million_ird.errors import UsageError

_MASKS = ("mask", "masks")
_IMAGES = ("image", "images", "blur", "blurred", "dataset")
_SHARP = ("sharp",)
_ENDINGS = (".png", ".bmp", ".tif", ".tiff", ".gif", ".webp", ".jpg", ".jpeg")
_MASK_MARK = re.compile(r"(?P<stem>.+)[._-](mask|m)", re.IGNORECASE)
"""How masks are called that lie in one folder with their pictures."""
_EXTRA = re.compile(r"[._-](mask|m|gt|label|blur|blurred|sharp)$", re.IGNORECASE)
_LEADING_ZEROS = re.compile(r"(?<!\d)0+(?=\d)")


@dataclass(frozen=True, slots=True)
class Folders:
    """Where masks and pictures are. `sharp` is None where pairs are told by the ending of their names."""

    masks: Path
    images: Path
    sharp: Path | None = None


@dataclass(frozen=True, slots=True)
class _Picture:
    source: FolderSource
    candidate: Candidate


def find_folders(place: Path, images: Path | None = None, sharp: Path | None = None) -> Folders:
    """The folders of masks and pictures that a person meant.

    Args:
        place: the masks; or a folder with `masks` and `images` (`mask`, `image`, `blur`, `blurred`, `dataset`,
            `sharp`) in it; or one where `a.jpg` lies beside `a_mask.png`.
        images: the pictures, where `place` holds the masks alone.
        sharp: the sharp frames of pairs.

    Raises:
        UsageError: there is no such folder.
    """
    if not place.is_dir():
        raise UsageError(f"there is no folder or project {place}")
    for folder in (images, sharp):
        if folder is not None and not folder.is_dir():
            raise UsageError(f"there is no folder {folder}")
    inner = _inner(place, _MASKS)
    if images is not None:
        return Folders(inner or place, images, sharp)
    if inner is None:
        return Folders(place, place, sharp)
    found = _inner(place, _IMAGES)
    if found is None:
        raise UsageError(
            f"{place} has masks in {inner.name}, but no folder {' or '.join(_IMAGES)}: name it by --images"
        )
    return Folders(inner, found, sharp or _inner(place, _SHARP))


def folder_subjects(folders: Folders, only: str | None = None) -> Iterator[Subject]:
    """Every mask with its picture, then masks without a picture, then pictures without a mask.

    Args:
        folders: where they are.
        only: a name; everything where None.

    Raises:
        UsageError: there is no mask, or a folder cannot be listed.
    """
    masks, source = _mask_files(folders), FolderSource.at(str(folders.images), str(folders.sharp or ""))
    pictures, refused = _pictures(source, folders)
    matched: dict[str, str] = {}  # item name → the mask that has it
    alone: list[tuple[str, Path]] = []
    by_name = _names(pictures)
    for key, path in masks:
        name = by_name.get(key)
        if name is None:
            alone.append((key, path))
        elif name in matched:
            text = f"{matched[name]} is a mask of the same picture: remove one of them"
            if only in (None, name):
                yield _alone(folders, name, path, Finding("misnamed", "error", text))
        else:
            matched[name] = path.relative_to(folders.masks).as_posix()
            if only in (None, name):
                yield _subject(folders, name, path, pictures[name])
    free = {name: picture for name, picture in pictures.items() if name not in matched}
    for key, path in alone:
        if only in (None, key):
            yield _alone(folders, key, path, _no_picture(key, path, free))
    for name, picture in free.items():
        if only in (None, name):
            text = "no mask of that name: draw one, or leave the picture out"
            where = picture.candidate.blurred
            yield Subject(name, where, None, None, (Finding("no_mask", "warning", text),), counts=False)
    for bad in refused:
        if only in (None, bad.place):
            finding = Finding("picture", "error", f"{bad.reason.replace('_', ' ')}: {bad.detail}")
            yield Subject(bad.place, bad.place, None, None, (finding,), counts=False)


def number_of_masks(folders: Folders) -> int:
    """How many files `folder_subjects` takes for masks."""
    return len(_mask_files(folders))


def _inner(place: Path, names: tuple[str, ...]) -> Path | None:
    return next((place / name for name in names if (place / name).is_dir()), None)


def _mask_files(folders: Folders) -> list[tuple[str, Path]]:
    """(name without ending, path) of every mask."""
    try:
        files = files_below(folders.masks, _ENDINGS)
    except FormatError as error:
        raise UsageError(str(error)) from None
    found = []
    for relative, path in files:
        key = item_names(relative)[0]
        if folders.masks == folders.images:
            mark = _MASK_MARK.fullmatch(key)
            if mark is None:
                continue
            key = mark["stem"]
        found.append((key, path))
    if not found:
        hint = " (called like a_mask.png, beside a.jpg); else name the pictures' folder by --images"
        raise UsageError(f"there is no mask below {folders.masks}{hint if folders.masks == folders.images else ''}")
    return found


def _pictures(source: FolderSource, folders: Folders) -> tuple[dict[str, _Picture], list[Refused]]:
    """Item name → picture, and files that are none."""
    pictures: dict[str, _Picture] = {}
    refused = []
    for candidate in source.candidates():
        if isinstance(candidate, Refused):
            refused.append(candidate)
        elif folders.masks != folders.images or _MASK_MARK.fullmatch(candidate.name) is None:
            name = candidate.name if candidate.name not in pictures else candidate.other_name
            pictures[name] = _Picture(source, candidate)
    return pictures, refused


def _names(pictures: dict[str, _Picture]) -> dict[str, str]:
    """Everything that a mask may be called → the item it belongs to."""
    names = {}
    for name, picture in pictures.items():
        names[item_names(picture.candidate.blurred)[0]] = name  # 00_blur.png for the pair 00
        names[safe_name(picture.candidate.blurred)] = name  # a.jpg.png for a.jpg
    return names | {name: name for name in pictures}


def _no_picture(key: str, path: Path, free: dict[str, _Picture]) -> Finding:
    near = [name for name in free if _plain(name) == _plain(key)]
    near = near or [name for name in free if _plain(name).rpartition("/")[2] == _plain(key).rpartition("/")[2]]
    if len(near) == 1:
        text = f"there is no picture {key}; {near[0]} has no mask: call the mask {near[0]}{path.suffix}"
        return Finding("misnamed", "error", text)
    return Finding("no_image", "error", f"there is no picture {key}: bring it, or remove the mask")


def _plain(name: str) -> str:
    """A name without what people add, leave out or spell otherwise."""
    return _LEADING_ZEROS.sub("", _EXTRA.sub("", name.casefold()))


def _alone(folders: Folders, key: str, path: Path, finding: Finding) -> Subject:
    mask, found = _read(path, None)
    return Subject(key, path.relative_to(folders.masks).as_posix(), mask, None, (finding, *found))


def _subject(folders: Folders, name: str, path: Path, picture: _Picture) -> Subject:
    where = path.relative_to(folders.masks).as_posix()
    found = examine(picture.source, picture.candidate)
    if isinstance(found, Refused):
        text = f"{found.place}: {found.reason.replace('_', ' ')} ({found.detail})"
        mask, wrong = _read(path, None)
        return Subject(name, where, mask, None, (Finding("picture", "error", text), *wrong))
    item = Item(
        id=0,
        name=name,
        width=found.width,
        height=found.height,
        is_pair=found.sharp is not None,
        blurred=found.blurred,
        sharp=found.sharp,
        sha256=found.sha256,
        provenance=found.provenance,
        sharp_sha256=found.sharp_sha256,
        source=1,
    )
    pictures = Pictures({1: picture.source})
    size = (found.width, found.height)
    mask, wrong = _read(path, size)
    sharp = partial(pictures.pixels, item, "sharp") if item.is_pair else None
    return Subject(name, where, mask, size, wrong, partial(pictures.pixels, item), sharp)


def _read(path: Path, size: tuple[int, int] | None) -> tuple[Mask | None, tuple[Finding, ...]]:
    try:
        data = read_bounded(path, MASK_FILE_BYTES)
    except FormatError as error:
        return None, (Finding("undecodable", "error", str(error)),)
    return read_mask(data, size)
