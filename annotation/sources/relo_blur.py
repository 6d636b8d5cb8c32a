"""A tree as ReLoBlur has it: `dataset/train/s01/00/00_blur.png` beside `00_sharp.png`; or `s01/…` by itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from annotation.sources.folder import by_ending, files_below, folder_at, read_file
from annotation.sources.source import Candidate
from annotation.store import Refused
from million_ird.errors import UsageError
from million_ird.records import Rejection

_FRAME = re.compile(r"(?:(?P<split>train|test)/)?(?P<scene>s\d+)/(?P<shot>\d+)/\d+_(?:blur|sharp)\.\w+")
_STARTS = ("s[0-9]*/*/*_blur.*", "train/s[0-9]*/*/*_blur.*", "test/s[0-9]*/*/*_blur.*")


class ReLoBlurSource:
    """The pairs of such a tree; an item is called `train/s01/00/00`, which is where its mask goes below `masks/`."""

    kind = "relo_blur"

    def __init__(self, place: str) -> None:
        """`place` is the absolute path of the folder that holds `train` and `test`, or `s01`, `s02`, …"""
        self.place = place
        self.options: dict[str, str] = {}

    @classmethod
    def at(cls, place: str) -> ReLoBlurSource:
        """The tree in a folder that a person named: there, or in its folder `dataset`.

        Raises:
            UsageError: there is none.
        """
        root = tree_root(folder_at(place))
        if root is None:
            raise UsageError(
                f"{place} is no tree of ReLoBlur's: there is no s01/00/00_blur.png, nor dataset/train/s01/…"
            )
        return cls(root)

    def candidates(self) -> Iterator[Candidate | Refused]:
        for found in by_ending(_frames(files_below(self.place))):
            if isinstance(found, Refused):
                yield found
            elif found.sharp is None:
                yield Refused(
                    found.blurred, "no_sharp_frame", "the tree holds pairs; a single frame needs a plain folder"
                )
            else:
                yield replace(found, provenance=_provenance(found.blurred))

    def read(self, where: str, is_sharp: bool = False) -> bytes | Rejection:
        return read_file(self.place, where)


def tree_root(folder: str) -> str | None:
    """Where below a folder ReLoBlur's tree begins; None if there is none."""
    roots = (Path(folder, "dataset"), Path(folder))
    return next((str(root) for root in roots if any(any(root.glob(start)) for start in _STARTS)), None)


def _frames(files: Iterator[str | Refused]) -> Iterator[str | Refused]:
    for file in files:
        if isinstance(file, Refused) or _FRAME.fullmatch(file):
            yield file
        else:
            yield Refused(file, "not_of_the_tree", "no train/s01/00/00_blur.png or …_sharp.png")


def _provenance(path: str) -> dict[str, str]:
    match = _FRAME.fullmatch(path)
    return {key: value for key, value in match.groupdict().items() if value} if match else {}
