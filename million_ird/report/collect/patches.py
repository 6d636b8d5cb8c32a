"""What the report remembers of the patch rows."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from million_ird.report.collect.distributions import ScreenCounts
from million_ird.report.collect.sheets import Sheets
from million_ird.report.columns import flags, integers, keys, strings
from million_ird.report.inputs import ReportScreen
from million_ird.report.tally import Tally

Bools = npt.NDArray[np.bool_]


class PatchCounts:
    """Counts, reasons, tables, distributions and contact sheets of the patch table."""

    def __init__(self, screens: tuple[ReportScreen, ...]) -> None:
        self.candidates = 0
        self.kept = 0
        self.images = 0
        """Images with at least one candidate patch."""
        self.images_kept = 0
        """Images with at least one kept patch."""
        self.sums = {"pixels": 0, "size": 0}
        self.reasons = Tally(("step", "reason"), ("patches",))
        self.licenses = Tally(("license",), ("patches", "size"))
        self.sources = Tally(("source",), ("patches", "size"))
        self.encodings = Tally(("encoding", "lossless"), ("candidates", "patches", "size"))
        self.shards = Tally(("tar",), ("patches", "size"))
        self.screens = ScreenCounts(screens)
        self.sheets = Sheets(screens)
        self._last = b""
        self._last_kept = False

    def add(self, batch: pa.RecordBatch) -> None:
        """Count the rows of one batch of `records.patch_schema`."""
        kept = flags(batch, "kept", "patches")
        self.candidates += batch.num_rows
        self.kept += int(np.count_nonzero(kept))
        self._count_images(keys(batch, "image_key", "patches"), kept)
        self._count_tables(batch, kept)
        columns = self.screens.add(batch, np.ones(batch.num_rows, np.bool_), kept)
        self.sheets.add(batch, kept, ~kept, columns, "patches")

    def _count_images(self, image: npt.NDArray[np.bytes_], kept: Bools) -> None:
        """Count runs of one image key; the rows of an image lie next to each other, across batches too."""
        starts = np.flatnonzero(np.concatenate([[True], image[1:] != image[:-1]]))
        any_kept = np.logical_or.reduceat(kept, starts)
        goes_on = bool(self.images) and image[0] == self._last
        self.images += starts.size - goes_on
        self.images_kept += int(np.count_nonzero(any_kept)) - int(goes_on and self._last_kept and bool(any_kept[0]))
        carried = goes_on and starts.size == 1 and self._last_kept
        self._last, self._last_kept = bytes(image[-1]), bool(any_kept[-1]) or carried

    def _count_tables(self, batch: pa.RecordBatch, kept: Bools) -> None:
        size = np.where(kept, integers(batch, "size"), 0)
        area = integers(batch, "width") * integers(batch, "height")
        self.sums["pixels"] += int(area[kept].sum())
        self.sums["size"] += int(size.sum())
        ones = np.ones(batch.num_rows, np.int64)
        sums = {"candidates": ones, "patches": kept.astype(np.int64), "size": size}
        for name, tally in (("license", self.licenses), ("source", self.sources)):
            tally.add(pa.table({name: strings(batch, name), **sums}))
        self.encodings.add(
            pa.table({"encoding": strings(batch, "encoding"), "lossless": strings(batch, "lossless"), **sums})
        )
        self.shards.add(pa.table({"tar": strings(batch, "tar"), **sums}).filter(pa.array(kept)))
        steps = strings(batch, "step")
        rejected = ~kept | np.array([bool(step) for step in steps.to_pylist()], np.bool_)
        table = pa.table({"step": steps, "reason": strings(batch, "reason"), "patches": ones})
        self.reasons.add(table.filter(pa.array(rejected)))
