"""The fetch unit: download or read its sources, examine each image, keep rows and bytes.

One unit leaves one Parquet file of rows (every source has exactly one, kept or not), at most one tar of the bytes as
they came, both named by their content, and a marker. Rows and members stand in plan order, whatever arrived first.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from bisect import insort
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from million_ird.examine import Examination, Row, examine, rejected_row, taken_down_row
from million_ird.layout import IMAGES, LOG, fetch_marker, fetch_unit_name, plan_folder
from million_ird.manifest import read_local
from million_ird.markers import publish, read_marker
from million_ird.pixels import sniff
from million_ird.records import Rejection, image_schema
from million_ird.shards import Member, ShardWriter, file_checksum
from million_ird.store import Store
from pipelines.crashes import CrashJournal, UnitJournal
from pipelines.http.client import Client, Fetched
from pipelines.http.settings import HttpSettings
from pipelines.http.shared_hosts import Hosts
from pipelines.plan import read_unit

THUMBNAILS_PER_REASON = 6
"""Thumbnails that a unit keeps of kept images, and of each rejection reason: enough for a report's contact sheets."""

_TASKS_PER_CONNECTION = 4
"""Rows asked for at once, per connection: those of a slow host wait for their turn while others use the connections."""


@dataclass(frozen=True)
class ImageSettings:
    """What becomes of the fetched bytes: the recipe's section `[images]`."""

    keep_images: Literal["all", "kept", "none"] = "kept"
    """`all`: also the bytes of rejected images, so that a re-cut may loosen thresholds. `kept`: those the screens let
    through. `none`: removed once their patches are cut; then there is no re-cut."""


@dataclass(frozen=True)
class FetchJob:
    """What every fetch unit of a generation shares. `hosts` keeps politeness across workers for `shared_hosts`;
    `crashes` remembers between the attempts at a unit which image a worker died of."""

    store: Store
    generation: int
    examination: Examination
    http: HttpSettings
    images: ImageSettings
    hosts: Hosts | None = None
    shared_hosts: frozenset[str] = frozenset()
    crashes: CrashJournal | None = None


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
    notes = job.crashes.open(name) if job.crashes else nullcontext()
    with job.store.spool() as spool, notes as journal:
        arrivals, traffic = asyncio.run(_fetch_all(job, sources, spool, journal))
        counts = _publish(job, name, arrivals, spool)
    log = {"unit": name, "seconds": round(time.monotonic() - started, 3), "traffic": traffic, **counts}
    job.store.write(f"{LOG}/fetch/{name}.json", (json.dumps(log, sort_keys=True) + "\n").encode())
    return counts


def give_up_unit(job: FetchJob, unit: int) -> Mapping[str, int]:
    """Publishes a unit that died at every attempt: every source rejected as `given_up`, for `retry-failed` to take."""
    name = fetch_unit_name(job.generation, unit)
    sources = read_unit(job.store, plan_folder(job.generation), unit).to_pylist()
    lost = Rejection("fetch", "given_up", detail="the worker of its unit died at every attempt; see log/given-up")
    gone = job.examination.tombstones.keys
    rows = [taken_down_row(source) if source["key"] in gone else rejected_row(source, lost) for source in sources]
    with job.store.spool() as spool:
        return _publish(job, name, [_Arrival(row, None) for row in rows], spool)


async def _fetch_all(
    job: FetchJob, sources: list[Row], spool: Path, journal: UnitJournal | None
) -> tuple[list[_Arrival], dict[str, int]]:
    """Every source's arrival, in the order of `sources`, and what the log says of the traffic."""
    arrivals: dict[int, _Arrival] = {}
    traffic: Counter[str] = Counter()
    waiting = iter(enumerate(sources))
    look = partial(_examine, job, journal, _Nearest())
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(_say_nothing_of_interrupts)

    async def work(client: Client, examiner: ThreadPoolExecutor) -> None:
        # Each task waits for its image's examination, so no more bodies than tasks lie in the spool unseen.
        for index, source in waiting:
            if source["key"] in job.examination.tombstones.keys:
                arrivals[index] = _Arrival(taken_down_row(source), None)
                continue
            fetched = await client.fetch(source["url"], source["manifest_sha256"]) if source["host"] else None
            arrivals[index] = await loop.run_in_executor(examiner, _arrive, job, source, fetched, spool, look)
            if isinstance(fetched, Fetched):
                traffic.update(attempts=fetched.attempts, bytes=fetched.nbytes)

    client = Client(job.http, job.hosts, spool=spool, shared_hosts=job.shared_hosts)
    try:
        with ThreadPoolExecutor(1, "examine") as examiner:
            async with client, asyncio.TaskGroup() as connections:
                for _ in range(min(_TASKS_PER_CONNECTION * job.http.connections, len(sources))):
                    connections.create_task(work(client, examiner))
    except ExceptionGroup as group:
        raise group.exceptions[0] from None  # the first is the cause; the others were cancelled with it
    return [arrivals[index] for index in range(len(sources))], dict(traffic)


