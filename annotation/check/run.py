"""Runs all rules over subjects, one at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from annotation.check.finding import Checked, Finding, Pixels, Subject
from annotation.check.overrides import Overrides
from annotation.check.polarity import agreement
from annotation.check.rules import WHOLE_SET, judge_mask, judge_polarity, judge_set, no_subject
from annotation.check.settings import CheckSettings
from annotation.overlay import draw_over
from million_ird.errors import MillionIrdError
from million_ird.pixels import encode_thumbnail
from million_ird.progress import Progress

_THUMBNAIL = 360
"""Longer side of an offender's picture."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Everything that a check found."""

    place: str
    checked: tuple[Checked, ...]
    left_out: dict[str, int]
    """What was not looked at, and how many."""

    @property
    def masks(self) -> int:
        return sum(1 for each in self.checked if each.subject.counts)

    def number(self, severity: str) -> int:
        """Findings of a severity, `accepted` ones apart."""
        findings = [finding for each in self.checked for finding in each.findings]
        if severity == "accepted":
            return sum(1 for finding in findings if finding.accepted)
        return sum(1 for finding in findings if finding.severity == severity and not finding.accepted)

    def has_failed(self, strict: bool) -> bool:
        """Whether a continuous integration should stop."""
        return self.number("error") > 0 or (strict and self.number("warning") > 0)


def check(
    place: str,
    subjects: Iterable[Subject],
    overrides: Overrides,
    settings: CheckSettings,
    pictures: bool = True,
    thumbnails: bool = False,
    progress: Progress | None = None,
) -> Outcome:
    """Checks every subject.

    Args:
        place: what was checked, for the reader.
        subjects: from `projects` or `folders`.
        overrides: what was accepted.
        settings: thresholds.
        pictures: also look at the pictures, for the polarity.
        thumbnails: draw offenders.
        progress: told of every subject.
    """
    checked = []
    for subject in subjects:
        checked.append(check_one(subject, overrides, settings, pictures, thumbnails))
        if progress is not None and subject.counts:
            progress.advance({})
    whole = tuple(_accepted(no_subject(WHOLE_SET), judge_set(checked, settings), overrides))
    if whole:
        checked.append(Checked(no_subject(WHOLE_SET), whole))
    return Outcome(place, tuple(checked), {})


def check_one(
    subject: Subject, overrides: Overrides, settings: CheckSettings, pictures: bool, thumbnails: bool
) -> Checked:
    """Checks one mask; the arguments are those of `check`."""
    found = list(subject.found)
    mask, polarity, blurred = subject.mask, None, None
    if mask is not None:
        found += judge_mask(mask, settings, subject.reason)
    fits = mask is not None and subject.size == (mask.shape[1], mask.shape[0])
    if pictures and subject.blurred is not None:
        try:
            blurred = subject.blurred()
            if mask is not None and fits and mask.any() and not mask.all():
                polarity = _polarity(subject, blurred, settings, found)
        except MillionIrdError as error:
            found.append(Finding("picture", "error", str(error)))
    findings = tuple(_accepted(subject, found, overrides))
    is_offender = any(not finding.accepted for finding in findings)
    marks = [place for finding in findings if not finding.accepted for place in finding.at]
    drawn = _thumbnail(subject, blurred if fits else None, marks) if thumbnails and is_offender else None
    return Checked(_without_pixels(subject), findings, polarity, drawn)


def _polarity(subject: Subject, blurred: Pixels, settings: CheckSettings, found: list[Finding]) -> float | None:
    assert subject.mask is not None
    sharp = subject.sharp() if subject.sharp is not None else None
    value = agreement(subject.mask, blurred, sharp)
    found += judge_polarity(value, sharp is not None, settings)
    return value


def _accepted(subject: Subject, found: Iterable[Finding], overrides: Overrides) -> Iterator[Finding]:
    for finding in found:
        reason = "" if finding.accepted else overrides.reason(subject, finding.rule)
        yield finding.accepted_as(reason) if reason else finding


def _thumbnail(subject: Subject, blurred: Pixels | None, marks: Sequence[tuple[int, int]]) -> bytes | None:
    """The picture with the mask drawn over it; the mask alone where the picture is not to be had or does not fit."""
    if subject.mask is None:
        return None
    if blurred is None:
        return encode_thumbnail(np.repeat(subject.mask[..., None], 3, axis=2).astype(np.uint8) * 255, _THUMBNAIL)
    return encode_thumbnail(draw_over(blurred, subject.mask, _THUMBNAIL, marks), _THUMBNAIL)


def _without_pixels(subject: Subject) -> Subject:
    """What is kept of a subject: not its mask, or memory would grow with the set."""
    return replace(subject, mask=None, blurred=None, sharp=None)
