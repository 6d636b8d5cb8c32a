"""From verified pairs to who stays: clusters, keepers, and one row per image that goes.

Agreement is not transitive: a border cropped by 2 % ten times over is another picture. So an image goes only for a
keeper that it is tied to by verified pairs whose hash distances *add up* to no more than `max_distance`; what lies
further off stays, though it is of the same cluster.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from million_ird.duplicates.settings import DuplicateSettings
from million_ird.fingerprint import Transform, compose, inverse
from million_ird.records import DUPLICATE_SCHEMA

_KINDS = ("bytes", "pixels", "near", "crop")
_PAIRS = 4096
"""Pairs that are looked at together, or all of one cluster: about a kilobyte each."""


class _Tie(NamedTuple):
    """How an image is tied to another: `transform` turns `other` into the image that the tie belongs to."""

    other: int
    kind: str
    distance: int
    agreement: float
    transform: Transform


class _Path(NamedTuple):
    """A chain of ties from a keeper; compared by distance, then length, then row."""

    distance: int
    length: int
    row: int
    kind: str
    agreement: float
    transform: Transform


def cluster(pairs: pa.Table, images: pa.Table, settings: DuplicateSettings, pinned: Collection[str] = ()) -> pa.Table:
    """The rows of `duplicates.parquet` (`DUPLICATE_SCHEMA`, thumbnails null), sorted by key: one per image that goes.

    The best image of a cluster stays: a pinned one, else the one with most pixels, then with most bytes a pixel, then
    with the smallest key. Pinned images always stay.

    Args:
        pairs: accepted pairs, `PAIR_SCHEMA` with a column `agreement` (1 for bytes and pixels).
        images: columns `key`, `width`, `height`, `nbytes`; the table whose rows the pairs name.
        pinned: keys that an earlier generation has published.
    """
    parts = [_cluster(part, images, settings, pinned) for part in _whole_clusters(pairs)]
    return pa.concat_tables([DUPLICATE_SCHEMA.empty_table(), *parts]).sort_by("key")


def _cluster(pairs: pa.Table, images: pa.Table, settings: DuplicateSettings, pinned: Collection[str]) -> pa.Table:
    """The rows of some clusters, in any order."""
    ties = _ties(pairs, settings)
    rows = sorted(ties)
    facts = images.select(["key", "width", "height", "nbytes"]).take(pa.array(rows, pa.int64())).to_pylist()
    keys = {row: str(fact["key"]) for row, fact in zip(rows, facts, strict=True)}
    fixed = {row for row in rows if keys[row] in pinned}
    rank = {row: _rank(fact, row in fixed) for row, fact in zip(rows, facts, strict=True)}
    found = []
    for members in _components(ties):
        name = min(keys[row] for row in members)
        for keeper, path in _losers(sorted(members, key=rank.__getitem__), ties, fixed, settings.max_distance):
            found.append(_row(keys[path.row], name, keys[keeper], path))
    return pa.Table.from_pylist(found, schema=DUPLICATE_SCHEMA)


def _whole_clusters(pairs: pa.Table) -> Iterator[pa.Table]:
    """The pairs some thousand at a time, never some of a cluster without the others: what costs Python objects is
    one part of the pairs, however many there are."""
    names = _smallest_rows(pairs["first"].to_numpy(), pairs["second"].to_numpy())
    order = np.argsort(names, kind="stable")
    names = names[order]
    start = 0
    while start < len(order):
        end = int(np.searchsorted(names, names[min(start + _PAIRS, len(names)) - 1], side="right"))
        yield pairs.take(pa.array(order[start:end]))
        start = end


def _smallest_rows(first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each pair the smallest row of its cluster: (n,)."""
    rows, places = np.unique(np.concatenate([first, second]), return_inverse=True)
    first, second = places[: len(first)], places[len(first) :]
    root = np.arange(len(rows))
    # Every root hooks onto the smallest neighbour; at least half of the roots of a cluster go each time.
    while not np.array_equal(root[first], root[second]):
        a, b = root[first], root[second]
        np.minimum.at(root, np.maximum(a, b), np.minimum(a, b))
        while not np.array_equal(root, root[root]):
            root = root[root]
    return rows[root[first]]


