"""The funnel from manifest rows to patches, and the proof that no row is unaccounted for."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from million_ird.errors import DatasetError
from million_ird.report.collect import Collected
from million_ird.report.collect.duplicates import KINDS
from million_ird.report.tally import Tally

REPEATS = {
    "benchmark": "benchmark_picture",
    "bytes": "same_bytes",
    "pixels": "same_pixels",
    "near": "near_duplicate",
    "crop": "crop_of_another",
}
"""Reasons of the step `deduplicate`, by the kind of match."""
MEANINGS = {
    "benchmark_picture": "it shows a picture of a test set",
    "same_bytes": "the same file as one that stays",
    "same_pixels": "the same pixels as one that stays, in another file",
    "near_duplicate": "re-encoded, resized, mirrored, turned or trimmed from one that stays",
    "crop_of_another": "cropped from one that stays, or the other way round",
    "no_whole_patch": "smaller than one patch, or never cut",
}
"""What the reasons given here tell a person."""


@dataclass(frozen=True, slots=True)
class Stage:
    """How many came this far, and why some of them went no further."""

    name: str
    label: str
    unit: str
    """What is counted: rows, images or patches."""
    count: int
    drops: tuple[tuple[str, int], ...] = ()
    """(reason, number) of what did not reach the next stage of the same unit, the largest first."""

    @property
    def dropped(self) -> int:
        """All drops together."""
        return sum(number for _, number in self.drops)


def funnel(collected: Collected, manifest_rows: int | None = None) -> tuple[Stage, ...]:
    """The stages in their order. Counts and drops are counted apart from each other, so that `balance` can fail."""
    sources, images, patches = collected.sources, collected.images, collected.patches
    stages, kinds = images.stages, (*(REPEATS[kind] for kind in KINDS), "unknown_kind")
    planned = manifest_rows if manifest_rows is not None else sources.rows + stages["planned"]
    repeated = _sorted([(kind, number) for kind, number in zip(kinds, images.kinds, strict=True) if number])
    uncut = stages["unique"] - patches.images
    return (
        Stage("rows", "Rows of the manifests", "rows", planned, _drops(sources.reasons, "rows")),
        Stage(
            "planned", "Distinct images planned", "images", stages["planned"], _steps(images.reasons, "plan", "fetch")
        ),
        Stage("fetched", "Fetched", "images", stages["fetched"], _steps(images.reasons, "decode")),
        Stage("decoded", "Decoded in full", "images", stages["decoded"], _steps(images.reasons, "screen")),
        Stage("screened", "Kept by the screens", "images", stages["screened"], repeated),
        Stage(
            "unique", "Unique, in no benchmark", "images", stages["unique"], (("no_whole_patch", uncut),) * (uncut > 0)
        ),
        Stage("cut", "With room for a patch", "images", patches.images),
        Stage("candidates", "Candidate patches", "patches", patches.candidates, _drops(patches.reasons, "patches")),
        Stage("patches", "Patches kept", "patches", patches.kept),
    )


def balance(stages: tuple[Stage, ...]) -> None:
    """Check that at every step what came in is what went on plus what was dropped, and that no count is negative.

    Raises:
        DatasetError: the first step that does not balance, with its three numbers.
    """
    for before, after in pairwise(stages):
        comparable = before.unit == after.unit or before.unit == "rows"
        if comparable and before.count != after.count + before.dropped:
            raise DatasetError(
                f"the rows do not balance between '{before.name}' and '{after.name}': {before.count:,} came in, "
                f"{after.count:,} went on and {before.dropped:,} were rejected; run `million-ird verify`"
            )
        if after.count < 0 or any(number < 0 for _, number in after.drops):
            raise DatasetError(f"the count of '{after.name}' is negative")


def check_rows(collected: Collected) -> None:
    """Check what no count of the funnel shows: steps that do not exist, duplicates of images that do not.

    Raises:
        DatasetError: which rows contradict the format.
    """
    known = {"plan", "fetch", "decode", "screen"}
    for row in collected.images.reasons.table().to_pylist():
        if row["step"] not in known or not row["reason"]:
            raise DatasetError(
                f"{row['images']:,} image rows were dropped at step {row['step'][:40]!r} for reason "
                f"{row['reason'][:40]!r}: an image row names plan, fetch, decode or screen, and a reason"
            )
    for row in collected.patches.reasons.table().to_pylist():
        if not row["step"] or not row["reason"]:
            raise DatasetError(f"{row['patches']:,} patch rows were dropped without a step or without a reason")
    strangers = collected.duplicates.dropped - collected.images.dropped_seen
    if strangers:
        raise DatasetError(f"step 'deduplicate' names {strangers:,} images that the image table does not hold once")
    if collected.patches.images > collected.images.stages["unique"]:
        raise DatasetError(
            f"step 'cut' has patches of {collected.patches.images:,} images, but only "
            f"{collected.images.stages['unique']:,} are kept and unique"
        )


def _drops(reasons: Tally, column: str) -> tuple[tuple[str, int], ...]:
    return _merged([(row["reason"], row[column]) for row in reasons.table().to_pylist()])


def _steps(reasons: Tally, *steps: str) -> tuple[tuple[str, int], ...]:
    rows = reasons.table().to_pylist()
    return _merged([(row["reason"], row["images"]) for row in rows if row["step"] in steps])


def _merged(pairs: list[tuple[str, int]]) -> tuple[tuple[str, int], ...]:
    sums: dict[str, int] = {}
    for reason, number in pairs:
        sums[reason] = sums.get(reason, 0) + number
    return _sorted(list(sums.items()))


def _sorted(pairs: list[tuple[str, int]]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(pairs, key=lambda pair: (-pair[1], pair[0])))
