"""Masks from files of other tools into a project: matched by name, checked, and added as revisions."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from annotation.formats.index import Index, read_index
from annotation.formats.model import FormatError, Found, Reading, Unreadable, plain
from annotation.formats.registry import open_format
from annotation.formats.sniff import guess_format
from annotation.mask import Mask, MaskError, check_size, encode_mask
from annotation.matching import MatchError, Names
from annotation.project import Project
from annotation.records import STATES, Item, Layer, Rect, Revision, State
from annotation.store import ConflictError, DamagedError
from million_ird.errors import UsageError

_NOBODYS = ("empty", "proposal", "import")
"""Kinds of revisions that are no person's work in this project."""
_OPEN = ("todo", "in_progress")
_LONGEST = 400
"""Characters of a place or a reason in a row."""

Outcome = Literal["imported", "unchanged", "left alone", "refused"]


@dataclass(frozen=True)
class ImportSettings:
    """What is read, and what becomes of it."""

    format: str = ""
    """A name of `formats.registry`; "" for what an export's index says, or what the files look like."""
    reading: Reading = field(default_factory=Reading)
    inverted: bool = False
    """The files mark what is sharp."""
    by_basename: bool = False
    """Match names without their folders as well, where that leaves one item only."""
    empty: bool = False
    """Import masks in which nothing is blurred, too (ours: off, since many tools write one for every image that nobody
    has looked at)."""
    layer: int = 1
    """Which layer of each item."""
    state: State = "in_progress"
    """What the layers become (ours: somebody should look at imported masks)."""
    onto_drawn: bool = False
    """Also where a person has drawn or finished the layer; the import then follows as one more revision."""
    annotator: str = "import"
    """Whose masks they are."""
    only_plan: bool = False
    """Change nothing, only say what would be done."""

    def __post_init__(self) -> None:
        if self.layer not in (1, 2):
            raise UsageError(f"an item has the layers 1 and 2, not {self.layer}")
        if self.state not in STATES or self.state == "skipped":
            raise UsageError(f"imported masks become todo, in_progress, done or needs_review, not {self.state}")


@dataclass(frozen=True)
class ImportRow:
    """What became of one mask that was found."""

    where: str
    """File, and place in it."""
    name: str
    """Of the item; "" where there is none."""
    outcome: Outcome
    reason: str = ""


@dataclass(frozen=True)
class Imported:
    """Every mask that was found, and every item for which there was none."""

    format: str
    """What the files were read as."""
    rows: tuple[ImportRow, ...]
    without_mask: tuple[str, ...]

    def counts(self) -> Counter[Outcome]:
        return Counter(row.outcome for row in self.rows)


class _LeftAloneError(Exception):
    """A mask that is not imported, though nothing is wrong with it; the text says why."""


def import_masks(
    project: Project, place: Path, settings: ImportSettings, advance: Callable[[Outcome], None] = lambda _: None
) -> Imported:
    """Reads masks from a folder or file into a project. The same call again changes nothing.

    Args:
        project: its items are what masks are matched with.
        place: a folder or file that an export or another tool wrote.
        settings: what is read, and what becomes of it.
        advance: told what became of each mask.

    Raises:
        UsageError: no format was named, and neither an index nor the files say one.
        FormatError: the place is not what the format says.
    """
    index = read_index(place) if place.is_dir() else None
    name_of_format = _format_name(place, settings.format, index)
    form = open_format(name_of_format)
    items = {item.name: item for item in project.store.every_item()}
    names = Names(((item.name, item.blurred) for item in items.values()), settings.by_basename)
    matched, rows = _matched(form.read(place, settings.reading), names, _names_of(index))
    claims = Counter(name for name, _ in matched)
    for name, found in matched:
        row = _import_one(project, items[name], found, settings, claims[name])
        rows.append(row)
        advance(row.outcome)
    return Imported(name_of_format, tuple(rows), tuple(name for name in items if name not in claims))


def _format_name(place: Path, asked: str, index: Index | None) -> str:
    if index is not None and not index.is_complete:
        raise FormatError(f"the export in {place} was interrupted: run it again")
    name = asked or (index.format if index is not None else guess_format(place))
    if not name:
        raise UsageError(f"what is in {place} may be of several formats, or of none: name it with --format")
    return name


