"""A recipe: everything that decides what a dataset becomes, composed of the settings of those who use them.

Each section is a frozen dataclass that lives beside the code it steers; `docs/recipes.md` is made of their
docstrings. This module only gathers them, finds recipe files and says what a recipe's identity is.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any

from blake3 import blake3

from million_ird import plain_values, recipe_files, settings
from million_ird.contamination.settings import ContaminationSettings
from million_ird.duplicates.settings import DuplicateSettings
from million_ird.errors import UsageError
from million_ird.manifest import ManifestSettings
from million_ird.manifest.files import is_url, resolve
from million_ird.patches import PatchSettings
from million_ird.pixels import DecodeSettings
from million_ird.screens.settings import ScreenSettings
from million_ird.tombstones import TombstoneSettings
from pipelines.executors.base import ExecutionSettings
from pipelines.fetch import ImageSettings
from pipelines.http.settings import HttpSettings
from pipelines.plan import PlanSettings
from pipelines.shard_plan import ShardSettings

BUNDLED = files("pipelines") / "recipes"

LOCATIONS = (
    *("manifest.path", "screens.niqe_model", "takedown.tombstones"),
    *("contamination.folders", "contamination.hash_files"),
)
"""Settings that are paths or URLs. Relative ones belong to the recipe's folder (on the command line and in recipes
that come with the package: to the current one) and are recorded as absolute paths."""

NOT_RECORDED = "execution"
"""The section that says how the work is run and nothing of what comes out."""

PACE = tuple(
    f"fetch.{name}"
    for name in (
        *("connections", "per_host_connections", "per_host_interval_s", "crawl_delay_cap_s", "proxy"),
        *("connect_timeout_s", "idle_timeout_s", "total_timeout_s", "unit_time_cap_s", "lease_s"),
        *("retries", "backoff_s", "backoff_cap_s", "retry_after_cap_s", "dns_ttl_s", "dns_failure_ttl_s"),
        *("breaker_failures", "breaker_pause_s", "breaker_rests", "breaker_down_s"),
    )
)
"""Settings that may change while a dataset is built: they decide how patiently an answer is awaited, not which is
accepted. What was rejected for lack of patience, `retry-failed` takes up."""


@dataclass(frozen=True)
class Recipe:
    """One dataset's recipe. Locations are absolute; every default is filled in."""

    name: str = ""
    """The dataset's name, for its card and report. Empty: the recipe file's name."""
    manifest: tuple[ManifestSettings, ...] = ()
    """Where the images come from. `[[manifest]]` instead of `[manifest]` gives several."""
    plan: PlanSettings = field(default_factory=PlanSettings)
    """How manifest rows are cut into units of work."""
    fetch: HttpSettings = field(default_factory=HttpSettings)
    """Limits, manners and safety of the downloads."""
    decode: DecodeSettings = field(default_factory=DecodeSettings)
    """Which files are decoded, and how."""
    screens: ScreenSettings = field(default_factory=ScreenSettings)
    """What is measured of an image, and which intervals keep it."""
    duplicates: DuplicateSettings = field(default_factory=DuplicateSettings)
    """What counts as the same picture."""
    contamination: ContaminationSettings = field(default_factory=ContaminationSettings)
    """Benchmark pictures that must not be among the images."""
    takedown: TombstoneSettings = field(default_factory=TombstoneSettings)
    """Pictures that must not come back."""
    patches: PatchSettings = field(default_factory=PatchSettings)
    """Size, grid and flatness of patches."""
    shards: ShardSettings = field(default_factory=ShardSettings)
    """How patches are packed."""
    images: ImageSettings = field(default_factory=ImageSettings)
    """What becomes of the fetched bytes."""
    execution: ExecutionSettings = field(default_factory=ExecutionSettings)
    """How the work is run. Not recorded, and free to differ each time."""

    @property
    def base(self) -> str:
        """Folder that relative locations belong to: none, since all are absolute by now."""
        return ""

    @cached_property
    def resolved(self) -> dict[str, Any]:
        """Every setting that is recorded, as plain values fit for JSON and TOML."""
        return {name: value for name, value in settings.to_dict(self).items() if name != NOT_RECORDED}

    @cached_property
    def fingerprint(self) -> str:
        """BLAKE3-128, 32 hex digits, of everything that decides the output.

        Of a location only its last part counts, so that a moved recipe resumes; `PACE` is left out.
        """
        return blake3(plain_values.canonical_json(_identity(self.resolved))).hexdigest(length=16)

    def differences(self, other: Mapping[str, Any]) -> list[str]:
        """What this recipe changes of another one's `resolved`: `section.key: old → new` lines."""
        return plain_values.differences(_identity(other), _identity(self.resolved))

    def to_toml(self) -> str:
        """The recorded settings as a recipe file that gives this recipe again; one text only for one recipe."""
        return plain_values.to_toml(self.resolved)


