"""Pairs of masks of one picture: the two layers of a project's items, or the files of two folders."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from annotation.agree.compare import Opinions
from annotation.check.folder_pictures import FolderPictures
from annotation.check.folders import mask_files
from annotation.check.projects import is_checked
from annotation.formats.files import MASK_FILE_BYTES, read_bounded
from annotation.mask import decode_mask
from annotation.project import Project
from annotation.store import Refused
from million_ird.errors import MillionIrdError, UsageError


@dataclass(frozen=True, slots=True)
class NotCompared:
    """A picture that somebody has labelled, but not two, or not so that they can be compared."""

    name: str
    reason: str


def project_opinions(project: Project, everything: bool) -> Iterator[Opinions | NotCompared]:
    """Both layers of every item that has two.

    Args:
        project: an open one.
        everything: also masks that are drawn, but not called done.
    """
    for item in project.store.every_item():
        layers = project.store.layers(item.id)
        if len(layers) < 2:
            continue
        first, second = layers
        if not (is_checked(first, everything) and is_checked(second, everything)):
            states = " and ".join(layer.state.replace("_", " ") for layer in layers)
            yield NotCompared(item.name, f"the two masks are {states}")
            continue
        try:
            masks = project.store.mask(first.id), project.store.mask(second.id)
        except MillionIrdError as error:
            yield NotCompared(item.name, str(error))
            continue
        yield Opinions(
            name=item.name,
            annotators=(_who(first.annotator), _who(second.annotator)),
            masks=masks,
            blurred=partial(project.pictures.pixels, item) if item.is_pair else None,
            sharp=partial(project.pictures.pixels, item, "sharp") if item.is_pair else None,
        )


def folder_opinions(
    first: Path, second: Path, images: Path | None = None, sharp: Path | None = None
) -> Iterator[Opinions | NotCompared]:
    """Files of the same name (endings aside) in two folders; with pictures also what dB need.

    Args:
        first, second: folders of masks; their names stand for the annotators.
        images: the blurred pictures.
        sharp: the sharp frames, where `images` does not hold both.

    Raises:
        UsageError: a folder is not there, or holds no mask.
    """
    if sharp is not None and images is None:
        raise UsageError("--sharp needs --images: the blurred frames")
    names = _names(first, second)
    ours, theirs = dict(mask_files(first)), dict(mask_files(second))
    pictures = FolderPictures(images, sharp) if images is not None else None
    for name in sorted({*ours, *theirs}):
        if name not in ours or name not in theirs:
            yield NotCompared(name, f"only {names[0] if name in ours else names[1]} has a mask of it")
            continue
        yield _opinions(name, names, (ours[name], theirs[name]), pictures)


def number_in_project(project: Project) -> int:
    """How many items have two layers."""
    return sum(len(row.layers) > 1 for row in project.store.items(limit=None))


def number_in_folders(first: Path, second: Path) -> int:
    """How many names there are in either folder."""
    return len({name for folder in (first, second) for name, _ in mask_files(folder)})


def _names(first: Path, second: Path) -> tuple[str, str]:
    """What two folders are called: by their own names, or where those are equal by the whole paths."""
    if first.resolve() == second.resolve():
        raise UsageError(f"{first} and {second} are the same folder: name two")
    names = first.resolve().name, second.resolve().name
    return names if names[0] != names[1] else (str(first), str(second))


def _opinions(
    name: str, names: tuple[str, str], paths: tuple[Path, Path], pictures: FolderPictures | None
) -> Opinions | NotCompared:
    try:
        first, second = (decode_mask(read_bounded(path, MASK_FILE_BYTES)) for path in paths)
    except MillionIrdError as error:
        return NotCompared(name, str(error))
    if first.shape != second.shape:
        sizes = " and ".join(f"{mask.shape[1]}x{mask.shape[0]}" for mask in (first, second))
        return NotCompared(name, f"the masks differ in size: {sizes}")
    known = pictures.named(name) if pictures is not None else None
    if pictures is None or known is None:
        return Opinions(name, names, (first, second), missing="no picture, so no dB")
    picture = pictures.read(known)
    if isinstance(picture, Refused):
        return Opinions(name, names, (first, second), missing=f"no dB: {picture.reason} ({picture.detail})")
    if picture.size != (first.shape[1], first.shape[0]):
        return NotCompared(name, f"the masks are {first.shape[1]}x{first.shape[0]}, the picture {_size(picture.size)}")
    return Opinions(name, names, (first, second), picture.blurred, picture.sharp)


def _size(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"


def _who(annotator: str) -> str:
    return annotator or "(nobody)"
