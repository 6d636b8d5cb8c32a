"""Accepting a finding: only one that is really there, and only for the mask as it is now."""

from __future__ import annotations

from collections.abc import Iterable

from annotation.check.finding import Subject
from annotation.check.overrides import Overrides
from annotation.check.rules import WHOLE_SET, no_subject
from annotation.check.run import check_one
from annotation.check.settings import CheckSettings
from million_ird.errors import UsageError


def accept(
    name: str,
    rule: str,
    subjects: Iterable[Subject],
    overrides: Overrides,
    settings: CheckSettings,
    reason: str,
    annotator: str,
) -> int:
    """Accepts a rule for those masks of an item that break it; how many they are.

    Args:
        name: of the item, or `WHOLE_SET`.
        rule: its name.
        subjects: the item's masks.
        overrides: where it is written down.
        settings: thresholds.
        reason: why it is really so.
        annotator: who says so, or "".

    Raises:
        UsageError: no such item, or no mask of it breaks the rule.
    """
    if name == WHOLE_SET:
        overrides.add(no_subject(name), rule, reason, annotator)
        return 1
    seen, number = 0, 0
    for subject in subjects:
        seen += 1
        checked = check_one(subject, overrides, settings, pictures=rule == "inverted", thumbnails=False)
        if any(finding.rule == rule for finding in checked.findings):
            overrides.add(subject, rule, reason, annotator)
            number += 1
    if not number:
        raise UsageError(
            f"nothing to accept: {name!r} " + (f"does not break {rule!r}" if seen else "has no mask to check")
        )
    return number
