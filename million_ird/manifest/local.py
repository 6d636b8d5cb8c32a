"""Reading the bytes of a source that is not behind http(s), from what its planned row says.

`source_root` and `url` together say where the bytes are:

    source_root                             url                 the bytes
    /photos, s3://bucket/photos             2024/lake.jpg       the file below the folder
    tar::/data/00000.tar                    000012.jpg          the member of the tar
    parquet::/data/a.parquet                image/17            row 17 of the column `image`
    huggingface::path=…&split=train&…       17                  row 17 of the dataset
"""

from __future__ import annotations

import hashlib
import tarfile
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import parse_qs, urlencode

import pyarrow as pa
import pyarrow.parquet as pq

from million_ird.manifest.files import open_raw
from million_ird.records import Rejection

TAR = "tar::"
PARQUET = "parquet::"
HUGGINGFACE = "huggingface::"
_WINDOW = 8
"""Batches of a Parquet column that stay in memory, so that rows may be asked for slightly out of order."""
_BATCH = 8
"""Rows per such batch: 64 images of 10 MB are 640 MB, the most a unit should hold."""
_lock = Lock()


def read_local(row: Mapping[str, Any], max_nbytes: int | None = None) -> bytes | Rejection:
    """The bytes of a planned row (SOURCE_SCHEMA) whose `host` is empty. Safe to call from several threads.

    Args:
        row: the row; `source_root`, `url` and `manifest_sha256` are used.
        max_nbytes: a larger image is not read (where the size is known beforehand) or not returned.

    Returns:
        The bytes, or a Rejection of step `fetch`: `missing_file`, `unreadable_file`, `outside_folder`, `too_large` or
        `sha256_mismatch`.
    """
    root, name = row["source_root"], row["url"]
    try:
        if root.startswith(TAR):
            data = _read_member(root.removeprefix(TAR), name, max_nbytes)
        elif root.startswith(PARQUET):
            data = _read_parquet(root.removeprefix(PARQUET), name)
        elif root.startswith(HUGGINGFACE):
            data = _read_huggingface(root.removeprefix(HUGGINGFACE), name)
        elif name.startswith("/") or ".." in name.split("/"):
            return Rejection("fetch", "outside_folder", detail="the path leaves its folder")
        else:
            data = _read_file(f"{root.rstrip('/')}/{name}", max_nbytes)
    except (FileNotFoundError, KeyError, IndexError, NotADirectoryError):
        return Rejection("fetch", "missing_file", detail="it was there when the build was planned")
    except (OSError, EOFError, ValueError, tarfile.TarError, pa.ArrowException) as error:
        return Rejection("fetch", "unreadable_file", detail=" ".join(str(error).split())[:200])
    size = data if isinstance(data, int) else len(data)
    if isinstance(data, int) or (max_nbytes is not None and size > max_nbytes):
        return Rejection("fetch", "too_large", float(size), f"larger than {max_nbytes} bytes")
    expected = row["manifest_sha256"]
    if expected and (found := hashlib.sha256(data).hexdigest()) != expected:
        return Rejection("fetch", "sha256_mismatch", detail=f"got {found}")
    return data


def _read_file(path: str, max_nbytes: int | None) -> bytes | int:
    """The file's bytes, or its size if that is too large."""
    with open_raw(path) as file:
        data: bytes = file.read() if max_nbytes is None else file.read(max_nbytes + 1)
        if max_nbytes is not None and len(data) > max_nbytes:
            return int(file.seek(0, 2))
        return data


def _read_member(tar: str, name: str, max_nbytes: int | None) -> bytes | int:
    with _lock:
        members = _members(tar)
    offset, size = members[name]
    if max_nbytes is not None and size > max_nbytes:
        return size
    with open_raw(tar) as file:
        file.seek(offset)
        data: bytes = file.read(size)
    if len(data) < size:
        raise OSError("the tar ends inside this member")
    return data


@lru_cache(maxsize=4)
def _members(tar: str) -> dict[str, tuple[int, int]]:
    """Member name → offset and size; of members with one name the first counts, as in planning."""
    places: dict[str, tuple[int, int]] = {}
    with open_raw(tar) as raw, tarfile.open(fileobj=raw, mode="r:") as archive:
        for member in archive:
            if member.isfile():
                places.setdefault(member.name, (member.offset_data, member.size))
    return places


def _read_parquet(path: str, name: str) -> bytes:
    column, _, row = name.rpartition("/")
    with _lock:
        data = _cell_bytes(_column(path, column).get(int(row)))
    if data is None:
        raise OSError("the cell holds no bytes")
    return data


