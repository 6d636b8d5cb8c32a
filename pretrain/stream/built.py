"""The index of a dataset that `million-ird build` made: its kept patches, from the tables beside the shards."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from million_ird.dataset import Dataset, open_dataset
from million_ird.errors import DatasetError
from million_ird.layout import DATASET, PATCHES
from million_ird.markers import Marker
from million_ird.store import Store
from pretrain.stream.index import (
    ENCODINGS,
    Columns,
    PartDescription,
    ShardFile,
    digest,
    image_hashes,
    join_columns,
    key_columns,
    member_columns,
)
from pretrain.stream.listing import stamps

_ROWS = ("key", "image_key", "encoding", "width", "height", "orientation", "license", "kept")
_TABLES_AT_ONCE = 8
"""Tables read at the same time, which hides the answering time of an object store."""
_MEMBERS = ("tar", "offset", "size", "checksum")


def is_built(store: Store) -> bool:
    """Whether a folder or URL holds one of our datasets."""
    return store.exists(DATASET)


def dataset_stamp(store: Store) -> str:
    """Changes when a shard, a table or a marker does, or `dataset.json`."""
    return digest(f"{name} {stamp}" for name, stamp in stamps(store, PATCHES) + stamps(store, DATASET))


def read_built(url: str) -> tuple[PartDescription, Columns]:
    """Description and columns of a built dataset's kept patches.

    Raises:
        DatasetError: no dataset, another format version, a damaged table, or no kept patch.
    """
    dataset = open_dataset(url)
    markers = [
        marker for marker in dataset.shard_markers() if marker.named(".tar")
    ]  # else every candidate was rejected
    if not markers:
        raise DatasetError(f"{dataset.url} has no kept patch: `million-ird status {dataset.url}` says what is missing")
    with ThreadPoolExecutor(_TABLES_AT_ONCE) as threads:
        found = list(threads.map(lambda marker: _read_shard(dataset, marker), markers))
    shards, tables, licences = zip(*found, strict=True)
    contents = [" ".join(f"{file.name} {file.nbytes} {file.checksum}" for file in marker.files) for marker in markers]
    counted = dict(sum(licences, Counter[str]()))
    return PartDescription(dataset.url, dataset.url, shards, digest(contents), counted, "-", {}), join_columns(tables)


def _read_shard(dataset: Dataset, marker: Marker) -> tuple[ShardFile, dict[str, Any], Counter[str]]:
    """A shard, its columns, and its patches under each licence."""
    tar, rows = marker.named(".tar"), marker.named(".parquet")
    if tar is None or rows is None:
        raise DatasetError(f"the marker of {marker.unit} names no table")
    columns, licences = _read_rows(dataset, rows.name, tar.name)
    return ShardFile(tar.name, tar.nbytes, tar.checksum, len(columns["size"])), columns, licences


def _read_rows(dataset: Dataset, name: str, tar: str) -> tuple[dict[str, Any], Counter[str]]:
    where = dataset.store.path(name)
    try:
        with dataset.store.open(name) as file, pq.ParquetFile(file) as parquet:
            table = parquet.read([*_ROWS, *_MEMBERS], use_threads=False)
    except FileNotFoundError:
        raise DatasetError(f"{where} is missing: `million-ird verify {dataset.url}` finds all that is") from None
    except (OSError, ValueError, KeyError) as error:  # what pyarrow raises at a damaged table or a missing column
        raise DatasetError(f"{where} cannot be read: {error}") from error
    table = table.filter(table["kept"])
    rows = {column: table[column].to_pylist() for column in (*_ROWS, "tar", "checksum")}
    if any(not key.startswith(f"{image}-") for key, image in zip(rows["key"], rows["image_key"], strict=True)):
        raise DatasetError(f"{where}: a patch key does not begin with the key of its image")
    if set(rows["tar"]) - {tar} or set(rows["encoding"]) - set(ENCODINGS):
        raise DatasetError(f"{where}: its rows name another tar or encoding than its marker")
    offsets, sizes = (table[column].to_numpy().astype(np.int64) for column in ("offset", "size"))
    columns = {
        **member_columns(offsets, sizes, where),
        **key_columns(rows["key"]),
        "checksum": np.frombuffer(bytes.fromhex("".join(rows["checksum"])), np.uint8).reshape(-1, 16),
        "width": np.array(rows["width"], np.uint32),
        "height": np.array(rows["height"], np.uint32),
        "orientation": np.array(rows["orientation"], np.uint8),
        "encoding": np.array([ENCODINGS.index(encoding) for encoding in rows["encoding"]], np.uint8),
        "image": image_hashes(rows["image_key"]),
    }
    return columns, Counter(rows["license"])
