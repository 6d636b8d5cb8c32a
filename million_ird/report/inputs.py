"""What a report is made from, and what it says back."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from million_ird.records import FORMAT_VERSION


@dataclass(frozen=True, slots=True)
class ReportScreen:
    """A measured column of the image or patch table, and the interval that the recipe judged it by."""

    name: str
    """Column name."""
    unit: str = ""
    """Unit for a person, "" for a pure number."""
    low: float | None = None
    """Smallest accepted value; None = not judged from below."""
    high: float | None = None
    """Largest accepted value; None = not judged from above."""
    meaning: str = ""
    """One line: what the number says and which end is good."""
    low_reason: str = ""
    """Reason of a row below `low`; "" stands for `<name>_low`."""
    high_reason: str = ""
    """Reason of a row above `high`; "" stands for `<name>_high`."""

    def __post_init__(self) -> None:
        """An infinite bound judges nothing, so it is none; reasons get their usual names."""
        for end in ("low", "high"):
            bound = getattr(self, end)
            if bound is not None and not math.isfinite(bound):
                object.__setattr__(self, end, None)
            if not getattr(self, f"{end}_reason"):
                object.__setattr__(self, f"{end}_reason", f"{self.name}_{end}")

    @property
    def bounds(self) -> tuple[tuple[str, float], ...]:
        """(reason, threshold) of every end that is judged."""
        ends = ((self.low_reason, self.low), (self.high_reason, self.high))
        return tuple((reason, bound) for reason, bound in ends if bound is not None)


@dataclass(frozen=True, slots=True)
class StepLog:
    """What the log knows about one step; 0 = not recorded. Sums over all attempts and workers."""

    step: str
    seconds: float = 0.0
    """Wall-clock seconds from the step's first start to its last end."""
    cpu_seconds: float = 0.0
    items: int = 0
    """Images or patches that went through."""
    bytes_read: int = 0
    bytes_written: int = 0


@dataclass(frozen=True, slots=True)
class HostErrors:
    """Failed attempts at one host, also those that a later attempt made good."""

    host: str
    error: str
    attempts: int


@dataclass(frozen=True, slots=True)
class LogSummary:
    """Times and attempts: the only part of a report that two equal builds do not share."""

    steps: tuple[StepLog, ...] = ()
    host_errors: tuple[HostErrors, ...] = ()


@dataclass(frozen=True, slots=True)
class ReportInputs:
    """Everything a report reads. Each table is read once, from front to back, one record batch at a time."""

    name: str
    """Name of the dataset."""
    recipe_name: str
    fingerprint: str
    """Fingerprint of the resolved recipe."""
    recipe: Mapping[str, object]
    """The resolved recipe, as nested sections."""
    images: Iterable[pa.RecordBatch]
    """Rows of `records.image_schema`, every planned image once, as the screens judged them."""
    patches: Iterable[pa.RecordBatch]
    """Rows of `records.patch_schema`, the rows of one image next to each other."""
    rejected_sources: Iterable[pa.RecordBatch] = ()
    """Rows of `records.REJECTED_SOURCE_SCHEMA`."""
    duplicates: Iterable[pa.RecordBatch] = ()
    """Rows of `records.DUPLICATE_SCHEMA`. A row whose key is its own keeper drops nothing."""
    image_screens: tuple[ReportScreen, ...] = ()
    patch_screens: tuple[ReportScreen, ...] = ()
    """Patch screens, `flat_fraction` among them."""
    manifest_rows: int | None = None
    """Rows the plan read, if it counted them: then the funnel checks planned + rejected against it."""
    transient_reasons: frozenset[str] = frozenset()
    """Reasons of the fetch step that a later try may cure."""
    meanings: Mapping[str, str] = field(default_factory=dict)
    """Reason → what it tells a person, one line; a reason that is not named stands for itself."""
    log: LogSummary | None = None
    description: str = "Clean, high-resolution photographs for image restoration research."
    """What the dataset is, in one sentence."""
    format_version: str = field(default=FORMAT_VERSION)


@dataclass(frozen=True, slots=True)
class ReportSummary:
    """The headline of a written report, for the last lines of a build."""

    page: str
    """File name of the page inside the report's folder."""
    files: tuple[str, ...]
    """All files written, relative to the report's folder, sorted."""
    manifest_rows: int
    images: int
    """Images that stay: kept by the screens, unique, in no benchmark."""
    patches: int
    """Patches kept."""
    patch_bytes: int
