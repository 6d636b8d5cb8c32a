"""What does Ray add to a build, against the same units run serially?

The same folder of photographs is built with the serial executor and on a local Ray cluster with 2 workers, in turns:
8 fetch units of 60 photographs of 2 megapixels each, some 3 seconds of work a unit, cheap screens, every photograph
kept. A realistic unit is a thousand photographs; what Ray costs per unit weighs less there.

    start-up     the same with two units of one photograph: interpreters, imports and, on Ray, the cluster
    CPU          user + system seconds of all processes, start-up taken off
    wall × 2     wall-clock of the build on Ray times its workers, start-up taken off: also counts waiting. Says
                 something only on a machine with two idle cores, where serial wall ≈ serial CPU.

Target: both under 10 % more than serial.

    python benchmarks/ray_overhead.py
    python benchmarks/ray_overhead.py --units 4 --unit-photos 20     # smaller units
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import machine
from photographs import write_mosaics
from process_cost import Cost, measure

from million_ird import open_dataset
from million_ird.screens import SCREENS

WORKERS = 2
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
        small: dict[str, list[Cost]] = {"serial": [], "ray": []}
        large: dict[str, list[Cost]] = {"serial": [], "ray": []}
        for _ in range(options.rounds):
            for executor in small:
                small[executor].append(_build(few, executor, 1, WORKERS, 1))
                large[executor].append(_build(many, executor, options.unit_photos, options.units, target_mb))
    _print_table(small, large)


def _build(photographs: Path, executor: str, unit_rows: int, units: int, target_mb: int) -> Cost:
    with tempfile.TemporaryDirectory() as name:
        recipe, out = Path(name) / "recipe.toml", Path(name) / "out"
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
        command = [sys.executable, "-m", "million_ird.cli", "build", str(recipe), "--out", str(out)]
        cost = measure([*command, "--set", f"execution.executor={executor}", "--set", f"execution.workers={WORKERS}"])
        dataset = open_dataset(str(out))
        fetched, cut = len(dataset.image_markers()), len(dataset.shards())
        if fetched != units or abs(cut - units) > 1:
            raise SystemExit(f"{fetched} fetch units and {cut} shards instead of {units} of each")
        return cost


def _print_table(small: Mapping[str, Sequence[Cost]], large: Mapping[str, Sequence[Cost]]) -> None:
    print(f"\n{'':8}{'start-up':>18}{'CPU s':>18}{'wall s':>18}")
    print(f"{'':8}" + f"{'CPU s':>9}{'wall s':>9}" + f"{'min':>9}{'median':>9}" * 2)
    work: dict[str, tuple[list[float], list[float]]] = {}
    for executor, costs in large.items():
        start_cpu, start_wall = (min(getattr(cost, field) for cost in small[executor]) for field in ("cpu_s", "wall_s"))
        cpu, wall = [cost.cpu_s - start_cpu for cost in costs], [cost.wall_s - start_wall for cost in costs]
        work[executor] = cpu, wall
        print(
            f"{executor:8}{start_cpu:>9.1f}{start_wall:>9.1f}{min(cpu):>9.1f}{statistics.median(cpu):>9.1f}"
            f"{min(wall):>9.1f}{statistics.median(wall):>9.1f}"
        )
    print(f"\n{'':34}{'target':>10}{'min':>10}{'median':>10}")
    for label, kind, workers in (("CPU on Ray / serial", 0, 1), ("wall × 2 on Ray / wall serial", 1, WORKERS)):
        ratios = [
            middle(work["ray"][kind]) * workers / middle(work["serial"][kind]) for middle in (min, statistics.median)
        ]
        print(f"{label:34}{'≤ 1.10':>10}{ratios[0]:>10.3f}{ratios[1]:>10.3f}")


if __name__ == "__main__":
    main()
