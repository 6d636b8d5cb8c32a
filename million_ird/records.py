"""What one row of each table holds, and how rows are named.

Every table of a dataset has its Arrow schema here and nowhere else. Strings are never null: an unknown license is
`""`. Numbers that were not measured are null. A row is either kept, or carries the step and the reason it was dropped.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass
from urllib.parse import quote, urlsplit, urlunsplit

import pyarrow as pa

FORMAT_VERSION = "1.0"
"""Version of the on-disk format; readers refuse another major number and ignore columns they do not know."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why something was dropped. A value, not an exception: every step balances, in = kept + rejected.

    `step` is the step that judged (`plan`, `fetch`, `decode`, `screen`, `deduplicate`, `cut`); `reason` a short
    snake_case word that a report can count; `measured` the number that was judged, if one was; `detail` one line for
    a person.
    """

    step: str
    reason: str
    measured: float | None = None
    detail: str = ""


def _columns(*pairs: tuple[str, pa.DataType]) -> list[pa.Field]:
    return [pa.field(name, kind) for name, kind in pairs]


_VERDICT = _columns(
    ("kept", pa.bool_()),
    ("step", pa.string()),  # "" if kept
    ("reason", pa.string()),  # "" if kept
    ("measured", pa.float64()),
    ("detail", pa.string()),
)
_MEMBER = _columns(  # where the bytes are: one range request of `size` bytes at `offset` of `tar`
    ("tar", pa.string()),  # relative to the dataset's root, or a full URL; "" if the bytes were not kept
    ("member", pa.string()),
    ("offset", pa.int64()),
    ("size", pa.int64()),
    ("checksum", pa.string()),  # BLAKE3-128 of the member's bytes, 32 hex digits
)

SOURCE_SCHEMA = pa.schema(  # one planned manifest row
    _columns(
        ("key", pa.string()),
        ("url", pa.string()),  # http(s) URL, or for local manifests the path relative to `source_root`
        ("host", pa.string()),  # lower case, with port if not the scheme's own; "" for local files
        ("source_root", pa.string()),  # "" for http(s); else the folder, or the file that holds it (manifest/local.py)
        ("manifest_width", pa.int32()),
        ("manifest_height", pa.int32()),
        ("manifest_sha256", pa.string()),
        ("license", pa.string()),
        ("author", pa.string()),
        ("source", pa.string()),  # the name of the manifest in the recipe
        ("provenance", pa.string()),  # every other column, as one JSON object
    )
)

REJECTED_SOURCE_SCHEMA = pa.schema(  # a manifest row that never became a planned one
    _columns(
        ("source", pa.string()),
        ("row", pa.int64()),  # 0-based position in its manifest
        ("url", pa.string()),
        ("license", pa.string()),
        ("reason", pa.string()),
        ("detail", pa.string()),
    )
)

IMAGE_COLUMNS = [
    *SOURCE_SCHEMA,
    *_VERDICT,
    *_columns(
        ("final_url", pa.string()),  # after redirects
        ("x_robots_tag", pa.string()),  # the headers that let it pass
        ("sha256", pa.string()),  # of the fetched bytes
        ("nbytes", pa.int64()),
        ("format", pa.string()),  # as the bytes say: jpeg, png, webp, tiff, gif, bmp, avif, heic, jxl, …
        ("width", pa.int32()),  # stored orientation
        ("height", pa.int32()),
        ("orientation", pa.int8()),  # EXIF 1..8
        ("channels", pa.int8()),
        ("bit_depth", pa.int8()),
        ("progressive", pa.bool_()),
        ("subsampling", pa.string()),  # JPEG only: 4:4:4, 4:2:0, …
        ("colour_space", pa.string()),  # srgb, display_p3, adobe_rgb, …, unknown
        ("has_gain_map", pa.bool_()),
        ("cuttable", pa.bool_()),  # can be cut in the coefficient domain (at a patch size that fits its MCU)
        ("pixel_hash", pa.string()),  # BLAKE3-128 of the decoded pixels
        ("phash", pa.binary()),  # see `fingerprint`
        ("crop_features", pa.binary()),  # see `duplicates.crops`; null unless the recipe searches for crops
        ("contamination", pa.string()),  # the benchmark picture it holds, as JSON; "" if none
        ("thumbnail", pa.binary()),  # a small JPEG for some rows (see the report), else null
    ),
    *_MEMBER,
]
"""Columns of an image row before the screens' own, which `image_schema` adds."""

