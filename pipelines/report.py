"""Writes the report from what the steps left behind: rows, markers and the log."""

from __future__ import annotations

import json
from collections import Counter

from million_ird.dataset import Dataset
from million_ird.errors import DatasetError
from million_ird.layout import LOG, REPORT, sources_marker
from million_ird.markers import read_marker
from million_ird.report import ReportInputs, ReportSummary, write_report
from million_ird.report.inputs import LogSummary, ReportScreen, StepLog
from million_ird.screens import SCREENS, Interval, Screen
from pipelines.generations import RETRIED_REASONS
from pipelines.http.reasons import MEANING
from pipelines.recipe import recipe_from_dict

_FLAT = "Share of 8×8 cells whose luma hardly varies (docs/flatness.md)."


def report(dataset: Dataset) -> ReportSummary:
    """Writes `report/` of a dataset anew; returns its headline."""
    store = dataset.store
    with store.spool() as spool:
        summary = write_report(_inputs(dataset), spool)
        for name in summary.files:
            store.put_file(spool / name, f"{REPORT}/{name}")
    return summary


def _inputs(dataset: Dataset) -> ReportInputs:
    recipe = recipe_from_dict(dataset.recipe)
    known = {screen.name: screen for screen in SCREENS}
    screens = tuple(
        _screen(name, known.get(name), recipe.screens.intervals.get(name)) for name in recipe.screens.columns()
    )
    limit = recipe.patches.max_flat_fraction
    flat = ReportScreen("flat_fraction", "share of cells", high=limit, high_reason="flat", meaning=_FLAT)
    return ReportInputs(
        name=dataset.info["name"],
        recipe_name=recipe.name,
        fingerprint=dataset.info["fingerprint"],
        recipe=dataset.recipe,
        images=dataset.image_rows(),
        patches=dataset.patch_rows(),
        rejected_sources=dataset.rejected_sources(),
        duplicates=dataset.duplicate_rows(),
        image_screens=screens,
        patch_screens=(flat,),
        manifest_rows=_manifest_rows(dataset),
        transient_reasons=RETRIED_REASONS,
        meanings={reason.value: meaning for reason, meaning in MEANING.items()},
        log=_log(dataset),
    )


def _screen(name: str, screen: Screen | None, interval: Interval | None) -> ReportScreen:
    """A column as the report shows it; a learned score has no entry in our table."""
    low, high = interval or (None, None)
    if screen is None:
        return ReportScreen(name, "", low, high, "A learned score.")
    return ReportScreen(name, screen.unit, low, high, f"Measured on {screen.measured_on}.")


def _manifest_rows(dataset: Dataset) -> int:
    markers = [read_marker(dataset.store, sources_marker(generation)) for generation in dataset.generations()]
    return sum(marker.counts["rows"] for marker in markers if marker is not None)


def _log(dataset: Dataset) -> LogSummary:
    """Seconds and bytes of the finished units, summed; a unit that was attempted twice counts its last attempt."""
    steps = []
    for step, items in (("fetch", "fetched"), ("cut", "kept")):
        totals: Counter[str] = Counter()
        for name in dataset.store.list(f"{LOG}/{step}"):
            try:
                entry = json.loads(dataset.store.read(name))
            except ValueError as error:
                path = dataset.store.path(name)
                raise DatasetError(f"{path} is damaged: remove it, as a report needs no log") from error
            totals.update({key: entry.get(key, 0) for key in ("seconds", "bytes", items)})
        if totals:
            written = totals["bytes"]
            steps.append(StepLog(step, seconds=totals["seconds"], items=totals[items], bytes_written=written))
    return LogSummary(tuple(steps))
