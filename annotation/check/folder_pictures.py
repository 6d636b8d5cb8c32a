"""The pictures of a folder by the names that their masks may have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from annotation.check.finding import Pixels
from annotation.pictures import Pictures
from annotation.records import Item
from annotation.sources.examine import examine
from annotation.sources.folder import FolderSource
from annotation.sources.names import item_names, safe_name
from annotation.sources.source import Candidate
from annotation.store import Refused


@dataclass(frozen=True, slots=True)
class FolderPicture:
    """A picture, or a pair, whose headers have been read."""

    size: tuple[int, int]
    """(width, height), upright."""
    blurred: Callable[[], Pixels]
    sharp: Callable[[], Pixels] | None


class FolderPictures:
    """Pictures and pairs below a folder."""

    def __init__(self, images: Path, sharp: Path | None, is_mask: Callable[[str], bool] | None = None) -> None:
        """Lists them.

        Args:
            images: the pictures; or blurred and sharp frames, told apart by their names' endings.
            sharp: the sharp frames, where they are in a folder of their own.
            is_mask: says of a name that it is a mask's, where masks lie among the pictures.

        Raises:
            UsageError: a folder cannot be listed.
        """
        self._source = FolderSource.at(str(images), str(sharp or ""))
        self._candidates: dict[str, Candidate] = {}
        self.refused: list[Refused] = []
        for candidate in self._source.candidates():
            if isinstance(candidate, Refused):
                self.refused.append(candidate)
            elif is_mask is None or not is_mask(candidate.name):
                name = candidate.name if candidate.name not in self._candidates else candidate.other_name
                self._candidates[name] = candidate
        self._by_mask = self._mask_names()

    @property
    def names(self) -> list[str]:
        """All, as items of a project would be called."""
        return list(self._candidates)

    def file(self, name: str) -> str:
        """Where a picture's file is, relative to the folder."""
        return self._candidates[name].blurred

    def named(self, mask: str) -> str | None:
        """The picture that a mask of this name (without ending) belongs to: `00`, `00_blur` or `00_blur.png`."""
        return self._by_mask.get(mask)

    def read(self, name: str) -> FolderPicture | Refused:
        """Size and readers of a picture, or why it is none."""
        found = examine(self._source, self._candidates[name])
        if isinstance(found, Refused):
            return found
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
        pictures = Pictures({1: self._source})
        sharp = partial(pictures.pixels, item, "sharp") if item.is_pair else None
        return FolderPicture((found.width, found.height), partial(pictures.pixels, item), sharp)

    def _mask_names(self) -> dict[str, str]:
        names = {}
        for name, candidate in self._candidates.items():
            names[item_names(candidate.blurred)[0]] = name
            names[safe_name(candidate.blurred)] = name
        return names | {name: name for name in self._candidates}
