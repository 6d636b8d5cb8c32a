"""How much memory does each step of the driver take, and how much more for each image?

A dataset is made up on the disk, in the layout of a build: its plan is made by the planning itself from a list of
URLs, the tables of images and of patches are filled in without any picture (all kept; 1 in 100 has the pixels of the
one before it, 2 in 100 nearly its hash). On it the steps that the driver does alone run in one process, as in a build:
plan, deduplicate, plan shards, card and report. What the workers do is not run; pairs of near hashes end as not
verifiable, since there are no bytes. For each step the largest resident set while it ran, what was left of it, and
what pyarrow still held; then what it took more than on the list before, for each image that this one is longer by. (A
list of 1,000 fills none of the parts that are looked at together; so what an image costs shows between long lists.)

    python benchmarks/driver_memory.py                             # 1,000, 100,000 and 400,000 images
    python benchmarks/driver_memory.py --images 1000 1000000 --set duplicates.enabled=false
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import machine
import pyarrow as pa
import pyarrow.parquet as pq

from million_ird.dataset import Row, open_dataset
from million_ird.layout import fetch_marker, fetch_unit_name, plan_folder, shard_stem
from million_ird.markers import publish
from million_ird.records import image_schema, patch_key, patch_schema
from million_ird.store import Store

RECIPE = """
name = "driver"
[manifest]
path = {manifest}
[images]
keep_images = "none"
[screens]
measure = ["cheap"]
[screens.keep]
niqe = [-inf, inf]
"""
_PROVENANCE = json.dumps({"caption": "a photograph of something " * 4, "punsafe": 0.01, "similarity": 0.31})


def main() -> None:
    """Measure every length in a process of its own and print the tables."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--images", type=int, nargs="+", default=[1000, 100_000, 400_000])
    arguments.add_argument("--set", action="append", default=[], metavar="SETTING=VALUE", help="as for a build")
    arguments.add_argument("--checksums", action="store_true", help="also print those of the published tables")
    arguments.add_argument("--part", choices=("steps", "images", "patches"), help=argparse.SUPPRESS)
    arguments.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = arguments.parse_args()
    if options.part:
        {"steps": steps, "images": fill_images, "patches": fill_patches}[options.part](options.folder, options.set)
        return
    print(f"{machine.describe()}; load {os.getloadavg()[0]:.1f}")
    before: dict[str, float] = {}
    for place, images in enumerate(options.images):
        with tempfile.TemporaryDirectory() as name:
            found = measured(images, Path(name), options.set)
            print(f"\n{images:,} images{'peak MB':>20}{'left MB':>10}{'pyarrow MB':>12}{'bytes an image':>17}")
            for step, (peak, left, pool) in found.items():
                more = 1e6 * (peak - before[step]) / (images - options.images[place - 1]) if before else 0.0
                print(f"{step:<14}{peak:>20.0f}{left:>10.0f}{pool:>12.1f}{more:>17.0f}")
            before = {step: peak for step, (peak, _, _) in found.items()}
            if options.checksums:
                print(*checksums(Path(name)), sep="\n")


def measured(images: int, folder: Path, overrides: list[str]) -> dict[str, tuple[float, float, float]]:
    """Step → peak, what was left and what pyarrow held, in MB (10^6 bytes), of a list of so many images."""
    with (folder / "urls.txt").open("w") as file:
        file.writelines(
            f"https://host-{n % 997}.example/photographs/2021/{n:09d}-1600x1200.jpg\n" for n in range(images)
        )
    (folder / "recipe.toml").write_text(RECIPE.format(manifest=json.dumps(str(folder / "urls.txt"))))
    printed = part("steps", folder, overrides)
    found: dict[str, tuple[float, float, float]] = json.loads(printed.splitlines()[-1])
    return found


def part(name: str, folder: Path, overrides: list[str]) -> str:
    """Run a part of the measurement in a process of its own; returns what it printed."""
    settings = [word for override in overrides for word in ("--set", override)]
    command = [sys.executable, __file__, "--part", name, "--folder", str(folder), *settings]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def steps(folder: Path, overrides: list[str]) -> None:
    """All steps of the driver, one after the other; prints what each took as JSON."""
    from pipelines.build import card
    from pipelines.deduplicate import deduplicate
    from pipelines.executors import worker
    from pipelines.generations import plan_generation
    from pipelines.recipe import load_recipe
    from pipelines.report import report
    from pipelines.session import session
    from pipelines.shard_plan import plan_shards, read_shard_plan

    worker.become_worker = lambda: None  # type: ignore[assignment]  # the driver of a cluster frees its memory
    recipe = load_recipe(str(folder / "recipe.toml"), [*overrides, "execution.executor=serial"])
    found: dict[str, tuple[float, float, float]] = {}

    def step(name: str, work: Callable[[], object]) -> None:
        Path("/proc/self/clear_refs").write_text("5")  # the largest resident set begins anew
        work()
        found[name] = (_memory("VmHWM"), _memory("VmRSS"), pa.total_allocated_bytes() / 1e6)

    with session(str(folder / "out"), recipe, lambda line: None) as run:
        step("plan", lambda: plan_generation(run.store, recipe, 0, lambda line: None))
        part("images", folder, overrides)
        dataset = open_dataset(run.store.url)
        step("deduplicate", lambda: deduplicate(run, dataset, 0))
        step("plan shards", lambda: plan_shards(run.store, dataset, 0, recipe.patches, recipe.shards))
        step("read shards", lambda: read_shard_plan(run.store, f"{plan_folder(0)}/patches.parquet"))
        part("patches", folder, overrides)
        step("card", lambda: card(dataset, recipe.patches.size))
        step("report", lambda: report(dataset))
    print(json.dumps(found))


