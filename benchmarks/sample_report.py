"""What does the report look like? Screens and cuts real photographs, adds simulated rows, and writes a report.

    python benchmarks/sample_report.py OUT [FOLDER …] [--simulated 40000]

Photographs of the folders (default: those inside the scikit-image and scikit-learn packages) go through the real
decoder, screens and cutter. The simulated rows repeat their numbers with noise, fail to be fetched, and carry no
thumbnail, so that charts and tables fill as those of a large dataset would.
"""

from __future__ import annotations

import argparse
import hashlib
import math
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from million_ird.cut import cut, encoding_for
from million_ird.fingerprint import fingerprint
from million_ird.jpeg import find_cutter, is_cuttable
from million_ird.patches import PatchSettings
from million_ird.pixels import DecodeSettings, decode, decode_patch, encode_thumbnail, read_header, sniff
from million_ird.records import (
    DUPLICATE_SCHEMA,
    REJECTED_SOURCE_SCHEMA,
    Rejection,
    image_key,
    image_schema,
    patch_key,
    patch_schema,
)
from million_ird.report import LogSummary, ReportInputs, ReportScreen, StepLog, write_report
from million_ird.screens import Photo, ScreenSettings, judge, measure_all

Row = dict[str, Any]
LICENSES = ("CC-BY-4.0", "CC-BY-SA-4.0", "CC0-1.0", "Public domain", "")
HOSTS = tuple(
    f"{name}.example" for name in ("photos", "images.museum", "cdn.travel", "upload.commons", "blog", "static")
)
FAILURES = ("http_not_found", "dns_not_found", "connect_timeout", "http_server_error", "robots", "tls_error")
TRANSIENT = frozenset({"connect_timeout", "http_server_error"})
SCREENING = ScreenSettings(
    keep={
        "short_side": (400, math.inf),
        "jpeg_quality": (70, 99),
        "blockiness": (-math.inf, 60),
        "laplacian_variance": (20, math.inf),
        "entropy": (5, math.inf),
    },
    measure=("cheap", "noise_sigma", "perceptual_blur"),
)
PATCHES = PatchSettings(size=256)


def photographs(folders: list[Path]) -> Iterator[Path]:
    """Every file of the folders that could be a photograph, in the order of the names."""
    if not folders:
        homes = (("skimage", "data"), ("sklearn", "datasets/images"))
        specs = ((find_spec(package), place) for package, place in homes)
        folders = [Path(spec.origin).parent / place for spec, place in specs if spec and spec.origin]
    for folder in folders:
        names = (
            p
            for p in sorted(folder.rglob("*"))
            if p.suffix.lower() in (".jpg", ".jpeg", ".png", ".webp", ".gif", ".tif")
        )
        yield from names


def source_of(url: str, number: int) -> Row:
    """The planned manifest row of an image."""
    host = HOSTS[number % len(HOSTS)]
    source = "museum" if number % 3 else "travel"
    row = {
        "key": image_key(url),
        "url": url,
        "host": host,
        "license": LICENSES[number % len(LICENSES)],
        "source": source,
    }
    return {**row, "source_root": "", "manifest_sha256": "", "author": "", "provenance": "{}"}


def rejected_row(source: Row, rejection: Rejection) -> Row:
    return {
        **source,
        "kept": False,
        "step": rejection.step,
        "reason": rejection.reason,
        "measured": rejection.measured,
        "detail": rejection.detail,
    }


def screened(source: Row, data: bytes) -> Row:
    """The image row of one file's bytes."""
    row = {**source, "nbytes": len(data), "format": sniff(data), "sha256": hashlib.sha256(data).hexdigest()}
    header = read_header(data, DecodeSettings())
    if isinstance(header, Rejection):
        return rejected_row(row, header)
    for name in (
        "width",
        "height",
        "orientation",
        "channels",
        "bit_depth",
        "progressive",
        "subsampling",
        "colour_space",
    ):
        row[name] = getattr(header, name)
    rgb = decode(data, header, DecodeSettings())
    if isinstance(rgb, Rejection):
        return rejected_row(row, rgb)
    row |= measure_all(Photo(header, data, rgb), SCREENING.screens())
    row |= {"thumbnail": encode_thumbnail(rgb), "phash": fingerprint(rgb).phash, "cuttable": is_cuttable(header)}
    verdict = judge(row, SCREENING.intervals)
    return rejected_row(row, verdict) if verdict else {**row, "kept": True, "step": "", "reason": "", "detail": ""}


