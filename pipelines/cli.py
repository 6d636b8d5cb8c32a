"""The verbs that make and mend datasets: arguments in, one call, a few lines out."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from million_ird.dataset import Dataset, open_dataset
from million_ird.errors import UsageError
from million_ird.store import Store, explained


def build(argv: Sequence[str]) -> int:
    """`million-ird build RECIPE --out URL`: every step, resumed by the same command."""
    parser = argparse.ArgumentParser(prog="million-ird build", description="Build a dataset; run again to resume.")
    parser.add_argument("recipe", help="a TOML file, or the name of a recipe that comes along: quickstart, million_ird")
    parser.add_argument("--out", required=True, metavar="URL", help="a folder, or any fsspec URL (s3://bucket/name)")
    parser.add_argument("--manifest", metavar="PATH", help="the list or folder of images, in place of the recipe's")
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE", help="override a setting")
    parser.add_argument(
        "--plan", action="store_true", help="only say what would be done: rows, hosts, units, disk, time"
    )
    arguments = parser.parse_args(argv)
    from pipelines.recipe import load_recipe

    overrides = arguments.set + ([f"manifest.path={json.dumps(arguments.manifest)}"] if arguments.manifest else [])
    recipe = load_recipe(arguments.recipe, overrides)
    if arguments.plan:
        from pipelines.estimate import describe_plan

        print(describe_plan(recipe, Store(arguments.out)))
        return 0
    from pipelines.build import build as run_build
    from pipelines.session import session

    with _stopped_by_sigterm(), session(arguments.out, recipe, _say) as run:
        dataset = run_build(run)
    return _farewell(dataset, run.given_up)


def status(argv: Sequence[str]) -> int:
    """`million-ird status URL`: what is done."""
    from million_ird.status import read_status, render

    print(render(read_status(_open(argv, "status", "What of a dataset is done. May be asked while a build runs."))))
    return 0


def report(argv: Sequence[str]) -> int:
    """`million-ird report URL`: writes the report again."""
    dataset = _open(argv, "report", "Write the report of a dataset again.")
    from pipelines.report import report as write

    summary = write(dataset)
    print(f"{summary.images:,} images, {summary.patches:,} patches: {dataset.store.path('report/' + summary.page)}")
    return 0


def verify(argv: Sequence[str]) -> int:
    """`million-ird verify URL`: every checksum, count and key; every patch decodes. 1 if anything is wrong."""
    parser = argparse.ArgumentParser(
        prog="million-ird verify",
        description="Check every checksum, count and key, and that every patch decodes; ends with 1 if not.",
    )
    parser.add_argument("url", help="the dataset: a folder, or any fsspec URL")
    parser.add_argument("--ray", action="store_true", help="check units in parallel, on Ray; for large datasets")
    arguments = parser.parse_args(argv)
    from pipelines.executors.base import ExecutionSettings
    from pipelines.session import make_executor
    from pipelines.verify import verify as run_verify

    dataset = open_dataset(arguments.url)
    executor = make_executor(ExecutionSettings(executor="ray" if arguments.ray else "serial"))
    try:
        files, members, problems = run_verify(dataset, executor, _say)
    finally:
        executor.close()
    for problem in problems:
        print(problem)
    verdict = f"{len(problems):,} problems" if problems else "all well"
    if dataset.info["state"] != "complete":
        verdict += " as far as it goes: the build is not finished, the same `million-ird build` goes on"
    print(f"{files:,} files and {members:,} members checked: {verdict}")
    return 1 if problems else 0


def hash_benchmarks(argv: Sequence[str]) -> int:
    """`million-ird hash-benchmarks FOLDER … --out FILE`: what the contamination guard needs, without the pictures."""
    parser = argparse.ArgumentParser(
        prog="million-ird hash-benchmarks",
        description="Write a small file that stands for folders of benchmark pictures in contamination.hash_files.",
    )
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER", help="its name is the benchmark's name")
    parser.add_argument("--out", required=True, type=Path, metavar="FILE")
    arguments = parser.parse_args(argv)
    from million_ird.contamination import BenchmarkTable, ContaminationSettings

    table = BenchmarkTable.from_settings(ContaminationSettings(folders=tuple(map(str, arguments.folders))))
    if table is None:
        raise UsageError("no folder was named")
    with explained("write", str(arguments.out)):
        table.save(arguments.out)
    print(f"{len(table):,} pictures, {arguments.out.stat().st_size:,} bytes: {arguments.out}")
    return 0


def inspect(argv: Sequence[str]) -> int:
    """`million-ird inspect URL`: what is in it, and one sample."""
    parser = argparse.ArgumentParser(prog="million-ird inspect", description="What is in a dataset, and one sample.")
    parser.add_argument("url", help="the dataset: a folder, or any fsspec URL")
    parser.add_argument("--key", default="", help="the key of a patch or image to show, in place of one chosen for you")
    parser.add_argument("--sample", metavar="OUT.png", help="write the sample's pixels there, turned upright")
    arguments = parser.parse_args(argv)
    from million_ird.overview import find_sample, overview, render, render_sample, write_sample

    dataset = open_dataset(arguments.url)
    seen = overview(dataset)
    key = arguments.key or seen.sample_key
    sample = find_sample(dataset, key) if key or arguments.sample else None
    if sample and arguments.sample:
        write_sample(dataset, sample, arguments.sample)
    print(render(seen))
    print(render_sample(sample) if sample else "\nno patch to show yet")
    if arguments.sample:
        print(f"written: {arguments.sample}")
    return 0


def retry_failed(argv: Sequence[str]) -> int:
    """`million-ird retry-failed URL`: another try for what failed for a reason that may pass."""
    parser = argparse.ArgumentParser(
        prog="million-ird retry-failed",
        description="Fetch again what failed for a reason that may pass, as a new generation of the dataset.",
    )
    parser.add_argument("url", help="the dataset: a folder, or any fsspec URL")
    parser.add_argument(
        "--set", action="append", default=[], metavar="SECTION.KEY=VALUE", help="more patience: fetch.retries=5"
    )
    arguments = parser.parse_args(argv)
    from pipelines.retry import retry_failed as run_retry
    from pipelines.retry import retry_recipe
    from pipelines.session import session

    recipe = retry_recipe(open_dataset(arguments.url), arguments.set)
    with _stopped_by_sigterm(), session(arguments.url, recipe, _say) as run:
        retried = run_retry(run)
    print(retried or "nothing failed for a reason that may pass: nothing to do")
    return _farewell(open_dataset(arguments.url), run.given_up) if retried else 0


def recut(argv: Sequence[str]) -> int:
    """`million-ird recut URL --out NEW`: other patches from the images already fetched."""
    parser = argparse.ArgumentParser(
        prog="million-ird recut",
        description="Cut again with other settings from the images already fetched, into another place.",
    )
    parser.add_argument("url", help="the dataset whose images are used; it is only read")
    parser.add_argument("--out", required=True, metavar="NEW", help="where the new dataset goes")
    parser.add_argument("--recipe", default="", help="a recipe in place of the dataset's own")
    parser.add_argument(
        "--set", action="append", default=[], metavar="SECTION.KEY=VALUE", help="patches.size=256 and the like"
    )
    arguments = parser.parse_args(argv)
    from pipelines.recut import check_source, recut_recipe
    from pipelines.recut import recut as run_recut
    from pipelines.session import session

    old = open_dataset(arguments.url)
    recipe = recut_recipe(old, arguments.recipe, arguments.set)
    check_source(old, recipe, arguments.out)
    with _stopped_by_sigterm(), session(arguments.out, recipe, _say) as run:
        dataset = run_recut(run, old)
    return _farewell(dataset, run.given_up)


def takedown(argv: Sequence[str]) -> int:
    """`million-ird takedown URL --url U`: pictures and all their copies out, for good. 1 if nothing matches."""
    parser = argparse.ArgumentParser(
        prog="million-ird takedown",
        description="Remove pictures and all their copies, and keep them out of later builds.",
    )
    parser.add_argument("dataset", metavar="URL", help="the dataset: a folder, or any fsspec URL")
    choice = parser.add_mutually_exclusive_group(required=True)
    choice.add_argument("--url", metavar="U", help="the picture's URL (or its path in a folder that was read)")
    choice.add_argument("--host", metavar="H", help="every picture of this host")
    choice.add_argument("--license", metavar="L", help="every picture whose manifest states exactly this license")
    choice.add_argument("--sha256", metavar="S", help="the picture with these bytes")
    choice.add_argument("--key", metavar="K", help="the image key, or the key of one of its patches")
    parser.add_argument("--reason", default="", metavar="TEXT", help="kept with the tombstone; name nobody in it")
    parser.add_argument("--dry-run", action="store_true", help="only say what would go")
    given = vars(parser.parse_args(argv))
    from pipelines.takedown import Wanted, run_takedown

    names = ("url", "host", "license", "sha256", "key")
    wanted = Wanted(**{name: (given[name] or "").strip() for name in names})
    with _stopped_by_sigterm():
        return run_takedown(given["dataset"], wanted, given["reason"], given["dry_run"], _say)


def _open(argv: Sequence[str], verb: str, description: str) -> Dataset:
    parser = argparse.ArgumentParser(prog=f"million-ird {verb}", description=description)
    parser.add_argument("url", help="the dataset: a folder, or any fsspec URL")
    return open_dataset(parser.parse_args(argv).url)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _farewell(dataset: Dataset, given_up: list[str]) -> int:
    stats = json.loads(dataset.store.read("report/stats.json"))
    print(f"{stats['images']:,} images, {stats['patches']:,} patches in {dataset.url}")
    print(f"report: {dataset.store.path('report/index.html')}")
    if given_up:
        print(f"{len(given_up)} units were given up; why: {dataset.store.path('log/given-up')}/", file=sys.stderr)
        return 3
    return 0


@contextmanager
def _stopped_by_sigterm() -> Iterator[None]:
    """Makes SIGTERM (a scheduler's notice) end the build like Ctrl-C: orderly, resumable."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