PATCH_COLUMNS = [
    *_columns(
        ("key", pa.string()),
        ("image_key", pa.string()),
        ("x", pa.int32()),
        ("y", pa.int32()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("encoding", pa.string()),  # jpg or webp
        ("lossless", pa.string()),  # how the patch equals its source: "coefficients" or "pixels"
        ("orientation", pa.int8()),
        ("license", pa.string()),
        ("url", pa.string()),  # of the image
        ("source", pa.string()),
        ("flat_fraction", pa.float64()),
    ),
    *_VERDICT,
    *_columns(("thumbnail", pa.binary())),
    *_MEMBER,
]
"""Columns of a candidate patch's row before the patch screens' own, which `patch_schema` adds."""

DUPLICATE_SCHEMA = pa.schema(
    _columns(
        ("key", pa.string()),  # image key
        ("cluster", pa.string()),  # smallest key of the cluster
        ("keeper", pa.string()),  # key of the image that stays ("" for a benchmark match)
        ("kind", pa.string()),  # bytes, pixels, near, crop, benchmark
        ("distance", pa.float64()),  # bits between hashes
        ("agreement", pa.float64()),  # what the verification on pixels measured (see `duplicates`)
        ("transform", pa.string()),  # identity, mirror, rot90, …
        ("benchmark", pa.string()),  # "set/name" of the benchmark picture, or ""
        ("benchmark_thumbnail", pa.binary()),
        ("thumbnail", pa.binary()),
        ("keeper_thumbnail", pa.binary()),
    )
)

TOMBSTONE_SCHEMA = pa.schema(
    _columns(
        ("key", pa.string()),  # image key
        ("sha256", pa.string()),  # of the bytes, "" if unknown
        ("pixel_hash", pa.string()),
        ("phash", pa.binary()),
        ("reason", pa.string()),
    )
)


def image_schema(screens: list[str]) -> pa.Schema:
    """The schema of `images/*.parquet`: the fixed columns, then one float64 column per screen, in the given order."""
    return pa.schema([*IMAGE_COLUMNS, *(pa.field(name, pa.float64()) for name in screens)])


def patch_schema(screens: list[str]) -> pa.Schema:
    """The schema of `patches/*/*.parquet`: the fixed columns, then one float64 column per patch screen."""
    return pa.schema([*PATCH_COLUMNS, *(pa.field(name, pa.float64()) for name in screens)])


_HOST = re.compile(r"[a-z0-9_.-]+|[0-9a-f:.]+")  # a name, or an IPv6 address


def normalise_url(url: str) -> str:
    """The one spelling of an http(s) URL that keys, hosts and duplicates are decided on.

    Scheme and host in lower case, the scheme's own port and the fragment dropped, an empty path made `/`, characters
    that HTTP does not allow percent-encoded (existing escapes are left alone), Unicode in NFC and hosts in IDNA.

    Raises:
        ValueError: no http(s) URL with a host; the text says which part is wrong.
    """
    text = unicodedata.normalize("NFC", url.strip())
    parts = urlsplit(text)  # ValueError on an impossible port or bracket
    if parts.scheme.lower() not in ("http", "https"):
        raise ValueError(f"scheme {parts.scheme or '(none)'!r} is not http or https")
    if not parts.hostname:
        raise ValueError("no host")
    if parts.username is not None:
        raise ValueError("a user name or password in the URL")
    try:
        host = parts.hostname.encode("idna").decode("ascii").lower() if not parts.hostname.isascii() else parts.hostname
    except UnicodeError as error:
        raise ValueError(f"host is no valid name: {error}") from None
    if not _HOST.fullmatch(host):
        raise ValueError(f"host {host!r} is no valid name")
    if ":" in host:
        host = f"[{host}]"
    own_port = {"http": 80, "https": 443}[parts.scheme.lower()]
    netloc = host if parts.port in (None, own_port) else f"{host}:{parts.port}"
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
    query = quote(parts.query, safe="/%:@!$&'()*+,;=~-._?")
    return urlunsplit((parts.scheme.lower(), netloc, path, query, ""))


def image_key(origin: str) -> str:
    """The image key: 24 hex digits of the SHA-256 of a normalised origin (URL, or path relative to its folder)."""
    return hashlib.sha256(origin.encode("utf-8", "surrogateescape")).hexdigest()[:24]


def patch_key(image: str, x: int, y: int, size: int) -> str:
    """The patch key: image key, then y, x and size, so that a re-cut never gives an old key to other pixels."""
    return f"{image}-y{y:05d}-x{x:05d}-s{size:04d}"
