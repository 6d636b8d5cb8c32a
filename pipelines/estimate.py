"""What a build will take, said before it starts: rows, hosts, units, disk and time, with every assumption named."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from million_ird.patches import grid
from million_ird.store import Store
from pipelines.plan import PlanSummary, plan_sources
from pipelines.recipe import Recipe

BYTES_PER_PIXEL = 0.3
"""Of a photograph's JPEG file. Patches of camera JPEGs take 0.27 to 0.46, files shrunk for the web less."""
PIXELS = 2_000_000
"""Of an image whose manifest states no size. LAION's high-resolution part lies just above 1024²."""
FETCHED_SHARE = 0.85
"""Of URLs that still give an image; users of large lists report 70 to 94 %."""
KEPT_SHARES = (0.02, 0.5)
"""Of fetched images that the screens keep: DyNet's 2 of 100 million from an unsorted list, half of a curated one."""
PATCH_SHARE = 0.8
"""Of candidate patches that are not flat."""
CPU_S_PER_MEGAPIXEL = 0.1
"""To decode, measure and fingerprint an image on one core, all screens on."""
RESPONSE_S = 0.5
"""From request to the end of an image, per connection."""
BANDWIDTH = 100e6
"""Bytes per second of all workers together."""


@dataclass(frozen=True)
class Range:
    """A number that depends on how many images the screens will keep: from few to many."""

    low: float
    high: float


@dataclass(frozen=True)
class PlanEstimate:
    """What a plan will take. Bytes and seconds are estimates under the assumptions above; the counts are exact."""

    summary: PlanSummary
    fetched_bytes: float
    """Downloaded or read."""
    patches: Range
    patch_bytes: Range
    image_bytes: dict[str, Range]
    """Disk for images by `keep_images`: all, kept, none."""
    scratch_bytes: float
    """Most disk that spooled units need at one time."""
    seconds: float
    bound: str
    """What the time is spent waiting for."""
    workers: int


def estimate(summary: PlanSummary, recipe: Recipe) -> PlanEstimate:
    """What the plan will take with this recipe on this machine (or `execution.workers` workers)."""
    pixels = summary.sized_pixels / summary.sized_rows if summary.sized_rows else PIXELS
    remote = summary.planned - summary.local_rows
    images = remote * FETCHED_SHARE + summary.local_rows
    fetched_bytes = images * pixels * BYTES_PER_PIXEL
    kept = Range(*(images * share for share in KEPT_SHARES))
    width = round((pixels * 4 / 3) ** 0.5)
    per_image = len(grid(width, round(pixels / width), recipe.patches)) * PATCH_SHARE if width else 0.0
    patches = Range(kept.low * per_image, kept.high * per_image)
    patch_bytes = recipe.patches.size**2 * BYTES_PER_PIXEL
    workers = recipe.execution.workers or os.cpu_count() or 1
    seconds, bound = _time(summary, recipe, images * pixels, fetched_bytes, workers)
    kept_bytes = Range(*(fetched_bytes * share for share in KEPT_SHARES))
    return PlanEstimate(
        summary=summary,
        fetched_bytes=fetched_bytes,
        patches=patches,
        patch_bytes=Range(patches.low * patch_bytes, patches.high * patch_bytes),
        image_bytes={"all": Range(fetched_bytes, fetched_bytes), "kept": kept_bytes, "none": Range(0.0, 0.0)},
        scratch_bytes=min(workers * summary.unit_rows, summary.planned) * pixels * BYTES_PER_PIXEL,
        seconds=seconds,
        bound=bound,
        workers=workers,
    )


def describe_plan(recipe: Recipe, store: Store) -> str:
    """Plans the recipe's manifests in a scratch folder, writes nothing to the store, and says what a build would do."""
    with tempfile.TemporaryDirectory(prefix="million-ird-plan-") as name:
        out, spill = Path(name, "plan"), Path(name, "spill")
        out.mkdir()
        spill.mkdir()
        summary = plan_sources(recipe.manifest, recipe.plan, out, spill, memory_gb=recipe.execution.spill_gb)
    return f"{recipe.name} → {store.url}\n\n{to_text(estimate(summary, recipe), recipe)}"


