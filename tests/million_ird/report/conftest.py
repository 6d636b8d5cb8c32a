"""Small made-up datasets for the report: rows in memory, in any batching."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pytest

from million_ird.records import (
    DUPLICATE_SCHEMA,
    REJECTED_SOURCE_SCHEMA,
    image_key,
    image_schema,
    patch_key,
    patch_schema,
)
from million_ird.report import ReportInputs, ReportScreen

Row = dict[str, Any]

SHARP = ReportScreen("sharpness", "levels²", low=100.0, meaning="High is sharp.")
BLOCKY = ReportScreen("blockiness", "", high=30.0)
SEEN = ReportScreen("entropy", "bit")
FLAT = ReportScreen("flat_fraction", "share", high=0.5, high_reason="flat")
SCREENS = (SHARP, BLOCKY, SEEN)


def photograph(seed: int, width: int = 60, height: int = 40) -> bytes:
    """A small JPEG with a gradient and some noise."""
    random = np.random.default_rng(seed)
    slope = np.linspace(40, 200, width)[None, :, None] * np.ones((height, 1, 3))
    picture = np.clip(slope + random.normal(0, 25, (height, width, 3)), 0, 255).astype(np.uint8)
    return cv2.imencode(".jpg", picture)[1].tobytes()


def image_row(number: int, **changes: Any) -> Row:
    """A kept image; `changes` say otherwise."""
    row: Row = {field.name: "" for field in image_schema([]) if field.type == pa.string()}
    row |= {
        "key": image_key(f"https://host.example/{number}.jpg"),
        "url": f"https://host.example/{number}.jpg",
        "host": "host.example",
        "license": "CC0-1.0",
        "source": "museum",
        "kept": True,
        "format": "jpeg",
        "colour_space": "srgb",
        "subsampling": "4:2:0",
        "width": 1600,
        "height": 1200,
        "channels": 3,
        "bit_depth": 8,
        "progressive": False,
        "nbytes": 500_000 + number,
        "sharpness": 120.0 + number,
        "blockiness": 5.0,
        "entropy": 7.0,
    }
    return row | changes


def rejected(number: int, step: str, reason: str, **changes: Any) -> Row:
    """An image that was dropped at a step."""
    measures = {} if step == "screen" else {"sharpness": None, "blockiness": None, "entropy": None}
    return image_row(number, kept=False, step=step, reason=reason, **measures, **changes)


def patch_row(image: Row, x: int, **changes: Any) -> Row:
    """A kept patch of an image."""
    row: Row = {field.name: "" for field in patch_schema([]) if field.type == pa.string()}
    row |= {"key": patch_key(image["key"], x, 0, 512), "image_key": image["key"], "x": x, "y": 0, "width": 512}
    row |= {"height": 512, "encoding": "jpg", "lossless": "coefficients", "kept": True, "flat_fraction": 0.1}
    row |= {"license": image["license"], "url": image["url"], "source": image["source"]}
    return row | {"tar": "patches/jpg/00000.tar", "size": 90_000} | changes


def table(rows: Iterable[Row], schema: pa.Schema, batch: int = 1000) -> list[pa.RecordBatch]:
    """Rows as record batches of at most `batch` rows."""
    whole = [{name: row.get(name) for name in schema.names} for row in rows]
    return pa.Table.from_pylist(whole, schema=schema).to_batches(batch)


Make = Callable[..., ReportInputs]


def inputs_of(
    images: Iterable[Row] = (),
    patches: Iterable[Row] = (),
    refused: Iterable[Row] = (),
    duplicates: Iterable[Row] = (),
    batch: int = 1000,
    **changes: Any,
) -> ReportInputs:
    """Inputs of a report over the given rows."""
    names = [screen.name for screen in SCREENS]
    settings: Row = {
        "name": "Trial",
        "recipe_name": "trial",
        "fingerprint": "0123abcd",
        "recipe": {"patches": {"size": 512}},
    }
    settings |= {
        "image_screens": SCREENS,
        "patch_screens": (FLAT,),
        "transient_reasons": frozenset({"connect_timeout"}),
    }
    return ReportInputs(
        images=table(images, image_schema(names), batch),
        patches=table(patches, patch_schema([]), batch),
        rejected_sources=table(refused, REJECTED_SOURCE_SCHEMA, batch),
        duplicates=table(duplicates, DUPLICATE_SCHEMA, batch),
        **(settings | changes),
    )


def small_dataset(batch: int = 1000, **changes: Any) -> ReportInputs:
    """Rows that end at every step, with thumbnails, a duplicate and a benchmark picture.

    30 kept by the screens (one a duplicate, one a benchmark picture), 10 dropped by the screens, 2 not decoded, 5 not
    fetched, 3 never planned; 28 images have two patches each, of which every other image's second one is flat.
    """
    kept = [image_row(n, thumbnail=photograph(n), entropy=6.0 + n / 20) for n in range(30)]
    dull = [
        rejected(100 + n, "screen", "sharpness_low", sharpness=99.0 - n, measured=99.0 - n, thumbnail=photograph(n))
        for n in range(6)
    ]
    blocky = [rejected(200 + n, "screen", "blockiness_high", blockiness=31.0 + n, measured=31.0 + n) for n in range(4)]
    broken = [rejected(300 + n, "decode", "truncated", license="") for n in range(2)]
    lost = [rejected(400 + n, "fetch", "http_not_found", host=f"h{n % 3}.example") for n in range(4)]
    late = [rejected(500, "fetch", "connect_timeout", host="h0.example")]
    refused = [
        {"source": "museum", "row": n, "url": "x", "license": "", "reason": "malformed_url", "detail": ""}
        for n in range(3)
    ]
    pair = {
        "cluster": kept[1]["key"],
        "kind": "near",
        "distance": 6.0,
        "agreement": 0.98,
        "transform": "mirror",
        "benchmark": "",
    }
    duplicates = [
        pair | {"key": kept[0]["key"], "keeper": kept[1]["key"], "thumbnail": photograph(0),
                "keeper_thumbnail": photograph(1)},
        pair | {"key": kept[1]["key"], "keeper": kept[1]["key"]},
        pair | {"key": kept[2]["key"], "keeper": "", "kind": "benchmark", "transform": "identity",
                "benchmark": "Kodak24/kodim01.png", "thumbnail": photograph(2), "benchmark_thumbnail": photograph(3)},
    ]  # fmt: skip
    flat = {"kept": False, "step": "cut", "reason": "flat", "measured": 0.7, "flat_fraction": 0.7, "tar": ""}
    used = [kept[1], *kept[3:]]
    patches = [
        patch_row(image, x, thumbnail=photograph(n), **(flat if x and n % 2 else {}))
        for n, image in enumerate(used)
        for x in (0, 512)
    ]
    every = sorted([*kept, *dull, *blocky, *broken, *lost, *late], key=lambda row: str(row["key"]))
    return inputs_of(every, patches[: 2 * 28], refused, duplicates, batch, **changes)


@pytest.fixture
def dataset() -> Make:
    """Makes the small dataset: `dataset(batch=7, log=…)`."""
    return small_dataset


@pytest.fixture
def made() -> Make:
    """Makes inputs of given rows."""
    return inputs_of


@pytest.fixture
def rows() -> SimpleNamespace:
    """Makers of single rows (`rows.image(1, license="…")`) and of a small JPEG (`rows.photograph(1)`)."""
    return SimpleNamespace(image=image_row, rejected=rejected, patch=patch_row, photograph=photograph)
