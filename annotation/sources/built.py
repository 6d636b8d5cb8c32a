"""A built dataset: its kept patches, or its kept images as they were fetched."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from annotation.sources.source import Candidate
from annotation.store import Refused
from million_ird.dataset import Dataset, open_dataset
from million_ird.errors import DatasetError, StoreError, UsageError
from million_ird.records import Rejection
from million_ird.tables import read_parquet

_OF = ("patches", "images")
_MEMBER = ["tar", "member", "offset", "size", "checksum"]
_TOLD = ("url", "source", "license", "image_key")
"""Columns that become an item's provenance."""


class BuiltSource:
    """Patches by their keys; images by the table that has their row, and their keys."""

    kind = "dataset"

    def __init__(self, place: str, of: str = "patches") -> None:
        self.place = place
        self.options = {"of": of}

    @classmethod
    def at(cls, place: str, of: str = "patches") -> BuiltSource:
        """The dataset that a person named: a folder or any fsspec URL.

        Raises:
            DatasetError: there is none. UsageError: `of` is neither `patches` nor `images`.
        """
        if of not in _OF:
            raise UsageError(f"a dataset has {' and '.join(_OF)}, no {of}")
        return cls(open_dataset(place).url, of)

    def candidates(self) -> Iterator[Candidate | Refused]:
        dataset = _opened(self.place)
        return _patches(dataset) if self.options["of"] == "patches" else _images(dataset)

    def read(self, where: str, is_sharp: bool = False) -> bytes | Rejection:
        try:
            dataset = _opened(self.place)
            return dataset.patch(where)[1] if self.options["of"] == "patches" else _image(dataset, where)
        except (KeyError, FileNotFoundError):
            return Rejection("fetch", "missing_file", detail="the dataset has it no longer")
        except (DatasetError, StoreError) as error:
            return Rejection("fetch", "unreadable_file", detail=str(error))


def _patches(dataset: Dataset) -> Iterator[Candidate | Refused]:
    for batch in dataset.patch_rows(["key", "kept", "orientation", *_TOLD]):
        for row in batch.to_pylist():
            if row["kept"]:
                # The patch's own file carries no orientation: it was cut out of the picture as stored.
                turn = {"orientation": str(row["orientation"] or 1)}
                yield Candidate(row["key"], row["key"], row["key"], provenance=_told(row) | turn)


def _images(dataset: Dataset) -> Iterator[Candidate | Refused]:
    seen: set[str] = set()
    for table in [marker.named(".parquet") for marker in dataset.image_markers()]:
        if table is None:
            continue
        with dataset.store.open(table.name) as file:
            rows = read_parquet(file, ["key", "kept", "tar", *_TOLD[:3]]).to_pylist()
        for row in rows:
            if not row["kept"] or row["key"] in seen:
                continue
            seen.add(row["key"])
            if row["tar"]:
                yield Candidate(row["key"], row["key"], f"{table.name}/{row['key']}", provenance=_told(row))
            else:
                yield Refused(row["key"], "not_kept", "its bytes were not kept (images.keep_images in the recipe)")


def _image(dataset: Dataset, where: str) -> bytes:
    table, _, key = where.rpartition("/")
    row = _members(dataset, table).get(key)
    if row is None:
        raise KeyError(key)
    return dataset.image_bytes(row)


@lru_cache(maxsize=8)
def _members(dataset: Dataset, table: str) -> dict[str, dict[str, Any]]:
    """Where the bytes of a table's images are, by key."""
    with dataset.store.open(table) as file:
        rows = read_parquet(file, ["key", *_MEMBER]).to_pylist()
    return {row["key"]: row for row in rows}


@lru_cache(maxsize=4)
def _opened(place: str) -> Dataset:
    return open_dataset(place)


def _told(row: dict[str, Any]) -> dict[str, str]:
    return {name: str(row[name]) for name in _TOLD if row.get(name)}