def _say_nothing_of_interrupts(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """An interrupt that hits a task ends the build with a line of its own; asyncio would print it once more."""
    if not isinstance(context.get("exception"), KeyboardInterrupt):
        loop.default_exception_handler(context)


def _arrive(
    job: FetchJob, source: Row, fetched: Fetched | Rejection | None, spool: Path, look: Callable[..., Row]
) -> _Arrival:
    """Examines what was fetched (None for a local source, which is read here) and decides whether its bytes stay."""
    if isinstance(fetched, Rejection):
        return _Arrival(rejected_row(source, fetched), None)
    if fetched is None:
        data = read_local(source, job.http.max_nbytes)
        if isinstance(data, Rejection):
            return _Arrival(rejected_row(source, data), None)
        row = look(source, data)
    else:
        data = fetched.body.read()
        facts = {"final_url": fetched.final_url, "x_robots_tag": fetched.x_robots_tag}
        row = look(source, data, fetched.sha256, **facts)
    if not row["kept"] and (job.images.keep_images != "all" or row["reason"] == "taken_down"):
        if fetched is not None:
            fetched.body.discard()
        return _Arrival(row, None)
    if fetched is not None:
        return _Arrival(row, fetched.body.path())
    path = spool / source["key"]
    path.write_bytes(data)
    return _Arrival(row, path)


def _examine(
    job: FetchJob,
    journal: UnitJournal | None,
    is_shown: Callable[[Row], bool],
    source: Row,
    data: bytes,
    sha256: str = "",
    **facts: Any,
) -> Row:
    """The image's row; an image that earlier attempts at the unit died of is rejected unseen."""
    if journal is None:
        return examine(source, data, job.examination, sha256, is_shown, **facts)
    fatal = journal.verdict(source["key"])
    if fatal is not None:
        known = {"nbytes": len(data), "sha256": sha256 or hashlib.sha256(data).hexdigest(), "format": sniff(data)}
        return rejected_row(source, fatal, **known, **facts)
    with journal.examining(source["key"]):
        return examine(source, data, job.examination, sha256, is_shown, **facts)


def _publish(job: FetchJob, unit: str, arrivals: list[_Arrival], spool: Path) -> Mapping[str, int]:
    """Writes the unit's tar (if any bytes are kept) and table, and publishes them; returns the marker's counts."""
    rows = _thin_thumbnails([arrival.row for arrival in arrivals])
    files = _write_tar(unit, rows, [arrival.body for arrival in arrivals], spool)
    table = spool / "unit.parquet"
    schema = image_schema(job.examination.screens.columns())
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), table, compression="zstd")
    files.append((table, f"{IMAGES}/{unit}-{file_checksum(table)[:12]}.parquet"))
    return publish(job.store, fetch_marker(unit), unit, files, unit_counts(rows)).counts


def _write_tar(unit: str, rows: list[Row], bodies: list[Path | None], spool: Path) -> list[tuple[Path, str]]:
    """The tar of the bodies that stay, in row order, and where it belongs; the rows learn their members."""
    tar = spool / "unit.tar"
    members: list[tuple[Row, Member]] = []
    with ShardWriter(tar) as shard:
        for row, body in zip(rows, bodies, strict=True):
            if body is not None:
                members.append((row, shard.add(f"{row['key']}.{row['format']}", body.read_bytes())))
                body.unlink()
    if not members:
        return []
    name = f"{IMAGES}/{unit}-{file_checksum(tar)[:12]}.tar"
    for row, member in members:
        row |= {"tar": name, **asdict(member)}
    return [(tar, name)]


def _thin_thumbnails(rows: Sequence[Row]) -> list[Row]:
    """Rows with thumbnails left only to the first few of each reason, nearest the threshold first."""
    nearest = _Nearest()
    for row in rows:
        nearest(row)
    return [row if _place(row) in nearest.places[row["reason"]] else row | {"thumbnail": None} for row in rows]


class _Nearest:
    """Whether a row is among the few of its reason that are nearest the threshold, of all that were asked about so far.

    Those of all rows are among those of any part of them; so asked while rows come in, whatever their order, it says
    yes to every row whose thumbnail stays, and to few others.
    """

    def __init__(self) -> None:
        self.places: dict[str, list[tuple[float, str]]] = {}

    def __call__(self, row: Row) -> bool:
        places, place = self.places.setdefault(row["reason"], []), _place(row)
        insort(places, place)
        del places[THUMBNAILS_PER_REASON:]
        return place in places


def _place(row: Row) -> tuple[float, str]:
    """Where a row stands among those of its reason."""
    # Of numbers that were too low the largest are nearest the threshold, of those too high the smallest.
    sign = -1.0 if row["reason"].endswith("_low") else 1.0
    return sign * (row["measured"] or 0.0), row["key"]


def unit_counts(rows: list[Row]) -> dict[str, int]:
    """What a fetch unit's marker counts, from its rows."""
    return {
        "rows": len(rows),
        "fetched": sum(row["step"] != "fetch" for row in rows),
        "decoded": sum(row["step"] not in ("fetch", "decode") for row in rows),
        "kept": sum(row["kept"] for row in rows),
        "bytes": sum(row["nbytes"] or 0 for row in rows),
    }