def benchmark_row(
    key: str, benchmark: str, distance: float, agreement: float, transform: Transform
) -> dict[str, object]:
    """The row of an image that holds a benchmark picture (`benchmark` = "set/name"), thumbnails null."""
    row: dict[str, object] = dict.fromkeys(DUPLICATE_SCHEMA.names)
    row.update(key=key, cluster=key, keeper="", kind="benchmark", distance=float(distance))
    row.update(agreement=float(agreement), transform=transform, benchmark=benchmark)
    return row


def with_thumbnails(duplicates: pa.Table, thumbnails: Mapping[str, bytes]) -> pa.Table:
    """The same table with the thumbnails of images and keepers filled in, from those given by key."""
    keys, pictures = pa.array(list(thumbnails), pa.string()), pa.array(list(thumbnails.values()), pa.binary())
    for source, target in (("key", "thumbnail"), ("keeper", "keeper_thumbnail")):
        given = pictures.take(pc.index_in(duplicates.column(source).combine_chunks(), value_set=keys))
        filled = pc.coalesce(given, duplicates.column(target))
        duplicates = duplicates.set_column(DUPLICATE_SCHEMA.get_field_index(target), target, filled)
    return duplicates


def _rank(fact: dict[str, int], is_pinned: bool) -> tuple[bool, int, float, str]:
    pixels = fact["width"] * fact["height"]
    return (not is_pinned, -pixels, -fact["nbytes"] / max(pixels, 1), str(fact["key"]))


def _ties(pairs: pa.Table, settings: DuplicateSettings) -> dict[int, list[_Tie]]:
    ties: dict[int, list[_Tie]] = defaultdict(list)
    for pair in pairs.to_pylist():
        # A crop of a crop may keep little of the picture: one such step uses up the whole budget.
        distance = settings.max_distance if pair["kind"] == "crop" else pair["distance"]
        transform: Transform = pair["transform"]
        shared = (pair["kind"], distance, float(pair["agreement"]))
        ties[pair["first"]].append(_Tie(pair["second"], *shared, transform))
        ties[pair["second"]].append(_Tie(pair["first"], *shared, inverse(transform)))
    return ties


def _components(ties: dict[int, list[_Tie]]) -> Iterator[list[int]]:
    seen: set[int] = set()
    for start in sorted(ties):
        if start in seen:
            continue
        seen.add(start)
        members, waiting = [], [start]
        while waiting:
            row = waiting.pop()
            members.append(row)
            fresh = {tie.other for tie in ties[row]} - seen
            seen |= fresh
            waiting += fresh
        yield members


def _losers(
    members: list[int], ties: dict[int, list[_Tie]], fixed: Collection[int], budget: int
) -> Iterator[tuple[int, _Path]]:
    """Best first, every member that no better one has taken keeps its place and takes all within its reach."""
    taken: set[int] = set()
    for keeper in members:
        if keeper in taken:
            continue
        taken.add(keeper)
        for path in _reach(keeper, ties, budget):
            if path.row not in taken and path.row not in fixed:
                taken.add(path.row)
                yield keeper, path


def _reach(keeper: int, ties: dict[int, list[_Tie]], budget: int) -> Iterator[_Path]:
    """Shortest paths (Dijkstra) from a keeper to all that lie within the budget."""
    done: set[int] = set()
    waiting = [_Path(0, 0, keeper, "bytes", 1.0, "identity")]
    while waiting:
        path = heapq.heappop(waiting)
        if path.row in done:
            continue
        done.add(path.row)
        if path.row != keeper:
            yield path
        for tie in ties[path.row]:
            if tie.other not in done and path.distance + tie.distance <= budget:
                heapq.heappush(waiting, _extended(path, tie))


def _extended(path: _Path, tie: _Tie) -> _Path:
    return _Path(
        path.distance + tie.distance,
        path.length + 1,
        tie.other,
        max(path.kind, tie.kind, key=_KINDS.index),
        min(path.agreement, tie.agreement),
        compose(path.transform, tie.transform),
    )


def _row(key: str, name: str, keeper: str, path: _Path) -> dict[str, object]:
    row: dict[str, object] = dict.fromkeys(DUPLICATE_SCHEMA.names)
    row.update(key=key, cluster=name, keeper=keeper, kind=path.kind, distance=float(path.distance))
    row.update(agreement=path.agreement, transform=path.transform, benchmark="")
    return row
