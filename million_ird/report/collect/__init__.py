"""One pass over the rows of a dataset into counts of bounded size."""

from __future__ import annotations

from dataclasses import dataclass

from million_ird.report.collect.duplicates import DuplicateCounts
from million_ird.report.collect.images import ImageCounts
from million_ird.report.collect.patches import PatchCounts
from million_ird.report.collect.sources import SourceCounts
from million_ird.report.columns import slices
from million_ird.report.inputs import ReportInputs


@dataclass(frozen=True, slots=True)
class Collected:
    """Everything the report knows, after the pass."""

    sources: SourceCounts
    duplicates: DuplicateCounts
    images: ImageCounts
    patches: PatchCounts


def collect(inputs: ReportInputs) -> Collected:
    """Read every table once: rejected manifest rows, duplicates, images, patches.

    Raises:
        DatasetError: a table lacks a column the report cannot do without.
    """
    sources, duplicates = SourceCounts(), DuplicateCounts()
    for batch in slices(inputs.rejected_sources):
        sources.add(batch)
    for batch in slices(inputs.duplicates):
        duplicates.add(batch)
    duplicates.close()
    images = ImageCounts(inputs.image_screens, duplicates, inputs.transient_reasons)
    for batch in slices(inputs.images):
        images.add(batch)
    patches = PatchCounts(inputs.patch_screens)
    for batch in slices(inputs.patches):
        patches.add(batch)
    return Collected(sources, duplicates, images, patches)