def _memory(line: str) -> float:
    """A line of this process's status, in MB (10^6 bytes)."""
    status = Path("/proc/self/status").read_text()
    return int(status.split(f"{line}:")[1].split()[0]) * 1024 / 1e6


def fill_images(folder: Path, overrides: list[str]) -> None:
    """What the fetch units of the plan would leave: a table and a marker each."""
    from pipelines.plan import read_summary, read_unit

    store = Store(str(folder / "out"))
    schema = image_schema(["fine_detail", "noise_sigma"])
    previous: Row = {}
    for unit in range(read_summary(store, plan_folder(0)).units):
        sources = read_unit(store, plan_folder(0), unit).to_pylist()
        name, rows = fetch_unit_name(0, unit), []
        for place, source in enumerate(sources):
            previous = _image(source, place, name, previous)
            rows.append(previous)
        counts = {"rows": len(rows), "fetched": len(rows), "decoded": len(rows), "kept": len(rows), "bytes": 0}
        _publish(store, fetch_marker(name), name, f"images/{name}-0.parquet", rows, schema, counts)


def _image(source: Row, place: int, unit: str, previous: Row) -> Row:
    digest = hashlib.sha256(source["key"].encode())
    number = int.from_bytes(digest.digest()[:4], "little")
    blank = {"step": "", "reason": "", "detail": "", "x_robots_tag": "", "contamination": ""}
    row = source | blank | {"kept": True, "final_url": source["url"], "provenance": _PROVENANCE, "author": "somebody"}
    row |= {"sha256": digest.hexdigest(), "nbytes": 100_000 + number % 900_000, "format": "jpeg", "orientation": 1}
    row |= {"width": 1024 + number % 3000, "height": 1024 + number % 2000, "channels": 3, "bit_depth": 8}
    row |= {"progressive": False, "subsampling": "4:2:0", "colour_space": "srgb", "cuttable": number % 10 > 0}
    row |= {"pixel_hash": digest.hexdigest()[32:], "phash": digest.digest(), "fine_detail": number % 100 / 7}
    row |= {"has_gain_map": False, "noise_sigma": number % 17 / 5, "thumbnail": b"\xff" * 900 if place < 6 else None}
    row |= {"tar": f"images/{unit}-{'0' * 12}.tar", "member": f"{source['key']}.jpeg", "offset": place * 1_000_000}
    row |= {"size": row["nbytes"], "checksum": digest.hexdigest()[:32]}
    if previous and place % 100 == 50:
        row["pixel_hash"] = previous["pixel_hash"]
    if previous and place % 50 == 7:
        row["phash"] = bytes([previous["phash"][0] ^ 3]) + previous["phash"][1:]
    return row


def fill_patches(folder: Path, overrides: list[str]) -> None:
    """What the cut units of the plan would leave: one patch of every image, in tables with markers."""
    from pipelines.shard_plan import read_shard_plan, read_shard_unit

    store = Store(str(folder / "out"))
    plan = f"{plan_folder(0)}/patches.parquet"
    for unit in read_shard_plan(store, plan)[1]:
        stem = shard_stem(unit.encoding, unit.number)
        rows = [_patch(image, unit.encoding, f"{stem}.tar") for image in read_shard_unit(store, plan, unit)]
        counts = {"candidates": len(rows), "kept": len(rows), "images": len(rows), "bytes": 0}
        _publish(store, f"{stem}.json", stem, f"{stem}.parquet", rows, patch_schema([]), counts)


def _patch(image: Row, encoding: str, tar: str) -> Row:
    key = patch_key(image["key"], 0, 0, 512)
    row = {"key": key, "image_key": image["key"], "x": 0, "y": 0, "width": 512, "height": 512, "encoding": encoding}
    row |= {"lossless": "pixels", "orientation": 1, "flat_fraction": 0.25, "kept": True, "step": "", "reason": ""}
    row |= {"detail": "", "tar": tar, "member": f"{key}.{encoding}", "offset": 0, "size": 9000, "checksum": "0" * 32}
    return row | {name: image[name] for name in ("license", "url", "source")}


def _publish(
    store: Store, marker: str, unit: str, table: str, rows: list[Row], schema: pa.Schema, counts: dict[str, int]
) -> None:
    with store.spool() as spool:
        pq.write_table(pa.Table.from_pylist(rows, schema=schema), spool / "rows", compression="zstd")
        publish(store, marker, unit, [(spool / "rows", table)], counts)


def checksums(folder: Path) -> list[str]:
    """A line for each table that the steps published: whether a change of the code keeps them byte for byte."""
    out = folder / "out"
    folders = ["plan/g000/patches", "plan/g000/duplicates"]
    names = [f"{name}.{kind}" for name in folders for kind in ("parquet", "json")]
    return [f"{hashlib.sha256((out / name).read_bytes()).hexdigest()[:16]}  {name}" for name in names]


if __name__ == "__main__":
    main()
