"""Masks of a project as files of another tool, read back and compared before they count as written."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path

from annotation.formats.files import INDEX_NAME
from annotation.formats.index import Index, IndexItem, read_index, to_table
from annotation.formats.json_file import to_json
from annotation.formats.model import (
    Format,
    FormatError,
    Labelled,
    PictureFile,
    Reading,
    Unreadable,
    Writing,
    Written,
)
from annotation.formats.names import is_safe, stem
from annotation.formats.registry import open_format
from annotation.mask import Mask, MaskError, encode_mask
from annotation.matching import Names
from annotation.pictures import Which
from annotation.project import Project
from annotation.records import STATES, Item, Layer, State
from annotation.store import DamagedError
from million_ird.errors import MillionIrdError, StoreError, UsageError
from million_ird.store import PART, Store


@dataclass(frozen=True)
class ExportSettings:
    """Which masks are exported, and as what."""

    format: str
    """A name of `formats.registry`."""
    states: tuple[State, ...] = ("done",)
    """States whose layers are taken (ours: only what somebody called finished)."""
    layer: int = 1
    """Which layer of each item: 1, or 2 where there is a second opinion."""
    proposals: bool = False
    """Take masks that are still the machine's."""
    only: str = ""
    """Take only items whose name fits this pattern of `*` and `?`; "" takes all."""
    writing: Writing = field(default_factory=Writing)

    def __post_init__(self) -> None:
        if self.layer not in (1, 2):
            raise UsageError(f"an item has the layers 1 and 2, not {self.layer}")
        if not self.states or any(state not in STATES for state in self.states):
            raise UsageError(f"states are {', '.join(STATES)}, not {', '.join(self.states) or 'nothing'}")


@dataclass(frozen=True)
class _Chosen:
    item: Item
    layer: Layer


def export_masks(
    project: Project, folder: Path, settings: ExportSettings, advance: Callable[[str], None] = lambda _: None
) -> Index:
    """Writes the masks of a project into a folder, and compares what comes back with them.

    The same call again leaves the same files. Files of an earlier export that are no longer written are removed.

    Args:
        project: whose masks.
        folder: new, empty, or of an earlier export in the same format.
        settings: which masks, and as what.
        advance: told the name of each item once it is written and once it is compared.

    Raises:
        UsageError: the folder holds something else, or two items would be written to one file.
        FormatError: what came back differs from what was written, or nothing is left to export.
        StoreError: the folder cannot be written.
    """
    form = open_format(settings.format)
    before = _check_folder(folder, settings.format)
    chosen, left_out = choose(project, settings, form)
    masks = {each.item.name: _labelled(project, each) for each in chosen}
    store = Store(str(folder))
    try:
        with _part_of(store) as part:
            items, skipped = _stage(form, masks, part, settings.writing, advance) if masks else ((), ())
            left_out += skipped
            if not items:
                raise FormatError(nothing_to_export(left_out))
            files = tuple(sorted({file for item in items for file in item.files}))
            index = Index(settings.format, project.name, settings.layer, True, items, tuple(left_out), files)
            _publish(part, store, index, before.files if before else ())
    except OSError as error:
        raise StoreError(f"cannot write {folder}: {error.strerror or error}") from error
    return index


def choose(project: Project, settings: ExportSettings, form: Format) -> tuple[list[_Chosen], list[tuple[str, str]]]:
    """The layers that are exported, and (name, reason) of every item that is not."""
    chosen, left_out = [], []
    for item in project.store.every_item():
        layer = next((layer for layer in project.store.layers(item.id) if layer.number == settings.layer), None)
        reason = _reason_against(item, layer, settings, form)
        if layer is not None and not reason:
            reason = _damage(project, layer)
        if reason or layer is None:
            left_out.append((item.name, reason))
        else:
            chosen.append(_Chosen(item, layer))
    return chosen, left_out


def nothing_to_export(left_out: Sequence[tuple[str, str]]) -> str:
    """One line on why."""
    if not left_out:
        return "the project has no items yet"
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in Counter(reason for _, reason in left_out).items())
    return f"nothing to export: of {len(left_out):,} items, {reasons}"


def _stage(
    form: Format, masks: Mapping[str, Labelled], part: Path, writing: Writing, advance: Callable[[str], None]
) -> tuple[tuple[IndexItem, ...], list[tuple[str, str]]]:
    """Writes everything into a folder of its own and compares it; (name, reason) of the items that were skipped."""
    written, skipped = [], []
    for outcome in form.write(list(masks.values()), part, writing):
        if isinstance(outcome, Written):
            written.append(outcome)
        else:
            skipped.append((outcome.name, outcome.reason))
        advance(outcome.name)
    if not written:
        return (), skipped
    return tuple(compare(part, form, [masks[each.name] for each in written], written, advance)), skipped