def load_recipe(path_or_name: str, overrides: Iterable[str] = ()) -> Recipe:
    """Reads a recipe file, or one that comes with the package by its bare name, and applies `key=value` overrides.

    Raises:
        UsageError: no such recipe, no TOML, or a setting that cannot be; names the key.
    """
    text, stem, folder = recipe_files.find_recipe(path_or_name, BUNDLED)
    try:
        values: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path_or_name} is no TOML: {error}") from None
    _locate(values, folder)
    values = plain_values.apply_overrides(values, overrides)
    _locate(values, ".")
    return recipe_from_dict({"name": stem, **values})


def recipe_from_dict(values: Mapping[str, Any]) -> Recipe:
    """The recipe of plain values, as `Recipe.resolved` gave them (a dataset keeps its own in `dataset.json`)."""
    return settings.from_dict(Recipe, values)


def recipe_with(values: Mapping[str, Any], overrides: Iterable[str] = ()) -> Recipe:
    """The recipe of plain values with `key=value` overrides, whose relative locations belong to the current folder."""
    changed = plain_values.apply_overrides(values, overrides)
    _locate(changed, ".")
    return recipe_from_dict(changed)


def bundled_recipes() -> list[str]:
    """Names of the recipes that come with the package."""
    return recipe_files.bundled_recipes(BUNDLED)


def _locate(values: dict[str, Any], folder: str) -> None:
    """Makes the relative locations in plain values absolute, in place; wrong types are left for `from_dict`."""
    for location in LOCATIONS:
        section, key = location.split(".")
        for table in _tables(values.get(section)):
            if isinstance(table.get(key), str):
                table[key] = _absolute(table[key], folder, table)
            elif isinstance(table.get(key), list):
                table[key] = [_absolute(v, folder, table) if isinstance(v, str) else v for v in table[key]]


def _absolute(location: str, folder: str, table: Mapping[str, Any]) -> str:
    absolute = resolve(location, folder)
    is_hub_name = table.get("format") == "huggingface" and not Path(absolute).exists()
    return location if not location or is_url(location) or is_hub_name else absolute


def _tables(section: Any) -> list[dict[str, Any]]:
    return [table for table in (section if isinstance(section, list) else [section]) if isinstance(table, dict)]


def _identity(resolved: Mapping[str, Any]) -> dict[str, Any]:
    """The part of resolved settings that is the recipe's identity."""
    identity: dict[str, Any] = {}
    for section, content in resolved.items():
        if section == NOT_RECORDED:
            continue
        tables = [_identity_of_table(section, table) for table in _tables(content)]
        identity[section] = tables if isinstance(content, list) else tables[0] if tables else content
    return identity


def _identity_of_table(section: str, table: Mapping[str, Any]) -> dict[str, Any]:
    identity = {}
    for key, value in table.items():
        name = f"{section}.{key}"
        if name in LOCATIONS:
            value = [_last_part(v) for v in value] if isinstance(value, list) else _last_part(value)
        if name not in PACE:
            identity[key] = value
    return identity


def _last_part(location: str) -> str:
    return location.rstrip("/").rsplit("/", 1)[-1]