def real_rows(paths: list[Path]) -> list[tuple[Row, bytes]]:
    """Image rows of real photographs, with their bytes."""
    rows = []
    for number, path in enumerate(paths):
        url = f"https://{HOSTS[number % len(HOSTS)]}/{path.parent.name}/{path.name}"
        data = path.read_bytes()
        rows.append((screened(source_of(url, number), data) | {"tar": "images/0.tar", "size": len(data)}, data))
    return rows


def simulated_rows(real: list[Row], number: int, screens: list[str]) -> Iterator[Row]:
    """Rows that repeat the numbers of real ones with noise; a fifth of them could not be fetched."""
    random = np.random.default_rng(7)
    decoded = [row for row in real if row["step"] not in ("fetch", "decode")]
    for place in range(number):
        source = source_of(f"https://{HOSTS[place % len(HOSTS)]}/simulated/{place}.jpg", place)
        if random.random() < 0.2:
            host = f"h{int(random.pareto(0.6)) % 4000}.example"
            reason = FAILURES[int(random.geometric(0.45)) % len(FAILURES)]
            yield rejected_row({**source, "host": host}, Rejection("fetch", reason))
            continue
        like = decoded[int(random.integers(len(decoded)))]
        noise = {
            name: float(min(round(like[name] * math.exp(random.normal(0, 0.15)), 4), _CEILINGS.get(name, math.inf)))
            for name in screens
            if like.get(name) is not None
        }
        verdict = judge(noise, SCREENING.intervals)
        row = {
            **like,
            **source,
            **noise,
            "thumbnail": None,
            "kept": verdict is None,
            "step": "",
            "reason": "",
            "measured": None,
        }
        yield (
            row if verdict is None else row | {"step": "screen", "reason": verdict.reason, "measured": verdict.measured}
        )


_CEILINGS = {
    "jpeg_quality": 100,
    "entropy": 8,
    "clipped_fraction": 1,
    "flat_fraction": 1,
    "perceptual_blur": 1,
    "equal_neighbours": 1,
    "grey_fraction": 1,
}


def duplicate_rows(rows: list[Row]) -> list[Row]:
    """Kept real images whose perceptual hashes lie near each other; and one that is called a benchmark's."""
    kept = [row for row in rows if row["kept"] and row.get("phash")]
    found: list[Row] = []
    gone: set[str] = set()
    for place, keeper in enumerate(kept[:-1]):
        others = kept[place + 1 :]
        table = np.frombuffer(b"".join(r["phash"] for r in others), np.uint8).reshape(len(others), -1)
        distances = np.unpackbits(table ^ np.frombuffer(keeper["phash"], np.uint8), axis=1).sum(axis=1)
        for other, distance in zip(others, distances.tolist(), strict=True):
            if distance > 40 or other["key"] in gone or keeper["key"] in gone:
                continue
            gone.add(other["key"])
            found.append(
                {
                    "key": other["key"],
                    "cluster": keeper["key"],
                    "keeper": keeper["key"],
                    "kind": "bytes" if other["sha256"] == keeper["sha256"] else "near",
                    "distance": float(distance),
                    "agreement": round(1 - distance / 256, 4),
                    "transform": "identity",
                    "benchmark": "",
                    "thumbnail": other["thumbnail"],
                    "keeper_thumbnail": keeper["thumbnail"],
                }
            )
    found += [
        {
            "key": row["key"],
            "cluster": row["key"],
            "keeper": "",
            "kind": "benchmark",
            "distance": 12.0,
            "agreement": 0.991,
            "transform": "identity",
            "benchmark": "Kodak24/kodim07.png",
            "thumbnail": row["thumbnail"],
            "benchmark_thumbnail": row["thumbnail"],
        }
        for row in [row for row in kept if row["key"] not in gone][:4]
    ]
    return found