def compare(
    folder: Path, form: Format, masks: Sequence[Labelled], written: Sequence[Written], advance: Callable[[str], None]
) -> Iterator[IndexItem]:
    """Reads every mask back from the files and compares it, bit for bit unless the format is lossy.

    Raises:
        FormatError: one is missing, twice, unreadable or different.
    """
    back = _read_back(folder, form, masks, written)
    for labelled, files in zip(masks, written, strict=True):
        size = labelled.width, labelled.height
        try:
            load = back.pop(labelled.name)
            found, mask = load(size), labelled.mask()
        except KeyError:
            raise FormatError(f"{labelled.name}: the mask that was written does not come back") from None
        except MaskError as error:
            raise FormatError(f"{labelled.name}: the mask that was written cannot be read back: {error}") from None
        iou = iou_of(mask, found)
        if iou < 1 and not form.is_lossy:
            raise FormatError(f"{labelled.name}: the mask that came back differs from the one that was written")
        yield IndexItem(
            labelled.name,
            labelled.file_name,
            files.files,
            *size,
            int(mask.sum()),
            hashlib.sha256(encode_mask(mask)).hexdigest(),
            round(iou, 6),
            files.note,
        )
        advance(labelled.name)


def iou_of(mask: Mask, other: Mask) -> float:
    """Intersection over union of two masks of one size; 1 where both are empty."""
    union = int((mask | other).sum())
    return int((mask & other).sum()) / union if union else 1.0


def _reason_against(item: Item, layer: Layer | None, settings: ExportSettings, form: Format) -> str:
    if settings.only and not fnmatchcase(item.name, settings.only):
        return "not asked for by --only"
    if layer is None:
        return f"without a layer {settings.layer}"
    if layer.is_proposal and not settings.proposals:
        return "a proposal that nobody has accepted"
    if layer.state not in settings.states:
        return f"in state {layer.state}"
    if form.needs_sharp and item.sharp is None:
        return "without the sharp picture that the format needs"
    if not is_safe(item.name):
        return "with a name that no file can have"
    return ""


def _damage(project: Project, layer: Layer) -> str:
    """What is wrong with the stored mask of a layer; "" if nothing is."""
    try:
        project.store.mask_png(layer.id, layer.head)
    except DamagedError:
        return "with a damaged mask in the store (an older revision can be restored)"
    return ""


def _labelled(project: Project, chosen: _Chosen) -> Labelled:
    item, layer = chosen.item, chosen.layer

    def picture(which: Which) -> PictureFile:
        return PictureFile(
            lambda: project.pictures.display(item, which).data, lambda: project.pictures.pixels(item, which)
        )

    return Labelled(
        name=item.name,
        file_name=_file_name(item),
        width=item.width,
        height=item.height,
        # The revision that was shown when the export began, whatever is drawn meanwhile.
        mask=partial(project.store.mask, layer.id, layer.head),
        blurred=picture("blurred"),
        sharp=picture("sharp") if item.sharp is not None else None,
        facts={
            "annotator": layer.annotator,
            "layer": layer.number,
            "revision": layer.head,
            "state": layer.state,
            "reason": layer.reason,
            "blurred_sha256": item.sha256,
            "sharp_sha256": item.sharp_sha256,
        },
    )


def _file_name(item: Item) -> str:
    """The path of the blurred picture, where that is one and not a place in a dataset."""
    is_path = is_safe(item.blurred) and stem(item.blurred) != item.blurred
    return item.blurred if is_path else item.name


def _read_back(
    folder: Path, form: Format, masks: Sequence[Labelled], written: Sequence[Written]
) -> dict[str, Callable[[tuple[int, int]], Mask]]:
    names = Names((labelled.name, labelled.file_name) for labelled in masks)
    files = {files.files[0]: files.name for files in written}
    back: dict[str, Callable[[tuple[int, int]], Mask]] = {}
    for found in form.read(folder, Reading()):
        if isinstance(found, Unreadable):
            raise FormatError(f"{found.where}: what was written cannot be read back: {found.reason}")
        name = files[found.file] if found.file in files else names.match(found.names)
        if name in back:
            raise FormatError(f"{name}: its mask comes back twice")
        back[name] = found.load
    return back


@contextmanager
def _part_of(store: Store) -> Iterator[Path]:
    """A fresh folder within the export's; it goes in any case, and so does an export's folder that stays empty."""
    folder = Path(store.root)
    try:
        with store.spool() as part:
            yield part
    finally:
        store.sweep()
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def _publish(part: Path, store: Store, index: Index, earlier: Sequence[str]) -> None:
    """Moves files into place. The index says that the export is whole only when it is; until then, that it owns what
    is there, so that an interrupted export can be run again."""
    folder = Path(store.root)
    begun = replace(index, is_complete=False, files=tuple(sorted({*index.files, *earlier})))
    store.write(INDEX_NAME, to_json(to_table(begun)))
    for file in index.files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (part / file).replace(folder / file)
    for file in set(earlier) - set(index.files):
        if is_safe(file):
            (folder / file).unlink(missing_ok=True)
            _remove_empty((folder / file).parent, folder)
    store.write(INDEX_NAME, to_json(to_table(index)))


def _check_folder(folder: Path, form: str) -> Index | None:
    """The index of an earlier export; UsageError if the folder holds something else."""
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file: name a folder")
    try:
        before = read_index(folder)
    except MillionIrdError as error:
        raise UsageError(f"{error}; choose another folder") from None
    if before is None and folder.is_dir() and any(entry.name != PART for entry in folder.iterdir()):
        raise UsageError(f"{folder} holds files that no export wrote: choose a new folder, so that none is overwritten")
    if before is not None and before.format != form:
        raise UsageError(f"{folder} holds an export as {before.format}: choose another folder for {form}")
    return before


def _remove_empty(inner: Path, folder: Path) -> None:
    while inner != folder and inner.is_dir() and not any(inner.iterdir()):
        inner.rmdir()
        inner = inner.parent
