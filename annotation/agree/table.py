"""Agreement as text for a person and as values for a program."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from annotation.agree.compare import Agreement, AgreeSettings
from annotation.agree.opinions import NotCompared
from annotation.agree.summary import Summary, by_annotator, by_pair, overall
from annotation.text_table import aligned
from million_ird.report.words import middle, plural


def render(agreements: Sequence[Agreement], missing: Sequence[NotCompared], settings: AgreeSettings) -> str:
    """A line for every picture (the least agreement first), for every two annotators and for every annotator."""
    blocks = []
    if agreements:
        blocks.append(_pictures(agreements, settings))
        blocks.append(_annotators(agreements))
    if missing:
        blocks.append([f"{middle(each.name, 40)}: not compared, {each.reason}" for each in missing])
    compared = f"{plural(len(agreements), 'picture')} compared, {len(missing)} not"
    return "\n\n".join("\n".join(block) for block in [*blocks, [compared]])


def values(agreements: Sequence[Agreement], missing: Sequence[NotCompared], settings: AgreeSettings) -> dict[str, Any]:
    """Plain values; an infinite PSNR (equal frames) is the text "inf", what was not measured is null."""
    whole = overall(agreements)
    plain: dict[str, Any] = _finite(
        {
            "settings": asdict(settings),
            "pictures": [_values(each) for each in agreements],
            "pairs": [{"annotators": list(pair), **asdict(summary)} for pair, summary in by_pair(agreements).items()],
            "annotators": [
                {"annotator": name, **asdict(summary)} for name, summary in by_annotator(agreements).items()
            ],
            "overall": asdict(whole) if whole else None,
            "not_compared": [asdict(each) for each in missing],
        }
    )
    return plain


def _pictures(agreements: Sequence[Agreement], settings: AgreeSettings) -> list[str]:
    margin = f"±{settings.margin} px"
    head = (
        "picture",
        "first",
        "second",
        "IoU",
        "F",
        "within",
        "PSNRw 1",
        "PSNRw 2",
        "differ",
        margin,
        "SSIMw 1",
        "SSIMw 2",
        "",
    )
    rows = [head, *(_row(each) for each in sorted(agreements, key=lambda each: each.iou))]
    return aligned(rows, range(3, 12))


def _row(agreement: Agreement) -> tuple[str, ...]:
    psnr = [each.mask for each in agreement.psnr] if agreement.psnr else [None, None]
    ssim = [each.mask for each in agreement.ssim] if agreement.ssim else [None, None]
    return (
        middle(agreement.name, 40),
        *(middle(name, 20) for name in agreement.annotators),
        f"{agreement.iou:.3f}",
        f"{agreement.boundary_f:.3f}",
        f"{agreement.tolerance} px",
        *(_number(value, 2) for value in psnr),
        _number(agreement.psnr_difference, 2, signed=True),
        _number(agreement.psnr_swing, 2),
        *(_number(value, 4) for value in ssim),
        agreement.note,
    )


def _annotators(agreements: Sequence[Agreement]) -> list[str]:
    head = ("annotators", "pictures", "IoU", "least", "F", "differ", "swing", "marks more by", "bias")
    rows = [_summary(" – ".join(pair), summary) for pair, summary in by_pair(agreements).items()]
    rows += [_summary(name, summary) for name, summary in by_annotator(agreements).items()]
    whole = overall(agreements)
    if whole is not None:
        rows.append((*_summary("all", whole)[:-2], "", ""))  # who is first is chance, over all
    return aligned([head, *rows], range(1, len(head)))


def _summary(name: str, summary: Summary) -> tuple[str, ...]:
    return (
        name,
        str(summary.pictures),
        f"{summary.iou:.3f}",
        f"{summary.least_iou:.3f}",
        f"{summary.boundary_f:.3f}",
        _number(summary.psnr, 2, unit=" dB"),
        _number(summary.swing, 2, unit=" dB"),
        f"{summary.tendency:+.1%}",
        _number(summary.bias, 2, signed=True, unit=" dB"),
    )


def _number(value: float | None, digits: int, signed: bool = False, unit: str = "") -> str:
    if value is None:
        return "–"
    return f"{value:{'+' if signed else ''}.{digits}f}{unit}" if math.isfinite(value) else "∞"


def _values(agreement: Agreement) -> dict[str, Any]:
    differences = {
        "psnr_difference": agreement.psnr_difference,
        "ssim_difference": agreement.ssim_difference,
        "psnr_swing": agreement.psnr_swing,
    }
    return {**asdict(agreement), **differences}


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    if isinstance(value, float):
        return round(value, 6) if math.isfinite(value) else str(value)
    return value
