"""How much memory and time does planning take, and does it stay flat per row? Target: under 2 GB at 10 million rows.

    python benchmarks/planning.py              100 thousand and 1 million rows
    python benchmarks/planning.py --full       also 10 million (minutes, about 2 GB of scratch disk)

Each size is planned in a process of its own, whose peak resident memory the operating system reports. The manifest is
a Parquet table like LAION's: URL, TEXT, WIDTH, HEIGHT; hosts follow a Zipf law; one row in twenty repeats an earlier
URL. The last lines plan the largest size with less memory for the sort, and extrapolate to 100 million rows: time per
row from the two largest sizes, memory from its being bounded by the sort's.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from machine import describe

BATCH = 200_000


def write_manifest(path: Path, rows: int) -> None:
    """A LAION-like table of `rows` rows; the same for the same number."""
    random = np.random.default_rng(rows)
    captions = [f"a photograph of {word} number {i}, taken at dusk" for i in range(97) for word in ("lakes", "hills")]
    schema = pa.schema([("URL", pa.string()), ("TEXT", pa.string()), ("WIDTH", pa.int32()), ("HEIGHT", pa.int32())])
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for start in range(0, rows, BATCH):
            count = min(BATCH, rows - start)
            hosts = np.minimum(random.zipf(1.3, count), rows // 20 + 1)
            numbers = start + np.arange(count)
            repeats = random.random(count) < 0.05
            numbers[repeats] = random.integers(0, start + 1, repeats.sum())
            hosts[repeats] = 1
            urls = [
                f"https://cdn{host}.photos{host % 1013}.example/{number * 2654435761 % 2**32:08x}/{number}_b.jpg"
                for host, number in zip(hosts.tolist(), numbers.tolist(), strict=True)
            ]
            columns = [
                urls,
                [captions[i] for i in random.integers(0, len(captions), count).tolist()],
                random.integers(1024, 6000, count).astype(np.int32),
                random.integers(1024, 6000, count).astype(np.int32),
            ]
            writer.write_table(pa.table(columns, schema=schema), row_group_size=BATCH)


def plan(manifest: Path, folder: Path, spill_gb: float) -> None:
    """What the measured process does."""
    from million_ird.manifest import ManifestSettings
    from pipelines.plan import PlanSettings, plan_sources

    (folder / "out").mkdir()
    (folder / "spill").mkdir()
    manifests = [ManifestSettings(path=str(manifest))]
    summary = plan_sources(manifests, PlanSettings(), folder / "out", folder / "spill", memory_gb=spill_gb)
    files = [*(folder / "out").iterdir()]
    print(
        f"{summary.rows:>12,}{summary.units:>8,}{summary.hosts:>11,}"
        f"{sum(f.stat().st_size for f in files) / 1e6:>9,.0f} MB"
        f"{sum(f.stat().st_size for f in (folder / 'spill').rglob('*') if f.is_file()) / 1e6:>9,.0f} MB",
        end="",
        flush=True,
    )


def measure(rows: int, spill_gb: float) -> float:
    """Plans a manifest of so many rows in a process of its own and prints its line; returns CPU seconds."""
    with tempfile.TemporaryDirectory(prefix="planning-") as name:
        folder = Path(name)
        manifest = folder / "manifest.parquet"
        write_manifest(manifest, rows)
        started = time.monotonic()
        arguments = [sys.executable, __file__, "--child", str(manifest), str(folder), str(spill_gb)]
        child = os.spawnv(os.P_NOWAIT, sys.executable, arguments)
        _, status, usage = os.wait4(child, 0)
        seconds, cpu = time.monotonic() - started, usage.ru_utime + usage.ru_stime
        if status:
            raise SystemExit(f"planning {rows} rows failed")
        print(
            f"{spill_gb:>7.1f} GB{usage.ru_maxrss / 1e6:>9.2f} GB{seconds:>9.1f} s{cpu / rows * 1e6:>10.1f} µs"
            f"{rows / seconds:>12,.0f}",
            flush=True,
        )
        return cpu


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="also 10 million rows")
    parser.add_argument("--rows", type=int, nargs="*", help="these sizes instead")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        manifest, folder, spill_gb = arguments.child
        plan(Path(manifest), Path(folder), float(spill_gb))
        return
    sizes = arguments.rows or [100_000, 1_000_000, *([10_000_000] if arguments.full else [])]
    print(describe())
    print(
        f"{'rows':>12}{'units':>8}{'hosts':>11}{'plan':>12}{'scratch':>12}"
        f"{'sort':>10}{'peak':>12}{'wall':>11}{'CPU/row':>13}{'rows/s':>12}"
    )
    seconds = [measure(rows, 1.0) for rows in sizes]
    measure(sizes[-1], 0.3)
    if len(sizes) > 1:
        per_row = (seconds[-1] - seconds[-2]) / (sizes[-1] - sizes[-2])
        hours = (seconds[-1] + per_row * (100_000_000 - sizes[-1])) / 3600
        print(f"100 million rows, by extrapolation: {hours:.1f} CPU hours; peak as above, for it is the sort's memory")


if __name__ == "__main__":
    main()
