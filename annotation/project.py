"""A project: a folder with `project.json` (its name, its id, and where its pictures come from) and `masks.sqlite`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from types import TracebackType

from annotation.description import PROJECT, Description, changing, read_description, write_description
from annotation.pictures import Pictures
from annotation.sources import Candidate, Source, reopen_source
from annotation.sources.examine import examine
from annotation.store import MaskStore, NewItem, Refused
from million_ird.errors import StoreError, UsageError
from million_ird.progress import Progress

MASKS = "masks.sqlite"

_TOGETHER = 100
"""Items that are added in one transaction: a killed run loses at most these, and reads them again."""


@dataclass(frozen=True, slots=True)
class Added:
    """What adding a source came to; every file is in exactly one of these."""

    items: int
    there_already: int
    refused: tuple[Refused, ...]


class Project:
    """An open project. `store` has the masks, `pictures` the pictures. Safe for many threads; close it in the end."""

    def __init__(self, folder: Path, description: Description) -> None:
        """Opens what a description says; see `open_project`."""
        self.folder = folder
        self.description = description
        self._sources = _Sources(folder, description)
        self.pictures = Pictures(self._sources)
        self.store = MaskStore(folder / MASKS)

    @property
    def name(self) -> str:
        return self.description.name

    def identity(self) -> str:
        """What tells it from every other project, one of the same name too: 32 hex digits, the same for ever.

        A project of an earlier version is given one now, once, whoever else asks at this moment.

        Raises:
            StoreError: it cannot be written down.
        """
        if not self.description.id:
            with changing(self.folder):
                written = read_description(self.folder)  # another process may have given it one, which stays
                self.description = write_description(self.folder, written)
        return self.description.id

    @property
    def sources(self) -> Mapping[int, Source]:
        """The project's sources by number."""
        return self._sources

    def add(self, source: Source, decodes: bool = False, progress: Progress | None = None) -> Added:
        """Adds what a source has and the project has not; what is there is never touched.

        Args:
            source: a new one, or one of the project's, which is then looked through again.
            decodes: decode every picture, not only its header.
            progress: told of every item and refused file.

        Raises:
            UsageError: the source cannot be read. StoreError: the project cannot be written.
        """
        items, there, refused = 0, 0, []
        candidates = source.candidates()
        batch = list(islice(candidates, _TOGETHER))  # a source that cannot be read is not written down
        number = self._number(source)
        known = self.store.known(number)
        while batch:
            new = [row for row in batch if isinstance(row, Refused) or row.blurred not in known]
            known.update(row.blurred for row in new if isinstance(row, Candidate))
            there += len(batch) - len(new)
            rows = [self._examined(source, row, decodes, progress) for row in new]
            items += self.store.add_items(number, rows)
            refused += [row for row in rows if isinstance(row, Refused)]
            batch = list(islice(candidates, _TOGETHER))
        return Added(items, there, tuple(refused))

    def has_source(self, source: Source) -> bool:
        """Whether the project has items of this very place already."""
        return self.description.number_of(source.kind, source.place, source.options) is not None

    def verify(self) -> Iterator[str]:
        """Looks at every row and mask of the store and at every picture; one line for each thing that is wrong."""
        yield from self.store.verify()
        for item in self.store.every_item():
            yield from self.pictures.faults(item)

    def close(self) -> None:
        self.store.close()

    def __enter__(self) -> Project:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _examined(
        self, source: Source, row: Candidate | Refused, decodes: bool, progress: Progress | None
    ) -> NewItem | Refused:
        found = row if isinstance(row, Refused) else examine(source, row, decodes)
        if progress is not None:
            progress.advance({"refused" if isinstance(found, Refused) else "items": 1})
        if isinstance(found, NewItem) and _is_chosen(found.name, self.description.second_opinions):
            return replace(found, layers=2)
        return found

    def _number(self, source: Source) -> int:
        """The number of a source, which is written down if it is new."""
        wanted = (source.kind, source.place, source.options)
        with changing(self.folder):
            description = read_description(self.folder)  # another process may have added one
            if description.number_of(*wanted) is None:
                description = write_description(self.folder, description.with_source(*wanted))
        number = description.number_of(*wanted)
        assert number is not None
        self.description = description
        self._sources.take(description)
        return number


class _Sources(Mapping[int, Source]):
    """A project's sources by number; one that another process has added since is looked up in the file."""

    def __init__(self, folder: Path, description: Description) -> None:
        self._folder = folder
        self._open: dict[int, Source] = {}
        self.take(description)

    def take(self, description: Description) -> None:
        """Opens the sources that a description has and this has not."""
        for entry in description.sources:
            if entry.number not in self._open:
                self._open[entry.number] = reopen_source(entry.kind, entry.place, dict(entry.options))

    def __getitem__(self, number: int) -> Source:
        if number not in self._open:
            self.take(read_description(self._folder))
        return self._open[number]

    def __iter__(self) -> Iterator[int]:
        return iter(self._open)

    def __len__(self) -> int:
        return len(self._open)


def create_project(folder: Path, source: Source, name: str = "", second_opinions: float = 0.0) -> Project:
    """A new project in a folder that is empty or not there yet, with the items of a source.

    Raises:
        UsageError: there is a project already, or a share outside 0 to 1. StoreError: the folder cannot be written.
    """
    project = new_project(folder, name, second_opinions)
    try:
        project.add(source)
    except BaseException:
        project.close()
        raise
    return project


def new_project(folder: Path, name: str = "", second_opinions: float = 0.0) -> Project:
    """The same without any items yet."""
    if not 0 <= second_opinions <= 1:
        raise UsageError(f"the share of second opinions lies between 0 and 1, not at {second_opinions}")
    folder = folder.expanduser().absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"cannot make the folder {folder}: {error.strerror or error}") from error
    description = Description(name or folder.name, second_opinions)
    with changing(folder):
        if is_project(folder):
            raise UsageError(f"{folder} is a project already; its masks are never overwritten")
        _make_store(folder)
        description = write_description(folder, description)  # last: a folder without it is no project yet
    return Project(folder, description)


def open_project(folder: Path) -> Project:
    """Opens a project; its pictures need not be there.

    Raises:
        UsageError: there is none. StoreError: it is damaged, locked or read-only, or a newer program wrote it.
    """
    folder = folder.expanduser().absolute()
    return Project(folder, read_description(folder))


def is_project(folder: Path) -> bool:
    return (folder / PROJECT).exists()


def _make_store(folder: Path) -> None:
    """The empty store of a new project; one that was left empty by a killed run is used again."""
    path = folder / MASKS
    store = MaskStore(path) if path.exists() else MaskStore.create(path)
    count = store.count()
    store.close()
    if count:
        raise StoreError(f"{path} has the masks of {count:,} items, but {PROJECT} is missing: restore it from a backup")


def _is_chosen(name: str, share: float) -> bool:
    """Whether a second opinion is asked for; decided by the name alone, so that adding pictures changes nothing."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:6], "big") < share * 2**48
