"""The numbers of the report as JSON, for people who compare datasets by program."""

from __future__ import annotations

import json
import math
from typing import Any

from million_ird.report.collect import Collected
from million_ird.report.collect.duplicates import KINDS
from million_ird.report.distributions import QUANTILES, SHARES, Distribution
from million_ird.report.funnel import Stage
from million_ird.report.inputs import ReportInputs
from million_ird.report.tally import Tally

_LISTED = 1000
"""Rows of a list in the file; what is left out is summed."""


def stats_json(
    inputs: ReportInputs,
    collected: Collected,
    stages: tuple[Stage, ...],
    images: tuple[Distribution, ...],
    patches: tuple[Distribution, ...],
) -> str:
    """The file's text. Keys are sorted and nothing in it depends on time, so equal datasets give equal bytes."""
    counts, cut = collected.images, collected.patches
    stats = {
        "name": inputs.name,
        "recipe": inputs.recipe_name,
        "fingerprint": inputs.fingerprint,
        "format_version": inputs.format_version,
        "images": counts.stages["unique"],
        "image_pixels": counts.sums["pixels"],
        "image_bytes": counts.sums["nbytes"],
        "fetched_bytes": counts.sums["fetched_nbytes"],
        "stored_image_bytes": counts.sums["stored_nbytes"],
        "patches": cut.kept,
        "patch_pixels": cut.sums["pixels"],
        "patch_bytes": cut.sums["size"],
        "images_with_a_kept_patch": cut.images_kept,
        "shards": cut.shards.table().num_rows,
        "funnel": [_stage(stage) for stage in stages],
        "failures": _tally(counts.failures, "images"),
        "licenses": {"images": _tally(counts.licenses, "unique"), "patches": _tally(cut.licenses, "patches")},
        "sources": {"images": _tally(counts.sources, "planned"), "refused": _tally(collected.sources.reasons, "rows")},
        "formats": _tally(counts.formats, "fetched"),
        "encodings": _tally(cut.encodings, "candidates"),
        "duplicates": {
            "found": _tally(collected.duplicates.found, "images"),
            "dropped": dict(zip((*KINDS, "unknown_kind"), counts.kinds, strict=True)),
            "benchmarks": _tally(collected.duplicates.benchmarks, "images"),
        },
        "distributions": {"images": [_distribution(d) for d in images], "patches": [_distribution(d) for d in patches]},
    }
    return json.dumps(stats, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def _stage(stage: Stage) -> dict[str, Any]:
    drops = [{"reason": reason, "count": number} for reason, number in stage.drops[:_LISTED]]
    rest = sum(number for _, number in stage.drops[_LISTED:])
    return {"name": stage.name, "unit": stage.unit, "count": stage.count, "drops": drops, "other_drops": rest}


def _tally(tally: Tally, by: str) -> dict[str, Any]:
    top = tally.top(_LISTED, by)
    return {"rows": top.rows, "others": top.others, "others_sums": top.others_sums}


def _number(value: float) -> float | None:
    """Six significant digits: more than a bin is wide, and the same text on every machine."""
    return float(f"{value:.6g}") if math.isfinite(value) else None


def _distribution(distribution: Distribution) -> dict[str, Any]:
    screen = distribution.screen
    return {
        "screen": screen.name,
        "unit": screen.unit,
        "low": screen.low,
        "high": screen.high,
        "measured": distribution.measured,
        "missing": distribution.missing,
        "below": distribution.below,
        "above": distribution.above,
        "rejected_by_this_alone": distribution.alone,
        "quantiles": {str(q): _number(v) for q, v in zip(QUANTILES, distribution.quantiles, strict=True)},
        "axis": "log" if distribution.logarithmic else "linear",
        "edges": [_number(float(edge)) for edge in distribution.edges],
        "kept": [_number(float(bar)) for bar in distribution.bars[:, 0]],
        "rejected_elsewhere": [_number(float(bar)) for bar in distribution.bars[:, 1]],
        "outside": [_number(float(bar)) for bar in distribution.bars[:, 2]],
        "moved": [
            {
                "end": curve.end,
                "passing_all_others": curve.population,
                "kept": curve.kept,
                "threshold_to_keep": {str(s): _number(t) for s, t in zip(SHARES, curve.thresholds, strict=True)},
            }
            for curve in distribution.curves
        ],
    }
