"""The cut unit: the patches of some images become one shard.

JPEG images are cut in the coefficient domain, all others from pixels into lossless WebP. Every candidate patch gets a
row, kept or not; a shard whose every candidate was rejected has rows and a marker but no tar.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from million_ird.cut import Candidate, cut
from million_ird.errors import DatasetError
from million_ird.jpeg import find_cutter
from million_ird.layout import LOG, shard_stem
from million_ird.markers import publish, read_marker
from million_ird.patches import PatchSettings, grid
from million_ird.pixels import DecodeSettings, encode_thumbnail
from million_ird.records import Rejection, patch_key, patch_schema
from million_ird.shards import Member, ShardWriter, checksum, read_member
from million_ird.store import Store
from pipelines.shard_plan import Row, ShardUnit, coders, read_shard_unit

THUMBNAILS_PER_REASON = 6
"""Thumbnails that a shard keeps of kept patches, and of each rejection reason."""


@dataclass(frozen=True)
class CutJob:
    """What every cut unit of a generation shares. `plan` is the shard plan's name, `coders` what it was planned for."""

    store: Store
    plan: str
    coders: str
    decode: DecodeSettings
    patches: PatchSettings
    taken_down: frozenset[str] = frozenset()
    """Keys of images that were taken down after the plan was made."""


def cut_unit(job: CutJob, unit: ShardUnit) -> Mapping[str, int]:
    """Cuts one shard unless its marker stands; returns its counts.

    Raises:
        DatasetError: an image's bytes are missing or damaged, or this machine cuts with another library than planned.
    """
    stem = shard_stem(unit.encoding, unit.number)
    done = read_marker(job.store, f"{stem}.json")
    if done is not None:
        return done.counts
    check_coders(job.coders, job.patches)
    started = time.monotonic()
    with job.store.spool() as spool:
        rows = _cut_into(spool / "shard.tar", job, unit)
        pq.write_table(pa.Table.from_pylist(rows, schema=patch_schema([])), spool / "rows.parquet", compression="zstd")
        files = [(spool / "rows.parquet", f"{stem}.parquet")]
        if any(row["kept"] for row in rows):
            files.insert(0, (spool / "shard.tar", f"{stem}.tar"))
        counts = publish(job.store, f"{stem}.json", stem, files, shard_counts(rows)).counts
    log = {"unit": stem, "seconds": round(time.monotonic() - started, 3), **counts}
    job.store.write(f"{LOG}/cut/{unit.encoding}-{unit.number:05d}.json", (json.dumps(log) + "\n").encode())
    return counts


def check_coders(planned: str, patches: PatchSettings) -> None:
    """`DatasetError` if this machine writes patches with other libraries than planned: their bytes would differ."""
    here = coders(patches)
    if here != planned:
        raise DatasetError(
            f"this machine writes patches with {here}, but the shards were planned for {planned}; install the same, "
            "this package included, on every machine of the build (see the README on the system library)"
        )


def _cut_into(tar: Path, job: CutJob, unit: ShardUnit) -> list[Row]:
    """Cuts all images of the unit into `tar`; returns a row for every candidate patch."""
    rows: list[Row] = []
    thumbnails = _Thumbnails()
    with ShardWriter(tar) as shard:
        images = read_shard_unit(job.store, job.plan, unit)
        for image in (image for image in images if image["key"] not in job.taken_down):
            for candidate in _candidates(image, job):
                row = _row(image, candidate, unit.encoding, job.patches.size)
                if row["kept"]:
                    member = shard.add(f"{row['key']}.{unit.encoding}", candidate.data)
                    shard.add(f"{row['key']}.json", _sidecar(image, row))
                    row |= {"tar": f"{shard_stem(unit.encoding, unit.number)}.tar", **asdict(member)}
                thumbnails.offer(row, candidate, job.patches.max_flat_fraction)
                rows.append(row)
    thumbnails.attach(rows)
    return rows


def _candidates(image: Row, job: CutJob) -> list[Candidate]:
    where = Member(image["member"], image["offset"], image["size"], image["checksum"])
    data = read_member(job.store, image["tar"], where)
    result = cut(data, image["encoding"], find_cutter(), job.decode, job.patches)
    if isinstance(result, Rejection):
        failed = Rejection("cut", result.reason, result.measured, result.detail)
        boxes = grid(image["width"], image["height"], job.patches)
        return [Candidate(box, None, failed) for box in boxes]
    return result


def _row(image: Row, candidate: Candidate, encoding: str, size: int) -> Row:
    box, rejection = candidate.box, candidate.rejection
    return {
        "key": patch_key(image["key"], box.x, box.y, size),
        "image_key": image["key"],
        **asdict(box),
        "encoding": encoding,
        "lossless": "coefficients" if encoding == "jpg" else "pixels",
        "orientation": image["orientation"],
        "license": image["license"],
        "url": image["url"],
        "source": image["source"],
        "flat_fraction": candidate.flat_fraction,
        "kept": rejection is None,
        "step": rejection.step if rejection else "",
        "reason": rejection.reason if rejection else "",
        "measured": rejection.measured if rejection else None,
        "detail": rejection.detail if rejection else "",
        "tar": "",
        "member": "",
        "checksum": "",
    }


def _sidecar(image: Row, row: Row) -> bytes:
    """The patch's `.json`: flat, each field always there and always of one type, so that loaders can type it."""
    content = {name: row[name] for name in ("key", "image_key", "x", "y", "width", "height", "orientation")}
    content |= {name: image[name] for name in ("url", "license", "author", "source", "provenance", "sha256")}
    content |= {"image_width": image["width"], "image_height": image["height"], "colour_space": image["colour_space"]}
    return json.dumps(content | {"flat_fraction": float(row["flat_fraction"])}, ensure_ascii=False).encode()


class _Thumbnails:
    """Thumbnails of the first few patches of each reason, nearest the threshold first."""

    def __init__(self) -> None:
        self._best: dict[str, list[tuple[float, str, str, bytes]]] = {}

    def offer(self, row: Row, candidate: Candidate, threshold: float) -> None:
        if candidate.flat_fraction is None:
            return
        best = self._best.setdefault(row["reason"], [])
        # Rejected ones by how close the call was; kept ones by a hash of the key, so that pictures mix.
        distance = 0.0 if row["kept"] else abs(candidate.flat_fraction - threshold)
        place = (distance, checksum(row["key"].encode()), row["key"])
        if len(best) < THUMBNAILS_PER_REASON or place < best[-1][:3]:
            pixels = candidate.pixels()
            if pixels is not None:
                best.append((*place, encode_thumbnail(pixels)))
                best.sort()
                del best[THUMBNAILS_PER_REASON:]

    def attach(self, rows: Iterable[Row]) -> None:
        made = {key: thumbnail for best in self._best.values() for *_, key, thumbnail in best}
        for row in rows:
            row["thumbnail"] = made.get(row["key"])


def shard_counts(rows: list[Row]) -> dict[str, int]:
    """What a shard's marker counts, from its rows."""
    kept = [row for row in rows if row["kept"]]
    return {
        "candidates": len(rows),
        "kept": len(kept),
        "images": len({row["image_key"] for row in rows}),
        "bytes": sum(row["size"] for row in kept),
        **{
            f"rejected_{reason}": n for reason, n in sorted(Counter(r["reason"] for r in rows if not r["kept"]).items())
        },
    }
