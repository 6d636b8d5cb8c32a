"""Everything that is learned from one image's bytes, as the row the dataset keeps of it.

Measuring and judging are apart: every value is measured for kept and rejected images alike, then the recipe's
intervals judge. The function is pure, so that a build and a re-cut come to the same row.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from million_ird.contamination import BenchmarkTable, ContaminationSettings, find_benchmark
from million_ird.duplicates import DuplicateSettings, crop_features
from million_ird.fingerprint import perceptual_hash, pixel_hash
from million_ird.jpeg import is_cuttable
from million_ird.pixels import DecodeSettings, Header, decode, encode_thumbnail, read_header, sniff
from million_ird.records import IMAGE_COLUMNS, Rejection
from million_ird.screens import Photo, Screen, ScreenSettings, judge, measure_all
from million_ird.tombstones import Tombstones

Row = dict[str, Any]

_EMPTY: Row = {
    column.name: "" if column.type == "string" else (False if column.type == "bool" else None)
    for column in IMAGE_COLUMNS
}


@dataclass(frozen=True)
class Examination:
    """The settings and tables an image is examined with."""

    decode: DecodeSettings
    screens: ScreenSettings
    duplicates: DuplicateSettings = field(default_factory=DuplicateSettings)
    contamination: ContaminationSettings = field(default_factory=ContaminationSettings)
    benchmarks: BenchmarkTable | None = None
    tombstones: Tombstones = field(default_factory=Tombstones)
    score: Callable[[NDArray[np.uint8]], Mapping[str, float | None]] | None = None
    """Learned scores of a photograph by column; None where the recipe asks for none."""

    @cached_property
    def measured(self) -> tuple[Screen, ...]:
        """The screens with their models loaded, once per process."""
        return self.screens.screens()


def rejected_row(source: Mapping[str, Any], rejection: Rejection, **facts: Any) -> Row:
    """The row of an image that was dropped, with whatever is known of it."""
    return {
        **_EMPTY,
        **source,
        **facts,
        "kept": False,
        "step": rejection.step,
        "reason": rejection.reason,
        "measured": rejection.measured,
        "detail": rejection.detail,
    }


def taken_down_row(row: Mapping[str, Any]) -> Row:
    """The row of an image that was taken down: blank but for its key and the name of its manifest."""
    return rejected_row({"key": row["key"], "source": row["source"]}, Rejection("screen", "taken_down"))


def examine(
    source: Mapping[str, Any],
    data: bytes,
    with_: Examination,
    sha256: str = "",
    is_shown: Callable[[Row], bool] = lambda row: True,
    **facts: Any,
) -> Row:
    """The image row for the bytes of one source.

    `source` has the columns of `SOURCE_SCHEMA`, `sha256` is that of `data` if it is known already, `facts` what the
    fetch learned (final_url, x_robots_tag). The row's `tar` columns stay empty: where the bytes are put is decided
    later. An image that decoded gets a thumbnail if `is_shown` says so of its row, whose verdict stands by then.
    """
    facts = {**facts, "nbytes": len(data), "sha256": sha256 or hashlib.sha256(data).hexdigest(), "format": sniff(data)}
    if gone := with_.tombstones.find(source["key"], facts["sha256"]):
        return rejected_row(source, gone, **facts)
    header = read_header(data, with_.decode)
    if isinstance(header, Rejection):
        return rejected_row(source, header, **facts)
    facts |= _describe(header)
    rgb = decode(data, header, with_.decode)
    if isinstance(rgb, Rejection):
        return rejected_row(source, rgb, **facts)
    facts |= _measure(header, data, rgb, with_)
    gone = with_.tombstones.find(source["key"], "", facts["pixel_hash"], facts["phash"])
    if gone is not None:
        return rejected_row(source, gone, **facts)
    verdict = judge(facts, with_.screens.intervals)
    row = {**_EMPTY, **source, **facts, "kept": True} if verdict is None else rejected_row(source, verdict, **facts)
    return row | {"thumbnail": encode_thumbnail(rgb)} if is_shown(row) else row


def _describe(header: Header) -> Row:
    return {
        "width": header.width,
        "height": header.height,
        "orientation": header.orientation,
        "channels": header.channels,
        "bit_depth": header.bit_depth,
        "progressive": header.progressive,
        "subsampling": header.subsampling,
        "colour_space": header.colour_space,
        "has_gain_map": header.has_gain_map,
        "cuttable": is_cuttable(header),
    }


def _measure(header: Header, data: bytes, rgb: NDArray[np.uint8], with_: Examination) -> Row:
    photo = Photo(header, data, rgb)
    looks_for_crops = with_.duplicates.enabled and with_.duplicates.crops
    return {
        "pixel_hash": pixel_hash(rgb),
        "phash": perceptual_hash(photo.luma),
        "crop_features": crop_features(photo.luma, with_.duplicates.crop_features) if looks_for_crops else None,
        "contamination": _contamination(rgb, with_),
        **measure_all(photo, with_.measured),
        **(with_.score(rgb) if with_.score else {}),
    }


def _contamination(rgb: NDArray[np.uint8], with_: Examination) -> str:
    """The benchmark picture that the image holds, confirmed on pixels, as JSON; "" if none."""
    if with_.benchmarks is None:
        return ""
    found = find_benchmark(rgb, with_.benchmarks, with_.contamination)
    if found is None:
        return ""
    hit, agreement = found
    facts = {"benchmark": hit.benchmark, "bits": hit.bits, "agreement": round(agreement.score, 4)}
    return json.dumps(facts | {"transform": hit.transform})
