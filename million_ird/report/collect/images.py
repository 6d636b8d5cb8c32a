"""What the report remembers of the image rows."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from million_ird.report.collect.distributions import ScreenCounts
from million_ird.report.collect.duplicates import KINDS, DuplicateCounts
from million_ird.report.collect.sheets import Sheets
from million_ird.report.columns import flags, integers, keys, strings
from million_ird.report.inputs import ReportScreen
from million_ird.report.tally import Tally

STEPS = ("plan", "fetch", "decode", "screen")
"""The steps that may have rejected an image row, in their order."""
_STAGES = ("planned", "fetched", "decoded", "screened", "unique")
_SUMS = (*_STAGES, "pixels", "nbytes")
Bools = npt.NDArray[np.bool_]


class ImageCounts:
    """Stages, reasons, failures, tables, distributions and contact sheets of the image table."""

    def __init__(
        self, screens: tuple[ReportScreen, ...], duplicates: DuplicateCounts, transient: frozenset[str]
    ) -> None:
        self.stages = dict.fromkeys(_STAGES, 0)
        self.sums = {"pixels": 0, "nbytes": 0, "fetched_nbytes": 0, "stored_nbytes": 0}
        self.reasons = Tally(("step", "reason"), ("images",))
        self.failures = Tally(("host", "reason"), ("images", "transient"))
        self.licenses = Tally(("license",), _SUMS)
        self.sources = Tally(("source",), _SUMS)
        self.formats = Tally(
            ("format", "colour_space", "depth", "sampling"), ("fetched", "screened", "unique", "nbytes")
        )
        self.kinds = [0] * (len(KINDS) + 1)
        self.dropped_seen = 0
        """Image rows, kept by the screens or not, that the duplicates table drops."""
        self.screens = ScreenCounts(screens)
        self.sheets = Sheets(screens)
        self._duplicates = duplicates
        self._transient = transient

    def add(self, batch: pa.RecordBatch) -> None:
        """Count the rows of one batch of `records.image_schema`."""
        kept = flags(batch, "kept", "images")
        steps = strings(batch, "step").to_pylist()
        rank = np.array([STEPS.index(step) if step in STEPS else -1 for step in steps])
        kind = self._duplicates.kind_of(keys(batch, "key", "images"))
        stage = {
            "planned": np.ones(batch.num_rows, np.bool_),
            "fetched": kept | (rank > STEPS.index("fetch")),
            "decoded": kept | (rank > STEPS.index("decode")),
            "screened": kept,
            "unique": kept & (kind < 0),
        }
        self._count(batch, stage, kind)
        self._count_reasons(batch, kept, steps)
        self._count_failures(batch, rank == STEPS.index("fetch"))
        self._count_tables(batch, stage)
        columns = self.screens.add(batch, stage["decoded"], kept)
        self.sheets.add(batch, stage["unique"], ~kept, columns, "images")

    def _count(self, batch: pa.RecordBatch, stage: dict[str, Bools], kind: npt.NDArray[np.int64]) -> None:
        for name, rows in stage.items():
            self.stages[name] += int(np.count_nonzero(rows))
        for place in range(len(self.kinds)):
            self.kinds[place] += int(np.count_nonzero(stage["screened"] & (kind == place)))
        self.dropped_seen += int(np.count_nonzero(kind >= 0))
        nbytes, pixels = integers(batch, "nbytes"), integers(batch, "width") * integers(batch, "height")
        stored = np.array([bool(tar) for tar in strings(batch, "tar").to_pylist()], np.bool_)
        self.sums["pixels"] += int(pixels[stage["unique"]].sum())
        self.sums["nbytes"] += int(nbytes[stage["unique"]].sum())
        self.sums["fetched_nbytes"] += int(nbytes[stage["fetched"]].sum())
        self.sums["stored_nbytes"] += int(integers(batch, "size")[stored].sum())

    def _count_reasons(self, batch: pa.RecordBatch, kept: Bools, steps: list[str]) -> None:
        rejected = ~kept | np.array([bool(step) for step in steps], np.bool_)
        ones = pa.array(np.ones(batch.num_rows, np.int64))
        table = pa.table({"step": pa.array(steps, pa.string()), "reason": strings(batch, "reason"), "images": ones})
        self.reasons.add(table.filter(pa.array(rejected)))

    def _count_failures(self, batch: pa.RecordBatch, failed: Bools) -> None:
        if not failed.any():
            return
        rows = batch.filter(pa.array(failed))
        reason = strings(rows, "reason")
        passing = np.array([name in self._transient for name in reason.to_pylist()], np.int64)
        columns = {
            "host": strings(rows, "host"),
            "reason": reason,
            "images": pa.array(np.ones(rows.num_rows, np.int64)),
            "transient": pa.array(passing),
        }
        self.failures.add(pa.table(columns))

    def _count_tables(self, batch: pa.RecordBatch, stage: dict[str, Bools]) -> None:
        stays = stage["unique"]
        sums = {name: rows.astype(np.int64) for name, rows in stage.items()}
        sums["pixels"] = np.where(stays, integers(batch, "width") * integers(batch, "height"), 0)
        sums["nbytes"] = np.where(stays, integers(batch, "nbytes"), 0)
        for name, tally in (("license", self.licenses), ("source", self.sources)):
            tally.add(pa.table({name: strings(batch, name), **sums}))
        names = {"format": strings(batch, "format"), "colour_space": strings(batch, "colour_space")}
        names["depth"] = _depths(batch)
        names["sampling"] = _samplings(batch)
        self.formats.add(pa.table({**names, **sums}).filter(pa.array(stage["fetched"])))


def _depths(batch: pa.RecordBatch) -> pa.Array:
    """Bit depth and channels in words: "3 × 8 bit", "" where unknown."""
    depth, channels = integers(batch, "bit_depth").tolist(), integers(batch, "channels").tolist()
    return pa.array([f"{c} × {d} bit" if c and d else "" for c, d in zip(channels, depth, strict=True)], pa.string())


def _samplings(batch: pa.RecordBatch) -> pa.Array:
    """Chroma sampling and scan order of a JPEG: "4:2:0 progressive", "" for other formats."""
    sampling = strings(batch, "subsampling").to_pylist()
    progressive = integers(batch, "progressive").tolist()
    return pa.array(
        [f"{s} progressive" if s and p else s for s, p in zip(sampling, progressive, strict=True)], pa.string()
    )
