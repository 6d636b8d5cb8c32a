"""Markers: what a unit of work publishes last, and what readers trust.

A unit writes its files under names no other content can claim, then creates a marker that names them with sizes and
checksums. Readers trust markers alone. Of two attempts at one unit the first marker stands; the loser takes its own
files away, unless the winner published the very same ones.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from million_ird.errors import DatasetError
from million_ird.shards import file_checksum
from million_ird.store import Store


@dataclass(frozen=True, slots=True)
class PublishedFile:
    """One file of a finished unit; `name` is relative to the dataset's root, `checksum` BLAKE3-128."""

    name: str
    nbytes: int
    checksum: str


@dataclass(frozen=True, slots=True)
class Marker:
    """What a finished unit left: its files, and the counts that reports and progress lines add up."""

    unit: str
    files: tuple[PublishedFile, ...]
    counts: Mapping[str, int]

    def to_json(self) -> bytes:
        content = {"unit": self.unit, "files": [asdict(file) for file in self.files], "counts": dict(self.counts)}
        return (json.dumps(content, indent=1, sort_keys=True) + "\n").encode()

    def named(self, suffix: str) -> PublishedFile | None:
        """The one file whose name ends so, or None."""
        return next((file for file in self.files if file.name.endswith(suffix)), None)


def read_marker(store: Store, name: str) -> Marker | None:
    """The marker of that name; None if the unit is not finished. `DatasetError` if it is no marker."""
    try:
        data = store.read(name)
    except FileNotFoundError:
        return None
    try:
        content = json.loads(data)
        files = tuple(PublishedFile(**file) for file in content["files"])
        return Marker(content["unit"], files, content["counts"])
    except (ValueError, KeyError, TypeError) as error:
        raise DatasetError(f"{store.path(name)} is no marker of this format ({error})") from error


def read_markers(store: Store, folder: str) -> list[tuple[str, Marker]]:
    """Every (name, marker) directly below a folder, in name order."""
    found = []
    for name in store.list(folder):
        if name.endswith(".json") and name.rpartition("/")[0] == folder:
            marker = read_marker(store, name)
            if marker is not None:
                found.append((name, marker))
    return found


def published(local: Path, name: str) -> PublishedFile:
    """What a marker will say of a finished local file."""
    return PublishedFile(name, local.stat().st_size, file_checksum(local))


def publish(
    store: Store, marker_name: str, unit: str, files: Iterable[tuple[Path, str]], counts: Mapping[str, int]
) -> Marker:
    """Puts a unit's files in place and then its marker; returns the marker that stands (ours or an earlier one's)."""
    files = list(files)
    marker = Marker(unit, tuple(published(local, name) for local, name in files), counts)
    for local, name in files:
        store.put_file(local, name)
    if store.create(marker_name, marker.to_json()):
        return marker
    winner = read_marker(store, marker_name)
    if winner is None:
        raise DatasetError(f"{store.path(marker_name)} was there and is gone: is something else changing this dataset?")
    for file in set(marker.files) - set(winner.files):
        if file.name not in {kept.name for kept in winner.files}:
            store.remove(file.name)
    return winner