def patch_rows(rows: list[tuple[Row, bytes]], gone: set[str]) -> Iterator[Row]:
    """Every candidate patch of the kept real images, cut by the real cutter."""
    for row, data in rows:
        if not row["kept"] or row["key"] in gone:
            continue
        encoding = encoding_for(row["cuttable"], PATCHES)
        cuts = cut(data, encoding, find_cutter(), DecodeSettings(), PATCHES)
        if isinstance(cuts, Rejection):
            continue
        for candidate in cuts:
            key, box, verdict = (
                patch_key(row["key"], candidate.box.x, candidate.box.y, PATCHES.size),
                candidate.box,
                candidate.rejection,
            )
            shown = int(hashlib.sha256(key.encode()).hexdigest()[:2], 16) < 40
            yield {
                "key": key,
                "image_key": row["key"],
                "x": box.x,
                "y": box.y,
                "width": box.width,
                "height": box.height,
                "encoding": encoding,
                "lossless": "coefficients" if encoding == "jpg" else "pixels",
                "orientation": 1,
                "license": row["license"],
                "url": row["url"],
                "source": row["source"],
                "flat_fraction": candidate.flat_fraction,
                "kept": verdict is None,
                "step": verdict.step if verdict else "",
                "reason": verdict.reason if verdict else "",
                "measured": verdict.measured if verdict else None,
                "detail": "",
                "thumbnail": encode_thumbnail(decode_patch(candidate.data)) if shown else None,
                "tar": "" if verdict else f"patches/{encoding}/00000.tar",
                "size": len(candidate.data),
            }


def batches(rows: list[Row], schema: pa.Schema) -> list[pa.RecordBatch]:
    return pa.Table.from_pylist(
        [{name: row.get(name) for name in schema.names} for row in rows], schema=schema
    ).to_batches(1000)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("folders", type=Path, nargs="*")
    parser.add_argument("--simulated", type=int, default=40_000)
    arguments = parser.parse_args()
    inputs = sample(list(photographs(arguments.folders)), arguments.simulated)
    print(write_report(inputs, arguments.out))


def sample(paths: list[Path], simulated: int) -> ReportInputs:
    """The inputs of a report over real photographs and simulated rows."""
    columns = SCREENING.columns()
    rows = real_rows(paths)
    real = [row for row, _ in rows]
    duplicates = duplicate_rows(real)
    patches = list(patch_rows(rows, {row["key"] for row in duplicates}))
    images = [*real, *simulated_rows(real, simulated, columns)]
    refused = [
        {
            "source": "travel",
            "row": n,
            "url": "",
            "license": "",
            "reason": "duplicate_url" if n % 3 else "malformed_url",
            "detail": "",
        }
        for n in range(simulated // 20)
    ]
    intervals = SCREENING.intervals
    screens = tuple(
        ReportScreen(s.name, s.unit, *intervals.get(s.name, (None, None)), meaning=f"On {s.measured_on}.")
        for s in SCREENING.screens()
    )
    flat = ReportScreen(
        "flat_fraction",
        "share of 8×8 blocks",
        high=PATCHES.max_flat_fraction,
        high_reason="flat",
        meaning="Share of the patch that has almost no detail.",
    )
    log = LogSummary(
        steps=(
            StepLog("plan", 12.5, 20.1, len(images) + len(refused)),
            StepLog("fetch", 8120.0, 9004.0, len(images), sum(r.get("nbytes") or 0 for r in images)),
            StepLog("deduplicate", 31.0, 58.0, len(images)),
            StepLog("cut", 412.0, 801.0, len(patches), 0, sum(r["size"] for r in patches if r["kept"])),
        )
    )
    recipe = {
        "dataset": {"name": "sample"},
        "fetch": {"per_host": 4, "timeout_s": 30.0},
        "screens": {"keep": {k: list(v) for k, v in intervals.items()}},
        "patches": {"size": PATCHES.size, "max_flat_fraction": PATCHES.max_flat_fraction},
    }
    return ReportInputs(
        name="Sample of real photographs",
        recipe_name="sample",
        fingerprint="6d1f0c2a9b7e4f35",
        recipe=recipe,
        images=batches(images, image_schema(columns)),
        patches=batches(patches, patch_schema([])),
        rejected_sources=batches(refused, REJECTED_SOURCE_SCHEMA),
        duplicates=batches(duplicates, DUPLICATE_SCHEMA),
        image_screens=screens,
        patch_screens=(flat,),
        transient_reasons=TRANSIENT,
        log=log,
    )


if __name__ == "__main__":
    main()
