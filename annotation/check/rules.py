"""All rules, and the ones that look at a mask once it has been read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from annotation.check.finding import Checked, Finding, Severity, Subject
from annotation.check.outline import neighbour_share, roughness, spacing
from annotation.check.regions import Region, holes, specks
from annotation.check.settings import CheckSettings
from annotation.mask import Mask
from million_ird.report.words import plural, share

_MARKED = 20
"""Holes, or specks, whose places are told: the largest ones."""
WHOLE_SET = "(the whole set)"
"""What stands for the item in a finding about all of them."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What a rule is called and means."""

    name: str
    severity: Severity
    """At its worst."""
    can_be_accepted: bool
    """Whether a person may say that it is meant so; what no reader could use, no reason helps."""
    meaning: str


RULES = {
    rule.name: rule
    for rule in (
        Rule("zero_bytes", "error", False, "the file has no bytes at all"),
        Rule("undecodable", "error", False, "the file is damaged, or no picture of one channel"),
        Rule("values", "error", False, "values other than exactly 0 and 255"),
        Rule("size", "error", False, "the mask is not as large as its picture"),
        Rule("picture", "error", False, "the picture is gone, has changed or does not decode"),
        Rule("no_image", "error", False, "a mask without a picture"),
        Rule("misnamed", "error", False, "a mask whose name is nearly that of a picture without one"),
        Rule("no_mask", "warning", True, "a picture without a mask"),
        Rule("empty", "error", True, "nothing is blurred: the weighted metrics are undefined"),
        Rule("full", "error", True, "everything is blurred: nothing local about it"),
        Rule("inverted", "error", True, "the sharp part seems to be marked instead of the blurred one"),
        Rule("holes", "warning", True, "small holes"),
        Rule("specks", "warning", True, "small regions apart from the largest"),
        Rule("resampled", "warning", True, "enlarged from a smaller mask without smoothing"),
        Rule("jagged", "warning", True, "a ragged outline, as thresholds of noisy maps leave"),
    )
}
"""By name, in the order of tables."""


def judge_mask(mask: Mask, settings: CheckSettings, reason: str = "") -> Iterator[Finding]:
    """What a mask shows by itself.

    Args:
        mask: bool (H, W).
        settings: thresholds.
        reason: what the annotator said when calling it done; with one, an empty mask is accepted.
    """
    if not mask.any():
        finding = Finding("empty", "error", "nothing is blurred: draw it, skip the item, or accept it with a reason")
        yield finding.accepted_as(f"done with the reason: {reason}") if reason else finding
        return
    if mask.all():
        yield Finding("full", "error", "everything is blurred: leave the picture out of a set of local blur")
        return
    for name, find, largest in (
        ("holes", holes, settings.hole_share),
        ("specks", specks, settings.speck_share),
    ):
        yield from _small_regions(name, find, mask, largest)
    yield from _outline(mask, settings)


def judge_polarity(polarity: float | None, is_pair: bool, settings: CheckSettings) -> Iterator[Finding]:
    """Whether `polarity.agreement` calls a mask inverted."""
    limits = (
        (settings.pair_warning, settings.pair_error) if is_pair else (settings.single_warning, settings.single_error)
    )
    if polarity is None or polarity >= -limits[0]:
        return
    severity: Severity = "error" if polarity < -limits[1] else "warning"
    seen = "the frames differ more outside than inside" if is_pair else "the outside is less sharp than the inside"
    yield Finding(
        "inverted", severity, f"{seen} (agreement {polarity:+.2f} of 1): invert it, or accept it with a reason"
    )


def judge_set(checked: Sequence[Checked], settings: CheckSettings) -> Iterator[Finding]:
    """What all masks together show: each may be doubtful where the set is not."""
    known = [each.polarity for each in checked if each.polarity is not None]
    if len(known) < settings.set_least:
        return
    median = float(np.median(known))
    if median < -settings.set_median:
        text = (
            f"the median agreement of {len(known)} masks with their pictures is {median:+.2f} of 1: all seem inverted"
        )
        yield Finding("inverted", "error", f"{text}; if black is blurred in this set, invert it")


def _small_regions(
    name: str, find: Callable[[Mask, float], list[Region]], mask: Mask, largest: float
) -> Iterator[Finding]:
    regions = find(mask, largest)
    if not regions:
        return
    first, total = regions[0], share(sum(region.area for region in regions), mask.size)
    number = plural(len(regions), name.removesuffix("s"))
    text = f"{number}, the largest of {plural(first.area, 'pixel')} at {first.x}, {first.y}, {total} of the picture"
    marks = tuple((region.x, region.y) for region in regions[:_MARKED])
    yield Finding(name, "warning", f"{text}: clean it, or accept what is really so", at=marks)


def _outline(mask: Mask, settings: CheckSettings) -> Iterator[Finding]:
    together = neighbour_share(mask)
    if together is not None and together < settings.block_share:
        yield Finding("resampled", "warning", f"the outline steps every {spacing(mask):.3g} pixels: draw at full size")
        return
    ratio = roughness(mask)
    if ratio is not None and ratio > settings.jagged_ratio:
        yield Finding("jagged", "warning", f"the outline is {ratio:.2f} times as long as smoothed: smooth or redraw it")


def by_weight(checked: Checked) -> tuple[int, int]:
    """Sorts offenders: most errors first, then most warnings."""
    return -checked.number("error"), -checked.number("warning")


def no_subject(name: str) -> Subject:
    """What findings about the whole set are attached to."""
    return Subject(name, "", None, None, counts=False)
