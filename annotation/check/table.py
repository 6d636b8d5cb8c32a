"""What a check found, as text for a person and as values for a program."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from annotation.check.finding import Checked, Finding
from annotation.check.rules import RULES, by_weight
from annotation.check.run import Outcome
from annotation.check.settings import CheckSettings
from million_ird.report.words import middle, plural


def render(outcome: Outcome, limit: int | None = 50) -> str:
    """A line for every finding, the worst masks first, and a summary.

    Args:
        outcome: of the check.
        limit: most lines of findings; the rest is counted. None for all.
    """
    lines = [
        (middle(each.subject.name, 40), _weight(finding), finding.rule, _where(each) + _text(finding))
        for each in sorted(outcome.checked, key=by_weight)
        for finding in sorted(each.findings, key=lambda finding: (bool(finding.accepted), finding.severity))
    ]
    shown = lines[:limit]
    widths = [max((len(line[column]) for line in shown), default=0) for column in range(3)]
    table = [
        "  ".join([*(text.ljust(width) for text, width in zip(line, widths, strict=False)), line[3]]) for line in shown
    ]
    if len(lines) > len(shown):
        table.append(f"… and {plural(len(lines) - len(shown), 'finding')} more: --json or --html has them all")
    return "\n".join([*table, *([""] if table else []), *_summary(outcome)])


def values(outcome: Outcome, settings: CheckSettings) -> dict[str, Any]:
    """Everything that was found: plain values, in the order in which it was looked at."""
    return {
        "place": outcome.place,
        "masks": outcome.masks,
        "errors": outcome.number("error"),
        "warnings": outcome.number("warning"),
        "accepted": outcome.number("accepted"),
        "left_out": outcome.left_out,
        "settings": asdict(settings),
        "items": [_item(each) for each in outcome.checked],
    }


def _item(checked: Checked) -> dict[str, Any]:
    subject = checked.subject
    polarity = None if checked.polarity is None else round(checked.polarity, 4)
    return {
        "name": subject.name,
        "where": subject.where,
        "layer": subject.layer,
        "annotator": subject.annotator,
        "polarity": polarity,
        "findings": [asdict(finding) for finding in checked.findings],
    }


def _summary(outcome: Outcome) -> list[str]:
    numbers = [plural(outcome.number("error"), "error"), plural(outcome.number("warning"), "warning")]
    if outcome.number("accepted"):
        numbers.append(f"{outcome.number('accepted')} accepted")
    lines = [f"{outcome.place}: {plural(outcome.masks, 'mask')} checked, {', '.join(numbers)}"]
    if outcome.left_out:
        rest = ", ".join(f"{number:,} {state.replace('_', ' ')}" for state, number in sorted(outcome.left_out.items()))
        lines.append(
            f"not looked at: {rest}"
            + (
                ""
                if "skipped" in outcome.left_out and len(outcome.left_out) == 1
                else " (--all looks at whatever was drawn)"
            )
        )
    acceptable = {finding.rule for each in outcome.checked for finding in each.findings if not finding.accepted}
    if any(RULES[rule].can_be_accepted for rule in acceptable):
        lines.append('what is really so: --accept NAME:RULE --reason "why"')
    return lines


def _weight(finding: Finding) -> str:
    return "accepted" if finding.accepted else finding.severity


def _where(checked: Checked) -> str:
    subject = checked.subject
    return f"layer {subject.layer}: " if subject.layer is not None and subject.layer > 1 else ""


def _text(finding: Finding) -> str:
    return f"{finding.text.partition(':')[0]} – {finding.accepted}" if finding.accepted else finding.text
