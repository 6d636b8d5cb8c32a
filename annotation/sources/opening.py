"""Which kind of source a place is."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from annotation.sources.built import BuiltSource
from annotation.sources.folder import FolderSource
from annotation.sources.manifest import ManifestSource
from annotation.sources.relo_blur import ReLoBlurSource, tree_root
from annotation.sources.source import Source
from million_ird.errors import UsageError
from million_ird.layout import DATASET

SourceKind = Literal["auto", "folder", "manifest", "relo_blur", "dataset"]


def open_source(place: str, kind: SourceKind = "auto", sharp: str = "", root: str = "", of: str = "") -> Source:
    """The source at a place that a person named.

    Args:
        place: a folder, a manifest's file, or a built dataset (also as fsspec URL).
        kind: what it is; `auto` looks.
        sharp: folder of the sharp frames, for a folder of blurred ones.
        root: folder that a manifest's paths belong to.
        of: `patches` or `images` of a built dataset.

    Raises:
        UsageError, DatasetError: there is no such thing, or an option does not belong to it.
    """
    is_what = _look(place) if kind == "auto" and not sharp else ("folder" if kind == "auto" else kind)
    for option, value, belongs in (("sharp", sharp, "folder"), ("root", root, "manifest"), ("of", of, "dataset")):
        if value and is_what != belongs:
            raise UsageError(f"{place} is a {is_what}; the option --{option} belongs to a {belongs}")
    if is_what == "folder":
        return FolderSource.at(place, sharp)
    if is_what == "manifest":
        return ManifestSource.at(place, root)
    return ReLoBlurSource.at(place) if is_what == "relo_blur" else BuiltSource.at(place, of or "patches")


def reopen_source(kind: str, place: str, options: dict[str, str]) -> Source:
    """A source as project.json remembers it; its place need not be there.

    Raises:
        UsageError: an unknown kind or option.
    """
    classes = {"folder": FolderSource, "manifest": ManifestSource, "relo_blur": ReLoBlurSource, "dataset": BuiltSource}
    if kind not in classes:
        raise UsageError(f"project.json names a source of the unknown kind {kind!r}")
    try:
        source: Source = classes[kind](place, **options)
    except TypeError:
        raise UsageError(
            f"project.json: the source {place} has options that a {kind} does not take: {options}"
        ) from None
    return source


def _look(place: str) -> SourceKind:
    path = Path(place).expanduser()
    if "://" in place or (path / DATASET).is_file():
        return "dataset"
    if path.is_dir():
        return "relo_blur" if tree_root(str(path)) else "folder"
    if path.is_file():
        return "manifest"
    raise UsageError(f"there is no {place}: name a folder, a manifest or a built dataset")