def to_text(plan: PlanEstimate, recipe: Recipe) -> str:
    """The estimate as a person wants to read it."""
    summary = plan.summary
    lines = [("rows", f"{summary.rows:,}, of which {summary.planned:,} will be fetched{_refused(summary)}")]
    if len(summary.sources) > 1:
        lines += [("", f"{rows:,} from {name}") for name, rows in summary.sources.items()]
    lines += [("hosts", _hosts(summary))]
    lines += [("units", f"{summary.units:,} of about {summary.unit_rows:,} rows, {plan.workers} at a time")]
    lines += [
        ("images", f"{_bytes(plan.fetched_bytes)} to {'download' if summary.hosts else 'read'}, {_sizes(summary)}")
    ]
    lines += [
        ("patches", f"{_span(plan.patches)} of {recipe.patches.size}², in {_byte_span(plan.patch_bytes)} of shards")
    ]
    lines += [("disk", _disk(plan, recipe))]
    lines += [
        ("", f"images.keep_images = {choice!r}: {_byte_span(size)}{_chosen(choice, recipe)}")
        for choice, size in plan.image_bytes.items()
    ]
    lines += [("time", f"about {_duration(plan.seconds)}, bound by {plan.bound}")]
    lines += [("assumed", _assumptions())]
    return "\n".join(f"{label:<10}{text}" for label, text in lines)


def _time(summary: PlanSummary, recipe: Recipe, pixels: float, nbytes: float, workers: int) -> tuple[float, str]:
    """The longest of the times that bound a build, and its name."""
    remote = summary.planned - summary.local_rows
    per_request = max(recipe.fetch.per_host_interval_s, RESPONSE_S / recipe.fetch.per_host_connections)
    bounds = {
        "computing": pixels / 1e6 * CPU_S_PER_MEGAPIXEL / workers,
        "open connections": remote * RESPONSE_S / (recipe.fetch.connections * workers),
        "bandwidth": nbytes / BANDWIDTH if remote else 0.0,
        f"the limit for {summary.largest_host}": summary.largest_host_rows * per_request,
    }
    slowest = max(bounds, key=lambda name: bounds[name])
    return bounds[slowest], slowest


def _refused(summary: PlanSummary) -> str:
    if not summary.rejected:
        return ""
    return "; the others: " + ", ".join(f"{count:,} {reason}" for reason, count in summary.rejected.items())


def _hosts(summary: PlanSummary) -> str:
    if not summary.hosts:
        return "none: all images are local"
    share = summary.largest_host_rows / max(1, summary.planned)
    largest = f"the largest is {summary.largest_host} with {summary.largest_host_rows:,} rows ({share:.1%})"
    return f"{summary.hosts:,}, {summary.shared_hosts:,} of them in several units; {largest}"


def _sizes(summary: PlanSummary) -> str:
    if not summary.sized_rows:
        return f"taking {PIXELS / 1e6:g} megapixels for each, as the manifest states no sizes"
    mean = summary.sized_pixels / summary.sized_rows / 1e6
    return f"{mean:.1f} megapixels on average by the {summary.sized_rows:,} rows that state their size"


def _disk(plan: PlanEstimate, recipe: Recipe) -> str:
    images = plan.image_bytes[recipe.images.keep_images]
    total = Range(images.low + plan.patch_bytes.low, images.high + plan.patch_bytes.high)
    return f"{_byte_span(total)} in all, and up to {_bytes(plan.scratch_bytes)} of scratch while it runs"


def _chosen(choice: str, recipe: Recipe) -> str:
    return "  ← this recipe" if choice == recipe.images.keep_images else ""


def _assumptions() -> str:
    low, high = KEPT_SHARES
    return (
        f"{FETCHED_SHARE:.0%} of URLs alive, {low:.0%} to {high:.0%} of images kept, {BYTES_PER_PIXEL} bytes per pixel,"
        f" {CPU_S_PER_MEGAPIXEL} s of one core per megapixel, {RESPONSE_S} s per request,"
        f" {BANDWIDTH / 1e6:.0f} MB/s in all"
    )


def _span(numbers: Range) -> str:
    return f"{numbers.low:,.0f} to {numbers.high:,.0f}"


def _byte_span(sizes: Range) -> str:
    return _bytes(sizes.low) if sizes.low == sizes.high else f"{_bytes(sizes.low)} to {_bytes(sizes.high)}"


def _bytes(size: float) -> str:
    for unit in ("B", "KB", "MB", "GB", "TB"):
        if size < 999.5 or unit == "TB":
            return f"{size:,.0f} {unit}" if size >= 10 or unit == "B" or not size else f"{size:.1f} {unit}"
        size /= 1000
    raise AssertionError


def _duration(seconds: float) -> str:
    for unit, length, until in (("s", 1, 100), ("min", 60, 100 * 60), ("h", 3600, 72 * 3600)):
        if seconds < until:
            return f"{max(1, round(seconds / length))} {unit}"
    return f"{seconds / 86400:,.0f} days"
