"""What does Ray add to a build, against the same units run serially?

The same folder of photographs is built in three ways, in turns:

    serial       one process
    two serial   two such builds at once, each in its own process: what two workers do to each other on this machine
                 (two virtual cores may be one real one), without Ray
    ray          a local Ray cluster with 2 workers

8 fetch units of 60 photographs of 2 megapixels, some 3 seconds of work a unit, and about as many shards; cheap screens,
every photograph kept. A realistic unit is a thousand photographs; what Ray costs per unit weighs less there.

Start-up (interpreters, imports, the cluster) is what a build of two units of one photograph takes; it is shown apart
and taken off. CPU-seconds are user + system of all processes. Wall-clock × workers also counts waiting, and says
something on an idle machine only.

Target: less than 10 % more than two serial builds, per build.

    python benchmarks/ray_overhead.py
    python benchmarks/ray_overhead.py --units 4 --unit-photos 20     # smaller units
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import machine
from photographs import write_mosaics
from process_cost import Cost, measure

from million_ird import Dataset, open_dataset
from million_ird.screens import SCREENS

WORKERS = 2
SERIAL, TWO_SERIAL, RAY = WAYS = ("serial", "two serial", "ray")
RECIPE = """
name = "overhead"
[manifest]
path = {manifest}
[plan]
unit_rows = {unit_rows}
few_units = {units}
[screens]
measure = ["cheap"]
[screens.keep]
{open_intervals}
[shards]
target_mb = {target_mb}
"""


def main() -> None:
    """Run the comparison and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--units", type=int, default=8, help="fetch units (default 8)")
    parser.add_argument("--unit-photos", type=int, default=60, help="photographs in a unit (default 60)")
    parser.add_argument("--size", type=int, nargs=2, default=(1728, 1168), help="of a photograph, in pixels")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    count, (width, height) = options.units * options.unit_photos, options.size
    print(
        f"{machine.describe()}; {options.units} units of {options.unit_photos} photographs of "
        f"{width * height / 1e6:.1f} megapixels; load {os.getloadavg()[0]:.1f}",
        flush=True,
    )
    with tempfile.TemporaryDirectory() as name:
        few, many = Path(name) / "few", Path(name) / "many"
        for folder, number in ((few, 2), (many, count)):
            folder.mkdir()
            written = write_mosaics(folder, number, width, height)
        target_mb = max(1, sum(path.stat().st_size for path in written) // options.units // 1_000_000)
        start_up: dict[str, list[Cost]] = {way: [] for way in WAYS}
        whole: dict[str, list[Cost]] = {way: [] for way in WAYS}
        for _ in range(options.rounds):
            for way in WAYS:
                start_up[way].append(_build(few, way, 1, WORKERS, 1))
                whole[way].append(_build(many, way, options.unit_photos, options.units, target_mb))
    _print_table(start_up, whole)


def _build(photographs: Path, way: str, unit_rows: int, units: int, target_mb: int) -> Cost:
    """The cost of one build, or of the two that run at once."""
    with tempfile.TemporaryDirectory() as name:
        recipe = Path(name) / "recipe.toml"
        recipe.write_text(
            RECIPE.format(
                manifest=json.dumps(str(photographs)),
                unit_rows=unit_rows,
                units=units,
                target_mb=target_mb,
                open_intervals="\n".join(f"{screen.name} = [-inf, inf]" for screen in SCREENS),
            ),
            "utf-8",
        )
        executor = "ray" if way == RAY else "serial"
        command = [sys.executable, "-m", "million_ird.cli", "build", str(recipe)]
        command += ["--set", f"execution.executor={executor}", "--set", f"execution.workers={WORKERS}", "--out"]
        outs = [str(Path(name) / f"out{number}") for number in range(2 if way == TWO_SERIAL else 1)]
        at_once = " & ".join(shlex.join([*command, out]) for out in outs)
        cost = measure(["sh", "-c", f"{at_once} && wait"] if way == TWO_SERIAL else [*command, *outs])
        for out in outs:
            _check(open_dataset(out), units)
        return cost


def _check(dataset: Dataset, units: int) -> None:
    fetched, cut = len(dataset.image_markers()), len(dataset.shards())
    if fetched != units or not units // 2 <= cut <= 2 * units or dataset.info["state"] != "complete":
        raise SystemExit(f"{fetched} fetch units and {cut} shards instead of about {units} of each")


def _print_table(start_up: Mapping[str, Sequence[Cost]], whole: Mapping[str, Sequence[Cost]]) -> None:
    print(f"\n{'per build':12}{'start-up':>18}{'CPU s':>18}{'wall × workers, s':>20}")
    print(f"{'':12}{'CPU s':>9}{'wall s':>9}{'min':>9}{'median':>9}{'min':>11}{'median':>9}")
    cpu, wall = {}, {}
    for way in WAYS:
        builds, workers = (2, 2) if way == TWO_SERIAL else (1, WORKERS if way == RAY else 1)
        first_cpu, first_wall = min(c.cpu_s for c in start_up[way]), min(c.wall_s for c in start_up[way])
        cpu[way] = [(cost.cpu_s - first_cpu) / builds for cost in whole[way]]
        wall[way] = [(cost.wall_s - first_wall) * workers / builds for cost in whole[way]]
        print(
            f"{way:12}{first_cpu / builds:>9.1f}{first_wall:>9.1f}{min(cpu[way]):>9.1f}"
            f"{statistics.median(cpu[way]):>9.1f}{min(wall[way]):>11.1f}{statistics.median(wall[way]):>9.1f}"
        )
    print(f"\n{'':34}{'target':>10}{'min':>10}{'median':>10}")
    for label, costs in (("CPU, ray / two serial", cpu), ("wall × workers, ray / two serial", wall)):
        ratios = [middle(costs[RAY]) / middle(costs[TWO_SERIAL]) for middle in (min, statistics.median)]
        print(f"{label:34}{'< 1.10':>10}{ratios[0]:>10.3f}{ratios[1]:>10.3f}")


if __name__ == "__main__":
    main()
