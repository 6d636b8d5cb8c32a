"""What the report remembers of the manifest rows that were never planned."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from million_ird.report.columns import strings
from million_ird.report.tally import Tally


class SourceCounts:
    """Rejected manifest rows by source and reason."""

    def __init__(self) -> None:
        self.rows = 0
        self.reasons = Tally(("source", "reason"), ("rows",))

    def add(self, batch: pa.RecordBatch) -> None:
        """Count the rows of one batch of `records.REJECTED_SOURCE_SCHEMA`."""
        self.rows += batch.num_rows
        ones = pa.array(np.ones(batch.num_rows, np.int64))
        names = [strings(batch, "source"), strings(batch, "reason")]
        self.reasons.add(pa.table([*names, ones], names=["source", "reason", "rows"]))
