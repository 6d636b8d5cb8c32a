"""What was measured, as an aligned table for a person and as plain values for a file."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pretrain.evaluate.measure import INPUT, SetScore
from pretrain.evaluate.protocols import WEIGHTED, Protocol
from pretrain.pairs import LeftOut, left_out_lines

_DIGITS = {"psnr": 2, "ssim": 4, "psnr_y": 2, "ssim_y": 4, "psnr_w": 2, "ssim_w": 4}
_TITLES = {
    "psnr": "PSNR",
    "ssim": "SSIM",
    "psnr_y": "PSNR-Y",
    "ssim_y": "SSIM-Y",
    "psnr_w": "PSNR-w",
    "ssim_w": "SSIM-w",
}


def metrics_of(scores: Sequence[SetScore], protocol: Protocol) -> tuple[str, ...]:
    """The protocol's metrics, and the weighted ones that any picture has."""
    found = [name for name in WEIGHTED if any(score.mean(INPUT, name) is not None for score in scores)]
    return (*protocol.metrics, *found)


def rows(scores: Sequence[SetScore], restorers: Sequence[str], protocol: Protocol) -> list[dict[str, Any]]:
    """One row for each set, degradation and restorer, the input first, then the averages. A metric that no picture of a
    row has is None; a metric is averaged over rows only where all of them have it."""
    found = [
        {
            "set": score.set.name,
            "degradation": score.title,
            "variant": restorer,
            "images": len(score.images),
            **{metric: score.mean(restorer, metric) for metric in metrics_of(scores, protocol)},
        }
        for score in scores
        for restorer in (INPUT, *restorers)
    ]
    return found + [row for restorer in (INPUT, *restorers) for row in averages(scores, restorer, protocol)]


def averages(scores: Sequence[SetScore], restorer: str, protocol: Protocol) -> list[dict[str, Any]]:
    """The two averages of one restorer; none where there is only one row to average.

    `average of rows` is the published tables' (three rows of denoising, one of deraining and one of dehazing there, so
    denoising weighs three fifths); `average of tasks` first averages within each degradation.
    """
    if len(scores) < 2:
        return []
    tasks = {score.task: [other for other in scores if other.task == score.task] for score in scores}
    images = sum(len(score.images) for score in scores)

    def of_rows(chosen: Sequence[SetScore], metric: str) -> float | None:
        return _mean(score.mean(restorer, metric) for score in chosen)

    metrics = metrics_of(scores, protocol)
    by_row = {metric: of_rows(scores, metric) for metric in metrics}
    by_task = {metric: _mean(of_rows(chosen, metric) for chosen in tasks.values()) for metric in metrics}
    result = [_average("average of rows", f"{len(scores)} rows", restorer, images, by_row)]
    if len(tasks) > 1:
        result.append(_average("average of tasks", f"{len(tasks)} tasks", restorer, images, by_task))
    return result


def render(scores: Sequence[SetScore], restorers: Sequence[str], protocol: Protocol) -> str:
    """The table with notes: what the averages are, which sets are incomplete, what was left out."""
    metrics = metrics_of(scores, protocol)
    head = ["set", "degradation", "variant", "images", *(_TITLES[metric] for metric in metrics)]
    lines = [head]
    for row in rows(scores, restorers, protocol):
        cells = [str(row[name]) for name in ("set", "degradation", "variant", "images")]
        lines.append(cells + [_number(row[metric], _DIGITS[metric]) for metric in metrics])
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    table = [_aligned(line, widths) for line in lines]
    table.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join([*table, "", *_notes(scores, protocol)])


def _notes(scores: Sequence[SetScore], protocol: Protocol) -> list[str]:
    notes = [f"protocol {protocol.name}: {protocol.text}."]
    notes.append(
        f"`{INPUT}` is the degraded picture itself: what a network that changes nothing would reach."
        if protocol.scale == 1
        else f"`{INPUT}` is the small picture enlarged by bicubic interpolation."
    )
    if len(scores) > 1:
        notes.append(
            "average of rows: every row of the variant counts once, as in the published tables' average, where three "
            "noise levels weigh three fifths."
        )
    if len({score.task for score in scores}) > 1:
        notes.append("average of tasks: every kind of degradation counts once.")
    said: dict[str, set[LeftOut]] = {}
    for score in scores:
        before = said.get(score.set.name)
        expected = score.set.published_size
        if before is None and expected is not None and expected != len(score.images):
            notes.append(
                f"{score.set.name}: {len(score.images)} pictures, the published set has {expected}; "
                "not comparable with published numbers."
            )
        where = score.set.name if before is None else f"{score.set.name}, {score.title}"
        more = [file for file in score.left_out if file not in (before or ())]
        notes.extend(f"{where}: {line}" for line in left_out_lines(more))
        said.setdefault(score.set.name, set()).update(more)
    if any(metric in WEIGHTED for metric in metrics_of(scores, protocol)):
        notes.append("PSNR-w, SSIM-w: of the pixels alone that a mask calls blurred.")
        notes.extend(_without_mask(scores))
    return notes


def _without_mask(scores: Sequence[SetScore]) -> Iterator[str]:
    for score in scores:
        masked = sum(WEIGHTED[0] in image.values[INPUT] for image in score.images)
        if 0 < masked < len(score.images):
            yield f"{score.set.name}: {masked} of {len(score.images)} pictures have a mask with blur in it."


def _average(name: str, what: str, restorer: str, images: int, values: Mapping[str, float | None]) -> dict[str, Any]:
    return {"set": name, "degradation": what, "variant": restorer, "images": images, **values}


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> str:
    texts = [
        cell.ljust(width) if column < 3 else cell.rjust(width)
        for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return "  ".join(texts).rstrip()


def _number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _mean(values: Iterable[float | None]) -> float | None:
    """None where one of them is."""
    listed = list(values)
    known = [value for value in listed if value is not None]
    return math.fsum(known) / len(known) if len(known) == len(listed) else None
