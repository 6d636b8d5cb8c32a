"""Which kind of source a place is."""

from __future__ import annotations

from annotation.sources.folder import FolderSource
from annotation.sources.source import Source
from million_ird.errors import UsageError


def open_source(place: str, sharp: str = "") -> Source:
    """The source at a place that a person named."""
    return FolderSource.at(place, sharp)


def reopen_source(kind: str, place: str, options: dict[str, str]) -> Source:
    """A source as project.json remembers it."""
    if kind == "folder":
        return FolderSource(place, **options)
    raise UsageError(f"project.json names a source of the unknown kind {kind!r}")
