"""What every format takes and gives: masks on their way out, masks that were found, and what could not be read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from annotation.mask import Mask
from million_ird.errors import MillionIrdError, UsageError

Size = tuple[int, int]
"""(width, height) in pixels."""


MOST_MASKS = 1_000
"""Masks of one image that are joined; a file with more is none that anybody drew, and would only take time."""


class FormatError(MillionIrdError):
    """A whole file or folder is not what its format says; the text names it and says what is wrong."""


@dataclass(frozen=True)
class PictureFile:
    """One picture of an item, for formats that carry pictures along."""

    data: Callable[[], bytes]
    """The bytes of a file that shows it upright: its own where that does. PictureError where it cannot be had."""
    pixels: Callable[[], NDArray[np.uint8]]
    """Upright RGB: (H, W, 3). PictureError where it cannot be had."""


@dataclass(frozen=True)
class Labelled:
    """A mask on its way out, and whose it is. Masks and pictures are loaded when they are asked for."""

    name: str
    """The item's."""
    file_name: str
    """Of its blurred picture, relative to where it came from: what other tools know the image by."""
    width: int
    height: int
    mask: Callable[[], Mask]
    blurred: PictureFile
    sharp: PictureFile | None = None
    facts: Mapping[str, str | int] = field(default_factory=dict)
    """What is known of the mask: annotator, state, revision, …; for formats that have room for it."""


@dataclass(frozen=True)
class Writing:
    """How masks are written."""

    label: str = "blur"
    """The name of what is blurred, in formats that name what they mark."""
    tolerance: float = 0.0
    """Of polygons: how far, in pixels, a corner may be moved off the outline. 0 keeps every step of the outline (ours:
    simpler outlines lose up to a few per cent of a small mask)."""
    split: str = "train"
    """The folder of a ReLoBlur tree that names go into which do not begin with train/ or test/ themselves."""
    image_prefix: str = ""
    """What Label Studio needs in front of a name to find the image, such as /data/local-files/?d=photos/."""
    shard_mb: float = 1000.0
    """A shard ends once it holds so many megabytes (ours: what object stores and loaders read well)."""

    def __post_init__(self) -> None:
        if not self.label.strip() or not self.label.isprintable():
            raise UsageError(f"the label {self.label!r} must be a word that can be shown")
        if not 0 <= self.tolerance <= 100:
            raise UsageError(f"a tolerance of {self.tolerance} pixels cannot be: it lies between 0 and 100")
        if self.split not in ("train", "test"):
            raise UsageError(f"the split is train or test, not {self.split!r}")
        if not self.shard_mb > 0:
            raise UsageError(f"a shard of {self.shard_mb} MB cannot be")


@dataclass(frozen=True)
class Written:
    """The files that hold one item's mask and pictures, relative to the folder of the export."""

    name: str
    files: tuple[str, ...]
    note: str = ""
    """What was lost, where the format cannot hold all of the mask."""


@dataclass(frozen=True)
class Skipped:
    """An item that could not be written, and why: nothing of it is in the files."""

    name: str
    reason: str


@dataclass(frozen=True)
class Reading:
    """How masks are read."""

    any_nonzero: bool = False
    """Count every value but 0 as blurred. Off: grey levels are an error."""
    label: str = ""
    """Which label means blurred, where a file has several; "" takes the only one."""


@dataclass(frozen=True)
class Found:
    """A mask that a file says it holds."""

    where: str
    """File, and place in it, for a person."""
    file: str
    """Path relative to what is read; "" where one file holds many masks."""
    names: tuple[str, ...]
    """What the file calls the image, what is surest first."""
    size: Size | None
    """As stated beside the mask; None where only the mask itself says it."""
    load: Callable[[Size], Mask]
    """The mask, given the size that it must have. MaskError if there is none, or of another size."""


@dataclass(frozen=True)
class Unreadable:
    """A record of a file that holds no mask that can be read."""

    where: str
    reason: str


Read = Callable[[Path, Reading], Iterator[Found | Unreadable]]


@dataclass(frozen=True)
class Format:
    """One format.

    `write` puts files into an empty folder and says which belong to which item, and which items had to be skipped;
    names that collide there are a UsageError, raised before anything is written. `read` takes such a folder, one that
    another tool wrote, or a single file, and gives what it finds in an order of its own that does not change.
    """

    name: str
    write: Callable[[Sequence[Labelled], Path, Writing], Iterator[Written | Skipped]]
    read: Read
    needs_sharp: bool = False
    """Holds the sharp picture as well: items without one are left out."""
    is_lossy: bool = False
    """Cannot hold every mask: what comes back may differ."""


def plain(value: Any, limit: int = 80) -> str:
    """A value from a file as part of a line: printable, on one line, not too long."""
    text = value if isinstance(value, str) else repr(value)
    shown = "".join(char if char.isprintable() else "�" for char in text[: limit + 1])
    return shown if len(shown) <= limit else shown[:limit] + "…"