def _names_of(index: Index | None) -> dict[str, str]:
    """Items by the file of their mask, and by what their image is called in a file of many masks."""
    if index is None:
        return {}
    shared = Counter(item.files[0] for item in index.items if item.files)
    files = {item.files[0]: item.name for item in index.items if item.files and shared[item.files[0]] == 1}
    return {**{item.file_name: item.name for item in index.items}, **files}


def _matched(
    found: Iterator[Found | Unreadable], names: Names, known: dict[str, str]
) -> tuple[list[tuple[str, Found]], list[ImportRow]]:
    """(name of the item, mask) of every mask that has one, and rows for the others."""
    matched, rows = [], []
    for mask in found:
        if isinstance(mask, Unreadable):
            rows.append(_row(mask.where, "", "refused", mask.reason))
            continue
        said = [known[key] for key in (mask.file, *mask.names) if key in known]
        try:
            matched.append((names.match([*said, *mask.names]), mask))
        except MatchError as error:
            rows.append(_row(mask.where, "", "refused", str(error)))
    return matched, rows


def _import_one(project: Project, item: Item, found: Found, settings: ImportSettings, claims: int) -> ImportRow:
    if claims > 1:
        return _row(found.where, item.name, "refused", f"{claims} masks are for one item: keep one of them")
    try:
        return _row(found.where, item.name, _import_mask(project, item, _load(item, found, settings), settings))
    except _LeftAloneError as error:
        return _row(found.where, item.name, "left alone", str(error))
    except (MaskError, ConflictError, DamagedError) as error:
        return _row(found.where, item.name, "refused", str(error))


def _row(where: str, name: str, outcome: Outcome, reason: str = "") -> ImportRow:
    """A row on one line, whatever stands in the files."""
    return ImportRow(plain(where, _LONGEST), name, outcome, plain(reason, _LONGEST))


def _load(item: Item, found: Found, settings: ImportSettings) -> Mask:
    size = item.width, item.height
    if found.size is not None:
        check_size(found.size, size)
    mask = found.load(size)
    mask = ~mask if settings.inverted else mask
    if not mask.any() and not settings.empty:
        raise _LeftAloneError("nothing in it is blurred (--empty imports it all the same)")
    return mask


def _import_mask(project: Project, item: Item, mask: Mask, settings: ImportSettings) -> Outcome:
    layer = next((layer for layer in project.store.layers(item.id) if layer.number == settings.layer), None)
    if layer is None:
        raise MaskError(f"the item has no layer {settings.layer}")
    png = encode_mask(mask)
    history = project.store.history(layer.id)
    kind = next(revision.kind for revision in history if revision.id == layer.head)
    is_same = kind not in ("empty", "proposal") and project.store.mask_png(layer.id) == png
    if not is_same and not settings.onto_drawn and _is_persons(layer, history):
        raise _LeftAloneError("a person has drawn or finished it (--onto-drawn adds a revision)")
    if settings.only_plan:
        return "unchanged" if is_same else "imported"
    if not is_same:
        layer = _append(project, item, layer, mask, png, settings)
    if layer.state != settings.state and (not is_same or (kind == "import" and layer.state in _OPEN)):
        reason = "" if mask.any() else "imported empty"
        project.store.set_state(layer.id, settings.state, reason, layer.version, settings.annotator)
    return "unchanged" if is_same else "imported"


def _is_persons(layer: Layer, history: Sequence[Revision]) -> bool:
    """Whether somebody drew, or undid what they drew, or called it finished."""
    return layer.state not in _OPEN or any(revision.kind not in _NOBODYS for revision in history)


def _append(project: Project, item: Item, layer: Layer, mask: Mask, png: bytes, settings: ImportSettings) -> Layer:
    # The same mask on the same revision always has the same id, so that an interrupted import can be repeated.
    name = hashlib.sha256(f"{layer.id} {layer.head} ".encode() + png).hexdigest()[:32]
    whole = Rect(0, 0, item.width, item.height)
    project.store.append(layer.id, name, layer.head, "import", settings.annotator, whole, mask, "")
    return project.store.layer(layer.id)
