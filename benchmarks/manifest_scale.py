"""Does a build stay as fast per image, and as small in memory, as its manifest grows?

Builds datasets from lists of 1,000, 10,000 (and with `--images`, 100,000) URLs of tiny pictures, 64×64, all different
but for every hundredth, which has the pixels of the one before. A server in a process of its own makes them as they
are asked for. Cheap screens; every picture is kept and cut into one patch. CPU-seconds are user + system of all
processes; memory is the largest resident set of the driver (and of a worker, on Ray), looked at four times a second.

Targets: CPU per image and memory flat from 1,000 to 100,000 images. The start-up (an image or two) is shown apart.

    python benchmarks/manifest_scale.py                                # serial, 1,000 and 10,000
    python benchmarks/manifest_scale.py --images 1000 10000 100000 --executor ray
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

import machine
from local_server import TINY, serving
from process_cost import Cost, measure

from million_ird import open_dataset
from million_ird.screens import SCREENS

RECIPE = """
name = "scale"
[manifest]
path = {manifest}
[fetch]
allow_private_networks = true
robots = "ignore"
per_host_connections = 16
per_host_interval_s = 0.0
connections = 16
[screens]
measure = ["cheap"]
[screens.keep]
{open_intervals}
[patches]
size = 64
max_flat_fraction = 1.0
[shards]
target_mb = 20
"""
_START_UP_IMAGES = 2


def main() -> None:
    """Run every length once and print the table."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--images", type=int, nargs="+", default=[1000, 10_000], help="lengths of the lists")
    arguments.add_argument("--executor", choices=("serial", "ray"), default="serial")
    options = arguments.parse_args()
    print(f"{machine.describe()}; {options.executor}; load {os.getloadavg()[0]:.1f}")
    columns = f"{'images':>9}{'CPU s':>9}{'ms/image':>10}{'wall s':>9}{'driver MB':>11}{'worker MB':>11}"
    print(f"{columns}   units' wall ms/image")
    with serving(TINY) as url, tempfile.TemporaryDirectory() as name:
        start_up, _ = run(url, _START_UP_IMAGES, options.executor, Path(name))
        print(f"{_START_UP_IMAGES:>9}{start_up.cpu_s:>9.1f}{'start-up':>10}{start_up.wall_s:>9.1f}{_memory(start_up)}")
        for images in options.images:
            cost, steps = run(url, images, options.executor, Path(name))
            each = 1000 * (cost.cpu_s - start_up.cpu_s) / images
            shares = ", ".join(f"{step} {1000 * seconds / images:.2f}" for step, seconds in steps.items())
            print(
                f"{images:>9,}{cost.cpu_s:>9.1f}{each:>10.2f}{cost.wall_s:>9.1f}{_memory(cost)}   {shares}", flush=True
            )


def _memory(cost: Cost) -> str:
    return "".join(f"{cost.peak_mb.get(role, 0.0):>11.0f}" for role in ("driver", "worker"))


def run(url: str, images: int, executor: str, folder: Path) -> tuple[Cost, dict[str, float]]:
    """One build of so many pictures: its cost, and the seconds that its units say they took, by step."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        manifest, recipe, out = Path(name) / "urls.txt", Path(name) / "recipe.toml", Path(name) / "out"
        manifest.write_text("".join(f"{url}/{number}.jpg\n" for number in range(images)))
        intervals = "\n".join(f"{screen.name} = [-inf, inf]" for screen in SCREENS)
        recipe.write_text(RECIPE.format(manifest=json.dumps(str(manifest)), open_intervals=intervals))
        command = [sys.executable, "-m", "million_ird.cli", "build", str(recipe), "--out", str(out)]
        cost = measure([*command, "--set", f"execution.executor={executor}", "--set", "execution.workers=2"])
        dataset = open_dataset(str(out))
        kept = sum(shard.patches for shard in dataset.shards())
        if kept != images - images // 100:
            raise SystemExit(f"{kept} patches of {images} pictures: the benchmark does not measure what it should")
        seconds: dict[str, float] = defaultdict(float)
        for step in ("fetch", "cut"):
            for log in dataset.store.list(f"log/{step}"):
                seconds[step] += json.loads(dataset.store.read(log))["seconds"]
        return cost, dict(seconds)


if __name__ == "__main__":
    main()
