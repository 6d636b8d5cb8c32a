"""Writes a dataset's report: the page, its numbers and its charts."""

from __future__ import annotations

import re
from pathlib import Path

from million_ird.report.charts import histogram_chart, standalone
from million_ird.report.collect import collect
from million_ird.report.distributions import Distribution, distributions
from million_ird.report.document import write_document
from million_ird.report.funnel import balance, check_rows, funnel
from million_ird.report.inputs import ReportInputs, ReportSummary
from million_ird.report.page import page
from million_ird.report.stats import stats_json

_OUTSIDE = re.compile(r"[^a-z0-9_]+")


def write_report(inputs: ReportInputs, out_dir: Path) -> ReportSummary:
    """Read the tables once and write `index.html`, `stats.json` and `plots/*.svg` into `out_dir`.

    The same inputs give the same bytes, however the rows are batched; without `inputs.log` also whenever they were
    made. Memory does not grow with the number of rows, except for 25 bytes a duplicate and the text of each distinct
    host, license and reason.

    Raises:
        DatasetError: the tables contradict each other, or at some step rows are missing or counted twice.
        StoreError: `out_dir` cannot be written.
    """
    collected = collect(inputs)
    check_rows(collected)
    stages = funnel(collected, inputs.manifest_rows)
    balance(stages)
    images, patches = distributions(collected.images.screens), distributions(collected.patches.screens)
    texts = {
        "index.html": page(inputs, collected, stages, images, patches),
        "stats.json": stats_json(inputs, collected, stages, images, patches),
        **_plots("image", images),
        **_plots("patch", patches),
    }
    for name, text in texts.items():
        write_document(out_dir / name, text)
    return ReportSummary(
        page="index.html",
        files=tuple(sorted(texts)),
        manifest_rows=stages[0].count,
        images=collected.images.stages["unique"],
        patches=collected.patches.kept,
        patch_bytes=collected.patches.sums["size"],
    )


def _plots(kind: str, charts: tuple[Distribution, ...]) -> dict[str, str]:
    names = [f"plots/{kind}_{_OUTSIDE.sub('_', chart.screen.name.lower())[:80]}.svg" for chart in charts]
    return {name: standalone(histogram_chart(chart)) for name, chart in zip(names, charts, strict=True)}
