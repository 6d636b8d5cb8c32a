"""Masks as files beside pictures, as subjects: which belong together is told by their names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from annotation.check.finding import Finding, Subject
from annotation.check.folder_pictures import FolderPictures
from annotation.check.reading import read_mask
from annotation.formats.files import MASK_FILE_BYTES, files_below, read_bounded
from annotation.formats.model import FormatError
from annotation.mask import Mask
from annotation.sources.names import item_names
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

    @property
    def is_mixed(self) -> bool:
        """Whether masks lie among the pictures."""
        return self.masks == self.images


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
    """Every mask with its picture, then masks without a picture, pictures without a mask, and files that are neither.

    Args:
        folders: where they are.
        only: a name; everything where None.

    Raises:
        UsageError: there is no mask, or a folder cannot be listed.
    """
    masks = _masks(folders)
    pictures = FolderPictures(folders.images, folders.sharp, _is_marked if folders.is_mixed else None)
    owners: dict[str, Path] = {}
    alone: list[tuple[str, Path]] = []
    for key, path in masks:
        name = pictures.named(key)
        if name is None:
            alone.append((key, path))
            continue
        earlier = owners.setdefault(name, path)
        if only in (None, name):
            yield _matched(folders, pictures, name, path) if earlier == path else _second(folders, name, path, earlier)
    free = [name for name in pictures.names if name not in owners]
    yield from (_alone(folders, key, path, free) for key, path in alone if only in (None, key))
    yield from (_unlabelled(pictures, name) for name in free if only in (None, name))
    yield from (_refused(bad) for bad in pictures.refused if only in (None, bad.place))


def number_of_masks(folders: Folders) -> int:
    """How many files `folder_subjects` takes for masks."""
    return len(_masks(folders))


def mask_files(folder: Path) -> list[tuple[str, Path]]:
    """(name without ending, path) of every picture file below a folder of masks; UsageError if there is none."""
    return _masks(Folders(folder, folder / "elsewhere"))


def _inner(place: Path, names: tuple[str, ...]) -> Path | None:
    return next((place / name for name in names if (place / name).is_dir()), None)


def _is_marked(name: str) -> bool:
    return _MASK_MARK.fullmatch(name) is not None


def _masks(folders: Folders) -> list[tuple[str, Path]]:
    try:
        files = files_below(folders.masks, _ENDINGS)
    except FormatError as error:
        raise UsageError(str(error)) from None
    found = [(item_names(relative)[0], path) for relative, path in files]
    if folders.is_mixed:
        marks = ((_MASK_MARK.fullmatch(key), path) for key, path in found)
        found = [(mark["stem"], path) for mark, path in marks if mark is not None]
    if not found:
        hint = " (called a_mask.png beside a.jpg); name the pictures' folder by --images" if folders.is_mixed else ""
        raise UsageError(f"there is no mask below {folders.masks}{hint}")
    return found


def _matched(folders: Folders, pictures: FolderPictures, name: str, path: Path) -> Subject:
    where = path.relative_to(folders.masks).as_posix()
    found = pictures.read(name)
    if isinstance(found, Refused):
        text = f"{found.place}: {found.reason.replace('_', ' ')} ({found.detail})"
        mask, wrong = _read(path, None)
        return Subject(name, where, mask, None, (Finding("picture", "error", text), *wrong))
    mask, wrong = _read(path, found.size)
    return Subject(name, where, mask, found.size, wrong, found.blurred, found.sharp)


def _second(folders: Folders, name: str, path: Path, earlier: Path) -> Subject:
    other = earlier.relative_to(folders.masks).as_posix()
    return _without_picture(
        folders, name, path, "misnamed", f"{other} is a mask of the same picture: remove one of them"
    )


def _alone(folders: Folders, key: str, path: Path, free: list[str]) -> Subject:
    near = [name for name in free if _plain(name) == _plain(key)]
    near = near or [name for name in free if _plain(name).rpartition("/")[2] == _plain(key).rpartition("/")[2]]
    if len(near) != 1:
        return _without_picture(
            folders, key, path, "no_image", f"there is no picture {key}: bring it, or remove the mask"
        )
    text = f"there is no picture {key}; {near[0]} has no mask: call the mask {near[0]}{path.suffix}"
    return _without_picture(folders, key, path, "misnamed", text)


def _without_picture(folders: Folders, key: str, path: Path, rule: str, text: str) -> Subject:
    mask, found = _read(path, None)
    where = path.relative_to(folders.masks).as_posix()
    return Subject(key, where, mask, None, (Finding(rule, "error", text), *found))


def _unlabelled(pictures: FolderPictures, name: str) -> Subject:
    finding = Finding("no_mask", "warning", "no mask of that name: draw one, or leave the picture out")
    return Subject(name, pictures.file(name), None, None, (finding,), counts=False)


def _refused(bad: Refused) -> Subject:
    finding = Finding("picture", "error", f"{bad.reason.replace('_', ' ')}: {bad.detail}")
    return Subject(bad.place, bad.place, None, None, (finding,), counts=False)


def _plain(name: str) -> str:
    """A name without what people add, leave out or spell otherwise."""
    return _LEADING_ZEROS.sub("", _EXTRA.sub("", name.casefold()))


def _read(path: Path, size: tuple[int, int] | None) -> tuple[Mask | None, tuple[Finding, ...]]:
    try:
        data = read_bounded(path, MASK_FILE_BYTES)
    except FormatError as error:
        return None, (Finding("undecodable", "error", str(error)),)
    return read_mask(data, size)
