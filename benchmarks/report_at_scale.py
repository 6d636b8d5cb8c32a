"""Does the report's memory stay flat, and how many rows a second does it read?

    python benchmarks/report_at_scale.py [--rows 10000 100000 1000000]

Image rows are made up batch by batch (16 measured columns, a fifth failed at one of many hosts, three duplicates in a
hundred), patch rows four to an image. Peak memory is that of a process of its own for each size.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from million_ird.records import DUPLICATE_SCHEMA, image_schema, patch_schema
from million_ird.report import ReportInputs, ReportScreen, write_report

BATCH = 1000
NAMES = [f"screen_{n:02d}" for n in range(16)]


def keys(start: int, count: int) -> list[str]:
    return [f"{n:024x}" for n in range(start, start + count)]


def filled(columns: dict[str, object], schema: pa.Schema, count: int) -> pa.RecordBatch:
    """A batch of `schema`: the columns given, "" for other strings, null for the rest."""
    arrays = []
    for field in schema:
        if field.name in columns:
            arrays.append(pa.array(columns[field.name], field.type))
        else:
            blank = "" if field.type == pa.string() else None
            arrays.append(pa.array([blank] * count, field.type))
    return pa.record_batch(arrays, schema=schema)


def image_batches(rows: int, hosts: int) -> Iterator[pa.RecordBatch]:
    schema = image_schema(NAMES)
    for start in range(0, rows, BATCH):
        count = min(BATCH, rows - start)
        random = np.random.default_rng(start)
        failed = random.random(count) < 0.2
        low = ~failed & (np.arange(count) % 2 == 0)
        step = np.where(failed, "fetch", np.where(low, "screen", ""))
        reason = np.where(failed, "http_not_found", np.where(low, "screen_00_low", ""))
        columns: dict[str, object] = {
            "key": keys(start, count),
            "url": [f"https://host.example/{start + n}" for n in range(count)],
            "host": [f"h{h}.example" for h in random.integers(0, hosts, count).tolist()],
            "license": [f"CC-{n % 7}" for n in range(count)],
            "source": ["a"] * count,
            "kept": ~failed & ~low,
            "step": step.tolist(),
            "reason": reason.tolist(),
            "nbytes": random.integers(10**5, 10**7, count),
            "width": random.integers(500, 6000, count),
            "height": random.integers(500, 4000, count),
        }
        columns |= {name: np.where(failed, np.nan, random.lognormal(4, 1, count)) for name in NAMES}
        columns["screen_00"] = np.where(low, 1.0, 100.0 + random.random(count))
        yield filled(columns, schema, count)


def kept_keys(rows: int) -> Iterator[str]:
    """Keys of the images that the screens kept, read from the same made-up rows."""
    for batch in image_batches(rows, 1):
        for key, kept in zip(batch.column("key").to_pylist(), batch.column("kept").to_pylist(), strict=True):
            if kept:
                yield key


def patch_batches(rows: int) -> Iterator[pa.RecordBatch]:
    schema = patch_schema([])
    waiting: list[str] = []
    for place, key in enumerate(kept_keys(rows)):
        if place % 12 == 0:
            continue  # this one is a duplicate
        waiting.append(key)
        if len(waiting) == BATCH // 4:
            yield _patches(waiting, schema)
            waiting = []
    if waiting:
        yield _patches(waiting, schema)


def _patches(images: list[str], schema: pa.Schema) -> pa.RecordBatch:
    count = 4 * len(images)
    image = [key for key in images for _ in range(4)]
    columns: dict[str, object] = {"key": [f"{k}-{n % 4}" for n, k in enumerate(image)], "image_key": image}
    columns |= {"kept": [True] * count, "width": [512] * count, "height": [512] * count, "size": [90_000] * count}
    columns |= {"flat_fraction": np.random.default_rng(1).random(count), "encoding": ["jpg"] * count}
    return filled(columns, schema, count)


def duplicate_batches(rows: int) -> Iterator[pa.RecordBatch]:
    gone = [key for place, key in enumerate(kept_keys(rows)) if place % 12 == 0]
    for start in range(0, len(gone), BATCH):
        part = gone[start : start + BATCH]
        columns: dict[str, object] = {"key": part, "keeper": ["x"] * len(part), "kind": ["near"] * len(part)}
        yield filled(columns, DUPLICATE_SCHEMA, len(part))


def one(rows: int) -> None:
    """Write one report in this process and print what it took as JSON. Making the rows is timed apart."""
    started = time.process_time()
    patches = sum(batch.num_rows for batch in patch_batches(rows))
    for _ in duplicate_batches(rows):
        pass
    for _ in image_batches(rows, max(rows // 20, 1)):
        pass
    making = time.process_time() - started
    screens = tuple(ReportScreen(name, low=50.0 if name == NAMES[0] else None) for name in NAMES)
    inputs = ReportInputs(
        name="scale", recipe_name="", fingerprint="", recipe={}, images=image_batches(rows, max(rows // 20, 1)),
        patches=patch_batches(rows), duplicates=duplicate_batches(rows), image_screens=screens,
        patch_screens=(ReportScreen("flat_fraction", high=0.5, high_reason="flat"),),
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        started = time.process_time()
        write_report(inputs, Path(folder))
        spent = time.process_time() - started - making
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"rows": rows, "patches": patches, "seconds": spent, "peak_mb": peak}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="*", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one is not None:
        one(arguments.one)
        return
    print(f"{'images':>10} {'patches':>10} {'CPU s':>8} {'rows/CPU s':>11} {'peak MB':>8}")
    for rows in arguments.rows:
        command = [sys.executable, __file__, "--one", str(rows)]
        found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        speed = (rows + found["patches"]) / max(found["seconds"], 1e-9)
        print(f"{rows:>10,} {found['patches']:>10,} {found['seconds']:>8.2f} {speed:>11,.0f} {found['peak_mb']:>8.0f}")
    try:
        from machine import describe
    except ImportError:
        return
    print(describe())


if __name__ == "__main__":
    main()