def _cell_bytes(cell: Any) -> bytes | None:
    """The bytes of a cell: as they are, or of a struct as `datasets` stores images; None if it only names a path.

    A path in a table is not followed: whoever wrote the table would choose which of our files is read.
    """
    data = cell.get("bytes") if isinstance(cell, Mapping) else cell
    return None if data is None else bytes(data)


class _Column:
    """Random access to one Parquet column that is cheap for rows in rising order and never holds a whole row group."""

    def __init__(self, path: str, column: str) -> None:
        self._table = pq.ParquetFile(open_raw(path), pre_buffer=False, buffer_size=2**20)
        self._column = column
        sizes = [self._table.metadata.row_group(i).num_rows for i in range(self._table.num_row_groups)]
        self._starts = [sum(sizes[:i]) for i in range(len(sizes) + 1)]
        self._group = -1
        self._window: OrderedDict[int, pa.Array] = OrderedDict()
        self._batches: Any = iter(())

    def get(self, row: int) -> Any:
        """The cell of a row; IndexError if there is none."""
        if not 0 <= row < self._starts[-1]:
            raise IndexError(row)
        group = max(i for i, start in enumerate(self._starts[:-1]) if start <= row)
        within = row - self._starts[group]
        batch = within // _BATCH
        if group != self._group or (batch not in self._window and batch < self._next):
            self._rewind(group)
        while batch not in self._window:
            self._advance()
        return self._window[batch][within % _BATCH].as_py()

    def _rewind(self, group: int) -> None:
        self._group, self._next = group, 0
        self._window.clear()
        self._batches = self._table.iter_batches(_BATCH, row_groups=[group], columns=[self._column], use_threads=False)

    def _advance(self) -> None:
        self._window[self._next] = next(self._batches).column(0)
        self._next += 1
        if len(self._window) > _WINDOW:
            self._window.popitem(last=False)


@lru_cache(maxsize=2)
def _column(path: str, column: str) -> _Column:
    return _Column(path, column)


@dataclass(frozen=True, slots=True)
class HuggingFacePlace:
    """Where rows of a Hugging Face dataset are."""

    path: str
    configuration: str
    split: str
    column: str

    def to_query(self) -> str:
        return urlencode(
            {"path": self.path, "configuration": self.configuration, "split": self.split, "column": self.column}
        )

    @classmethod
    def from_query(cls, query: str) -> HuggingFacePlace:
        values = {key: found[0] for key, found in parse_qs(query, keep_blank_values=True).items()}
        return cls(**values)


def open_huggingface(place: HuggingFacePlace, streaming: bool) -> Any:
    """The dataset, its image columns undecoded: cells are bytes or paths."""
    import datasets

    if Path(place.path, "dataset_dict.json").exists() or Path(place.path, "state.json").exists():
        loaded = datasets.load_from_disk(place.path)
        dataset = loaded[place.split] if isinstance(loaded, datasets.DatasetDict) else loaded
    else:
        configuration = place.configuration or None
        dataset = datasets.load_dataset(place.path, configuration, split=place.split, streaming=streaming)
    for name, feature in (dataset.features or {}).items():
        if isinstance(feature, datasets.Image):
            dataset = dataset.cast_column(name, datasets.Image(decode=False))
    return dataset


def _read_huggingface(query: str, row: str) -> bytes:
    place = HuggingFacePlace.from_query(query)
    with _lock:
        cell = _huggingface(query)[int(row)][place.column]
    data = _cell_bytes(cell)
    if data is None and isinstance(cell, Mapping) and cell.get("path"):
        return _read_inside(str(cell["path"]), place)
    if data is None:
        raise OSError("the cell holds no bytes")
    return data


def _read_inside(path: str, place: HuggingFacePlace) -> bytes:
    """A file that `datasets` found for a folder of images: it must lie in that folder or in a cache of theirs."""
    import datasets
    from huggingface_hub.constants import HF_HUB_CACHE

    file = Path(path).resolve()
    homes = [Path(home).resolve() for home in (place.path, datasets.config.HF_DATASETS_CACHE, HF_HUB_CACHE)]
    if not any(file.is_relative_to(home) for home in homes):
        raise PermissionError(f"the path {path} is outside the dataset")
    return file.read_bytes()


@lru_cache(maxsize=2)
def _huggingface(query: str) -> Any:
    place = HuggingFacePlace.from_query(query)
    return open_huggingface(place, streaming=False).select_columns([place.column])
