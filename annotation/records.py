"""What one row of a project's store means: items, layers, revisions, comments."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

State = Literal["todo", "in_progress", "done", "needs_review", "skipped"]
STATES: tuple[State, ...] = get_args(State)

Kind = Literal[
    "empty",
    "brush",
    "eraser",
    "polygon",
    "fill",
    "scissors",
    "grabcut",
    "proposal",
    "accepted",
    "import",
    "clear",
    "cleaned",
    "resolve",
]
KINDS: tuple[Kind, ...] = get_args(Kind)
"""How a revision came to be. `empty` is what every layer begins with, `proposal` is the machine's."""


@dataclass(frozen=True, slots=True)
class Rect:
    """A rectangle of image pixels; x and y are its top left corner, counted from 0."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Item:
    """One image of a project, or one pair. Sizes are those of the upright picture, in pixels."""

    id: int
    name: str
    """Unique in its project, for ever; ends up in the names of exported masks. Parts are separated by `/`."""
    width: int
    height: int
    is_pair: bool
    blurred: str
    """Where the bytes are, relative to the item's source."""
    sharp: str | None
    sha256: str
    """Of the blurred picture's bytes, when the item was added."""
    provenance: dict[str, str] = field(default_factory=dict)
    sharp_sha256: str = ""
    """Of the sharp picture's bytes; "" where there is none."""
    source: int = 0
    """Which of the project's sources it came from."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One mask of one item."""

    id: int
    item: int
    number: int
    """1; or 2 where a second opinion was asked for."""
    annotator: str
    """Whose revision it shows; "" while nobody has drawn."""
    state: State
    reason: str
    """Why it is skipped, or done although empty; whatever was said with the state."""
    head: str
    """The revision it shows."""
    undo: str | None
    """The revision that undo leads to."""
    redo: str | None
    """The revision that redo leads to: the child that the last undo left; None after a new stroke."""
    is_proposal: bool
    """What it shows is the machine's, and no person has accepted or changed it."""
    confidence: float | None
    """Of that proposal, 0 to 1."""
    version: int
    """Rises with every change of head or state."""


@dataclass(frozen=True, slots=True)
class Revision:
    """One stored, immutable state of a layer."""

    id: str
    """32 hex digits."""
    layer: int
    parent: str | None
    """None for the empty one that every layer begins with."""
    kind: Kind
    annotator: str
    at: str
    """When it was stored: UTC, ISO 8601."""
    rect: Rect
    """What it changed; the whole picture where it set the whole mask."""
    area: int
    """Blurred pixels of the whole mask."""
    note: str


@dataclass(frozen=True, slots=True)
class Comment:
    """What somebody said about an item."""

    item: int
    annotator: str
    at: str
    text: str


@dataclass(frozen=True, slots=True)
class LayerRow:
    """A layer as lists show it."""

    id: int
    number: int
    state: State
    annotator: str
    is_proposal: bool


@dataclass(frozen=True, slots=True)
class ItemRow:
    """An item as lists show it."""

    id: int
    name: str
    width: int
    height: int
    is_pair: bool
    layers: tuple[LayerRow, ...]
