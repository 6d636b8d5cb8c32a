"""Where things stand in a dataset: the names of its files, written down once (see docs/format.md)."""

from __future__ import annotations

DATASET = "dataset.json"
CARD = "README.md"
RECIPE = "recipe.toml"
DUPLICATES = "duplicates.parquet"
TOMBSTONES = "tombstones.parquet"
REPORT = "report"
LOG = "log"
IMAGES = "images"
PLAN = "plan"
PATCHES = "patches"

ENCODINGS = ("jpg", "webp")
"""Patch encodings, one folder each: a loader takes its columns from the first samples, so they must not mix."""


def generation_name(number: int) -> str:
    """A generation is one planned set of manifest rows; retrying failures or a grown manifest adds the next one."""
    return f"g{number:03d}"


def plan_folder(generation: int) -> str:
    return f"{PLAN}/{generation_name(generation)}"


def sources_marker(generation: int) -> str:
    """Written when the manifest of a generation is planned."""
    return f"{plan_folder(generation)}/sources.json"


def duplicates_marker(generation: int) -> str:
    """Written when the whole table was deduplicated after a generation."""
    return f"{plan_folder(generation)}/duplicates.json"


def patches_marker(generation: int) -> str:
    """Written when the shards of a generation are planned."""
    return f"{plan_folder(generation)}/patches.json"


def fetch_unit_name(generation: int, unit: int) -> str:
    return f"{generation_name(generation)}-{unit:05d}"


def fetch_marker(unit: str) -> str:
    return f"{IMAGES}/{unit}.json"


def shard_stem(encoding: str, number: int) -> str:
    """The common part of a shard's `.tar`, `.parquet` and `.json`."""
    return f"{PATCHES}/{encoding}/{number:05d}"
