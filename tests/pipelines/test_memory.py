"""What the driver holds does not grow with the list: measured between a short list and one that is three times as long.

Bytes are counted, not looked up in the operating system: those of Python and NumPy by tracemalloc, those of Arrow by
its pool. Both are exact, whatever else the machine does, and every part that is looked at together is made so small
here that the short list fills it already; so what grows is what is held for each image.
"""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from million_ird import key_sorted
from million_ird.dataset import Dataset, open_dataset
from million_ird.duplicates import clusters, equal, near
from million_ird.layout import fetch_marker, fetch_unit_name, plan_folder, sources_marker
from million_ird.markers import publish
from million_ird.records import image_key, image_schema
from million_ird.store import Store
from pipelines.build import Run
from pipelines.deduplicate import deduplicate
from pipelines.recipe import load_recipe
from pipelines.report import report
from pipelines.session import session
from pipelines.shard_plan import plan_shards, read_shard_plan

SHORT, LONG, UNIT = 3_000, 9_000, 500
RECIPE = """
[manifest]
path = "nowhere.txt"
[images]
keep_images = "none"
[screens]
measure = ["cheap"]
[screens.keep]
niqe = [-inf, inf]
[duplicates]
bands = 5
[shards]
target_mb = 500
"""


def unit(first: int, name: str) -> pa.Table:
    """The rows of one fetch unit: all kept, 1 in 100 with the pixels of another, 1 in 100 nearly alike."""
    random = np.random.default_rng(first)
    hashes = random.integers(0, 256, (UNIT, 32), np.uint8)
    digits = [row.tobytes().hex() for row in hashes]
    pixels = [text[:32] for text in digits]
    for number in range(50, UNIT, 100):
        pixels[number] = pixels[number - 1]
        hashes[number + 1] = hashes[number - 2] ^ np.eye(1, 32, dtype=np.uint8)[0]
    keys = [image_key(str(number)) for number in range(first, first + UNIT)]
    given: dict[str, object] = {
        "key": keys,
        "url": [f"https://host.example/photographs/{number:060d}.jpg" for number in range(first, first + UNIT)],
        "provenance": [f'{{"caption": "{key * 10}"}}' for key in keys],
        "sha256": digits,
        "pixel_hash": pixels,
        "phash": [row.tobytes() for row in hashes],
        "format": ["jpeg"] * UNIT,
        "tar": [f"images/{name}.tar"] * UNIT,
        "member": [f"{key}.jpeg" for key in keys],
        "checksum": [text[:32] for text in digits],
        "kept": [True] * UNIT,
        "cuttable": [number % 7 > 0 for number in range(UNIT)],
        **{field: [1200] * UNIT for field in ("width", "height")},
        **{field: [500_000] * UNIT for field in ("nbytes", "offset", "size")},
    }
    schema = image_schema(["fine_detail"])
    blank = {field.name: [("" if field.type == pa.string() else None)] * UNIT for field in schema}
    return pa.table(blank | given, schema=schema)


def fetched(store: Store, images: int) -> None:
    """A dataset whose every planned image was fetched, as far as tables say."""
    counts = {"rows": images, "planned": images, "first_unit": 0, "units": images // UNIT}
    publish(store, sources_marker(0), plan_folder(0), [], counts)
    for number in range(images // UNIT):
        name = fetch_unit_name(0, number)
        counts = {"rows": UNIT, "fetched": UNIT, "decoded": UNIT, "kept": UNIT, "bytes": UNIT}
        with store.spool() as spool:
            pq.write_table(unit(number * UNIT, name), spool / "rows", compression="zstd")
            publish(store, fetch_marker(name), name, [(spool / "rows", f"images/{name}.parquet")], counts)


STEPS: dict[str, Callable[[Run, Dataset], object]] = {
    "deduplicate": lambda run, dataset: deduplicate(run, dataset, 0),
    "plan shards": lambda run, dataset: plan_shards(run.store, dataset, 0, run.recipe.patches, run.recipe.shards),
    "read shard plan": lambda run, dataset: read_shard_plan(run.store, f"{plan_folder(0)}/patches.parquet"),
    "report": lambda run, dataset: report(dataset),
}


def peaks(folder: Path, images: int) -> npt.NDArray[np.int64]:
    """The most bytes that each step held at once, on a list of so many images: (4,)."""
    folder.mkdir()
    (folder / "recipe.toml").write_text(RECIPE)
    recipe = load_recipe(str(folder / "recipe.toml"), ["execution.executor=serial"])
    with session(str(folder / "out"), recipe, lambda line: None) as run:
        fetched(run.store, images)
        dataset = open_dataset(run.store.url)
        found = [_peak(partial(step, run, dataset)) for step in STEPS.values()]
    assert dataset.duplicates().num_rows == images // 100
    return np.array(found)


def _peak(work: Callable[[], object]) -> int:
    usual = pa.default_memory_pool()
    counted = pa.proxy_memory_pool(usual)
    gc.collect()
    tracemalloc.start()
    pa.set_memory_pool(counted)
    try:
        work()
        return tracemalloc.get_traced_memory()[1] + int(counted.max_memory())
    finally:
        pa.set_memory_pool(usual)
        tracemalloc.stop()


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything that is looked at together is less than the short list."""
    monkeypatch.setattr(key_sorted, "_FILE_ROWS", 500)
    monkeypatch.setattr(key_sorted, "_BATCH_ROWS", 250)
    monkeypatch.setattr(near, "_CHUNK", 1000)
    monkeypatch.setattr(equal, "_CHUNK", 1000)
    monkeypatch.setattr(clusters, "_PAIRS", 10)


@pytest.mark.usefixtures("small_parts")
def test_no_step_of_the_driver_holds_much_of_every_image(tmp_path: Path) -> None:
    short, long = peaks(tmp_path / "short", SHORT), peaks(tmp_path / "long", LONG)
    grown = dict(zip(STEPS, ((long - short) / (LONG - SHORT)).tolist(), strict=True))
    assert max(grown.values()) < 200, f"bytes an image: {grown}"
