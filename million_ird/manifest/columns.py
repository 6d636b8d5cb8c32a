"""From a manifest's own columns to the planned row: names, numbers, hashes, keys."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import pyarrow as pa

from million_ird.errors import UsageError
from million_ird.manifest.blocks import BadRow, Block, ManifestBatch, shorten, strings
from million_ird.manifest.settings import ManifestSettings
from million_ird.records import REJECTED_SOURCE_SCHEMA, SOURCE_SCHEMA, image_key, normalise_url

LAYOUTS: dict[str, dict[str, tuple[str, ...]]] = {
    "laion": {"url": ("URL", "url"), "width": ("WIDTH",), "height": ("HEIGHT",), "license": ("LICENSE",)},
    "pd12m": {
        "url": ("url",),
        "width": ("width",),
        "height": ("height",),
        "sha256": ("hash",),
        "license": ("license", "license_type"),
        "source": ("source",),
    },
    "megalith": {
        "url": ("url_highres", "url"),
        "width": ("width", "width_highres"),
        "height": ("height", "height_highres"),
        "license": ("license",),
        "author": ("author", "owner", "username"),
    },
    "auto": {
        "url": ("url_highres", "url", "URL", "image_url", "img_url", "link", "uri"),
        "image": ("image", "jpg", "img"),
        "width": ("width", "WIDTH", "original_width", "image_width"),
        "height": ("height", "HEIGHT", "original_height", "image_height"),
        "sha256": ("sha256", "sha256hash", "hash"),
        "license": ("license", "LICENSE", "licence", "license_type", "license_url"),
        "author": ("author", "AUTHOR", "creator", "photographer", "owner"),
    },
}
"""Layout → field → names that are looked for, first match wins."""

FIELDS = ("url", "image", "width", "height", "sha256", "license", "author", "source")
MAX_URL = 8192
"""Longest URL in characters; servers and proxies refuse request lines beyond 8 KiB."""
_LARGEST = 2**31 - 1
_SHA256 = re.compile(r"[0-9a-fA-F]{64}").fullmatch
_SAFE_PATH = r"[A-Za-z0-9/%:@!$&'()*+,;=~._-]"
_ORDINARY_URL = re.compile(
    rf"https?://([a-z0-9](?:[a-z0-9.-]*[a-z0-9])?)/{_SAFE_PATH}*(?:\?(?:{_SAFE_PATH}|\?)+)?"
).fullmatch
"""URLs that `normalise_url` returns as they are: nine of ten, and sixteen times faster so."""


@dataclass(frozen=True)
class ColumnMap:
    """Which column holds what."""

    names: dict[str, str]
    """Field → column name, for the fields that the manifest has."""
    drop: frozenset[str]
    """Columns that the recipe leaves out."""

    @property
    def used(self) -> frozenset[str]:
        """Columns that do not become provenance."""
        return frozenset(self.names.values()) | self.drop


def find_columns(existing: Sequence[str], settings: ManifestSettings, local: bool = False) -> ColumnMap:
    """Which of the existing columns holds what.

    Args:
        existing: column names of the table.
        settings: the manifest's section of the recipe.
        local: the bytes are at hand; a URL, if there is a column of that name, is provenance.

    Raises:
        UsageError: a column that the recipe names, or any URL column, is missing; names those that exist. Or two
            columns have the same name.
    """
    known = set(existing)
    if len(known) < len(existing):
        twice = next(name for name in existing if existing.count(name) > 1)
        raise UsageError(f"manifest {settings.label}: two of its columns are called {twice!r}; rename one")
    names: dict[str, str] = {}
    for field in FIELDS[2:] if local else FIELDS:
        asked = str(getattr(settings.columns, field))
        if asked and asked not in known:
            raise _missing(f"columns.{field} = {asked!r}", existing, settings)
        candidates = (asked,) if asked else LAYOUTS[settings.layout].get(field, ())
        found = next((name for name in candidates if name in known), None)
        if found is not None and found not in names.values():
            names[field] = found
    if "url" in names and settings.columns.image == "":
        names.pop("image", None)
    if not local and "url" not in names and "image" not in names:
        tried = ", ".join(LAYOUTS[settings.layout]["url"])
        raise _missing(f"a URL column ({tried}; or set columns.url)", existing, settings)
    return ColumnMap(names, frozenset(str(name) for name in settings.columns.drop))


def to_batch(block: Block, mapping: ColumnMap, settings: ManifestSettings) -> ManifestBatch:
    """Types, normalises and checks a block: every row ends up among the planned or the rejected ones."""
    names, count = mapping.names, len(block.rows)
    get = partial(_field, block, names)
    licenses = _texts(get("license"), settings.license, count)
    urls, hosts, keys, bad = _places(block, get, licenses)
    widths = _sizes(block, get("width"), "width", urls, licenses, bad)
    heights = _sizes(block, get("height"), "height", urls, licenses, bad)
    hashes, odd_hashes = _hashes(get("sha256"), count)
    kept_back = {position: {names["sha256"]: value} for position, value in odd_hashes.items()}
    columns = {
        "key": keys,
        "url": urls,
        "host": hosts,
        "source_root": block.roots or [""] * len(urls),
        "license": licenses,
        "author": _texts(get("author"), settings.author, count),
        "source": _texts(get("source"), settings.label, count),
        "provenance": block.leftovers(mapping.used, kept_back),
        "manifest_sha256": hashes,
    }
    arrays = {name: strings(values) for name, values in columns.items()}
    arrays["manifest_width"] = pa.array(widths, pa.int32())
    arrays["manifest_height"] = pa.array(heights, pa.int32())
    sources = pa.RecordBatch.from_arrays([arrays[name] for name in SOURCE_SCHEMA.names], schema=SOURCE_SCHEMA)
    rows = list(block.rows)
    if bad:
        good = [i for i in range(len(rows)) if i not in bad]
        sources, rows = sources.take(pa.array(good, pa.int64())), [rows[i] for i in good]
    return ManifestBatch(sources, rejected_batch([*block.bad, *bad.values()], settings.label), rows)


def rejected_batch(bad: Sequence[BadRow], source: str) -> pa.RecordBatch:
    """Bad rows in manifest order, as REJECTED_SOURCE_SCHEMA."""
    ordered = sorted(bad, key=lambda item: item.row)
    columns = [
        strings([source] * len(ordered)),
        pa.array([item.row for item in ordered], pa.int64()),
        strings([item.url for item in ordered]),
        strings([item.license for item in ordered]),
        strings([item.reason for item in ordered]),
        strings([item.detail for item in ordered]),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=REJECTED_SOURCE_SCHEMA)


def normalised(url: str) -> tuple[str, str]:
    """The normalised URL and its host (with port if not the scheme's own); ValueError as `normalise_url`."""
    if len(url) > MAX_URL:
        raise ValueError(f"longer than {MAX_URL} characters")
    ordinary = _ORDINARY_URL(url)
    if ordinary is not None:
        return url, ordinary[1]
    clean = normalise_url(url)
    return clean, clean.split("/", 3)[2]


def _field(block: Block, names: dict[str, str], field: str) -> Sequence[Any] | None:
    """The values of a field, or None if the manifest has no such column."""
    return block.column(names[field]) if field in names else None


def _texts(values: Sequence[Any] | None, default: str, count: int) -> list[str]:
    """Text of each value; `default` where there is none."""
    return [default] * count if values is None else [_text(value) or default for value in values]


def _places(
    block: Block, get: Any, licenses: Sequence[str]
) -> tuple[list[str], list[str], list[str], dict[int, BadRow]]:
    """URL, host and key of each row, and the rows (by position in the block) that have none."""
    if block.urls is not None and block.origins is not None:
        return list(block.urls), [""] * len(block.urls), [image_key(origin) for origin in block.origins], {}
    urls: list[str] = []
    hosts: list[str] = []
    keys: list[str] = []
    bad: dict[int, BadRow] = {}
    for position, value in enumerate(get("url")):
        text = value if type(value) is str else _text(value)
        url = host = key = ""
        if not text or text.isspace():
            bad[position] = BadRow(block.rows[position], "no_url", license=licenses[position])
        else:
            try:
                url, host = normalised(text)
                key = image_key(url)
            except ValueError as error:  # UnicodeError (a lone surrogate) is one too
                detail, shown = shorten(str(error)), shorten(text, 500)
                bad[position] = BadRow(block.rows[position], "bad_url", detail, shown, licenses[position])
        urls.append(url)
        hosts.append(host)
        keys.append(key)
    return urls, hosts, keys, bad


def _sizes(
    block: Block,
    values: Sequence[Any] | None,
    name: str,
    urls: Sequence[str],
    licenses: Sequence[str],
    bad: dict[int, BadRow],
) -> list[int | None]:
    """Whole positive numbers of pixels; nothing, NaN and 0 mean unknown, anything else is a bad row."""
    if values is None:
        return [None] * len(urls)
    sizes: list[int | None] = []
    for position, value in enumerate(values):
        if type(value) is int and 0 < value <= _LARGEST:
            sizes.append(value)
            continue
        try:
            sizes.append(_size(value))
        except (ValueError, TypeError, OverflowError):
            sizes.append(None)
            detail = f"{name} is {shorten(repr(value), 60)}"
            row = BadRow(block.rows[position], "bad_number", detail, urls[position], licenses[position])
            bad.setdefault(position, row)
    return sizes


def _size(value: Any) -> int | None:
    if value is None or value == "":
        return None
    number = float(value)
    if math.isnan(number):
        return None
    if number != int(number) or not 0 <= number <= _LARGEST:
        raise ValueError
    return int(number) or None


def _hashes(values: Sequence[Any] | None, count: int) -> tuple[list[str], dict[int, Any]]:
    """SHA-256 digests in lower case ("" where there is none), and by position the values that are something else."""
    if values is None:
        return [""] * count, {}
    hashes: list[str] = []
    odd: dict[int, Any] = {}
    for position, value in enumerate(values):
        text = _text(value)
        if text and not _SHA256(text):
            odd[position], text = value, ""
        hashes.append(text.lower())
    return hashes, odd


def _text(value: Any) -> str:
    """A cell as text; nothing and NaN are empty."""
    if isinstance(value, str):
        return value
    if value is None or value != value:
        return ""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _missing(what: str, existing: Sequence[str], settings: ManifestSettings) -> UsageError:
    shown = ", ".join(map(str, existing[:40])) + (", …" if len(existing) > 40 else "")
    return UsageError(f"manifest {settings.label}: there is no {what}; its columns are: {shown or '(none)'}")
