"""The fetch unit: download or read its sources, examine each image, keep rows and bytes.

One unit leaves one Parquet file of rows (every source has exactly one, kept or not), at most one tar of the bytes as
they came, both named by their content, and a marker. Rows and members stand in plan order, whatever arrived first.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from million_ird.examine import Examination, Row, examine, rejected_row
from million_ird.layout import IMAGES, fetch_marker
from million_ird.records import Rejection, image_schema
from million_ird.shards import ShardWriter, file_checksum
from million_ird.store import Store

THUMBNAILS_PER_REASON = 6
"""Thumbnails that a unit keeps of kept images, and of each rejection reason: enough for a report's contact sheets."""


@dataclass(frozen=True)
class ImageSettings:
    """What becomes of the fetched bytes: the recipe's section `[images]`."""

    keep_images: Literal["all", "kept", "none"] = "kept"
    """`all`: also the bytes of rejected images, so that a re-cut may loosen thresholds. `kept`: those the screens let
    through. `none`: removed once their patches are cut; then there is no re-cut."""


@dataclass(frozen=True)
class FetchJob:
    """What every fetch unit of a generation shares; `hosts` keeps politeness across workers."""

    store: Store
    generation: int
    examination: Examination
    http: HttpSettings
    images: ImageSettings
    hosts: Hosts
    shared_hosts: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Arrival:
    """One finished source: its row and, where the bytes are to be kept, the spooled file."""

    row: Row
    body: Path | None


def fetch_unit(job: FetchJob, unit: int) -> Mapping[str, int]:
    """Fetches one unit unless its marker stands; returns its counts."""
    name = fetch_unit_name(job.generation, unit)
    done = read_marker(job.store, fetch_marker(name))
    if done is not None:
        return done.counts
    started = time.monotonic()
    sources = read_unit(job.store, plan_folder(job.generation), unit).to_pylist()
    with job.store.spool() as spool:
        arrivals, log = asyncio.run(_fetch_all(job, sources, spool))
        rows = _thin_thumbnails([arrival.row for arrival in arrivals], job.examination)
        files = _write(job, name, rows, [arrival.body for arrival in arrivals], spool)
        marker = publish(job.store, fetch_marker(name), name, files, _counts(rows))
    log |= {"unit": name, "seconds": round(time.monotonic() - started, 3), **marker.counts}
    job.store.write(f"{LOG}/fetch/{name}.json", (json.dumps(log, sort_keys=True) + "\n").encode())
    return marker.counts


async def _fetch_all(job: FetchJob, sources: list[Row], spool: Path) -> tuple[list[_Arrival], Row]:
    """Every source's arrival, in the order of `sources`, and what the log says of the traffic."""
    arrivals: list[_Arrival | None] = [None] * len(sources)
    waiting = iter(enumerate(sources))
    loop = asyncio.get_running_loop()
    traffic: Counter[str] = Counter()

    async def work(client: Client, pool: ThreadPoolExecutor) -> None:
        # Each connection waits for its image's examination, so at most `connections` bodies lie in the spool.
        for index, source in waiting:
            fetched = await _obtain(client, source, spool)
            arrivals[index] = await loop.run_in_executor(pool, _arrive, job, source, fetched)
            traffic["attempts"] += getattr(fetched, "attempts", 0)
            traffic["bytes"] += arrivals[index].row["nbytes"] or 0

    async with Client(job.http, job.hosts, spool=spool, shared_hosts=job.shared_hosts) as client:
        with ThreadPoolExecutor(1, "examine") as pool:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(job.http.connections, len(sources))):
                    group.create_task(work(client, pool))
    return [arrival for arrival in arrivals if arrival is not None], dict(traffic)


async def _obtain(client: Client, source: Row, spool: Path) -> Fetched | Rejection:
    if source["host"]:
        return await client.fetch(source["url"], source["manifest_sha256"])
    return await asyncio.to_thread(read_local, source, spool)


def _arrive(job: FetchJob, source: Row, fetched: Fetched | Rejection) -> _Arrival:
    if isinstance(fetched, Rejection):
        return _Arrival(rejected_row(source, fetched), None)
    facts = {"final_url": fetched.final_url, "http_status": fetched.status}
    row = examine(source, fetched.path.read_bytes(), job.examination, **facts)
    if row["kept"] or job.images.keep_images == "all":
        return _Arrival(row, fetched.path)
    fetched.path.unlink()
    return _Arrival(row, None)


def _write(job: FetchJob, unit: str, rows: list[Row], bodies: list[Path | None], spool: Path) -> list[tuple[Path, str]]:
    """Tar (if any bytes are kept) and Parquet in the spool, each with the content-named place it belongs to."""
    files: list[tuple[Path, str]] = []
    tar = spool / "unit.tar"
    members: list[tuple[Row, Member]] = []
    with ShardWriter(tar) as shard:
        for row, body in zip(rows, bodies, strict=True):
            if body is not None:
                members.append((row, shard.add(f"{row['key']}.{row['format']}", body.read_bytes())))
                body.unlink()
    if members:
        tar_name = f"{IMAGES}/{unit}-{file_checksum(tar)[:12]}.tar"
        files.append((tar, tar_name))
        for row, member in members:
            row |= {"tar": tar_name, **asdict(member)}
    table = spool / "unit.parquet"
    schema = image_schema(list(job.examination.screens.names))
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), table, compression="zstd")
    files.append((table, f"{IMAGES}/{unit}-{file_checksum(table)[:12]}.parquet"))
    return files


def _thin_thumbnails(rows: list[Row], examination: Examination) -> list[Row]:
    """The rows, with thumbnails left only to the first few of each reason, nearest the threshold first."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row["reason"], []).append(row)
    chosen = set()
    for group in groups.values():
        nearest = sorted(group, key=lambda row: (distance_to_threshold(row, examination.screens), row["key"]))
        chosen |= {row["key"] for row in nearest[:THUMBNAILS_PER_REASON]}
    return [row if row["key"] in chosen else {**row, "thumbnail": None} for row in rows]


def _counts(rows: Iterable[Row]) -> dict[str, int]:
    rows = list(rows)
    return {
        "rows": len(rows),
        "fetched": sum(row["step"] not in ("fetch",) for row in rows),
        "decoded": sum(row["step"] not in ("fetch", "decode") for row in rows),
        "kept": sum(row["kept"] for row in rows),
        "bytes": sum(row["nbytes"] or 0 for row in rows),
        "pixels": sum(row["width"] * row["height"] for row in rows if row["kept"]),
    }
