"""The page of a check: a table of rules, the offenders as pictures, and what was accepted."""

from __future__ import annotations

from collections import Counter

from annotation.check.finding import Checked, Finding
from annotation.check.rules import RULES, by_weight
from annotation.check.run import Outcome
from annotation.documents import document, gallery, picture, table
from million_ird.report.markup import Markup, join, tag
from million_ird.report.sections.section import Section, empty, paragraph
from million_ird.report.words import count, plural

_MOST = 400
"""Pictures on the page; about 20 kB each."""


def page(outcome: Outcome) -> str:
    """The whole HTML document."""
    errors, warnings, accepted = (outcome.number(kind) for kind in ("error", "warning", "accepted"))
    figures = (
        (count(outcome.masks), "masks checked"),
        (count(errors), "errors"),
        (count(warnings), "warnings"),
        (count(accepted), "accepted"),
    )
    lead = (
        "What is wrong with these masks, or may be. Blur is tinted orange with a white outline; yellow rings are "
        "around small holes and specks."
    )
    sections = (_rules(outcome), _offenders(outcome), *_accepted(outcome))
    return document(
        outcome.place.rstrip("/").rpartition("/")[2] or outcome.place, "Mask check", lead, figures, sections
    )


def _rules(outcome: Outcome) -> Section:
    numbers: Counter[tuple[str, str]] = Counter()
    for each in outcome.checked:
        numbers.update(
            (finding.rule, "accepted" if finding.accepted else finding.severity) for finding in each.findings
        )
    rows = [
        (
            [tag("code", rule.name), tag("span", rule.meaning, class_="note")],
            *(_number(numbers[rule.name, kind]) for kind in _KINDS),
        )
        for rule in RULES.values()
        if any(numbers[rule.name, kind] for kind in _KINDS)
    ]
    if not rows:
        return Section("rules", "Rules", empty("Nothing was found."))
    body = table("Findings by rule", ("rule", "errors", "warnings", "accepted"), rows, (1, 2, 3))
    return Section("rules", "Rules", body)


_KINDS = ("error", "warning", "accepted")


def _number(value: int) -> str:
    return count(value) if value else "–"


def _offenders(outcome: Outcome) -> Section:
    offenders = sorted(
        (each for each in outcome.checked if each.number("error") + each.number("warning")), key=by_weight
    )
    if not offenders:
        return Section("offenders", "Offenders", empty("None."))
    drawn: list[Markup] = []
    listed: list[Markup] = []
    for each in offenders:
        shown = _picture(each) if len(drawn) < _MOST else None
        (listed if shown is None else drawn).append(shown or _line(each))
    parts = [gallery(drawn)] if drawn else []
    if listed:
        parts += [tag("h3", "Without a picture"), tag("ul", listed, class_="bare")]
    return Section("offenders", "Offenders", join(parts))


def _picture(checked: Checked) -> Markup | None:
    caption = [tag("b", tag("bdi", checked.subject.name)), tag("span", tag("bdi", checked.subject.where))]
    caption += [tag("span", _text(finding)) for finding in _open(checked)]
    alternative = f"{checked.subject.name}: {'; '.join(finding.rule for finding in _open(checked))}"
    return picture(checked.thumbnail, alternative, caption, "has-error" if checked.number("error") else "")


def _line(checked: Checked) -> Markup:
    kind = "error" if checked.number("error") else "warning"
    texts = join((_text(finding) for finding in _open(checked)), "; ")
    return tag(
        "li", tag("span", kind, class_=f"weight has-{kind}"), tag("b", tag("bdi", checked.subject.name)), " ", texts
    )


def _open(checked: Checked) -> list[Finding]:
    return [finding for finding in checked.findings if not finding.accepted]


def _text(finding: Finding) -> Markup:
    return join((tag("code", finding.rule), " ", finding.text))


def _accepted(outcome: Outcome) -> list[Section]:
    rows = [
        (tag("bdi", each.subject.name), tag("code", finding.rule), tag("bdi", finding.accepted), finding.text)
        for each in outcome.checked
        for finding in each.findings
        if finding.accepted
    ]
    if not rows:
        return []
    lead = paragraph(
        f"{plural(len(rows), 'finding')} a person has looked at. An acceptance lapses when the mask changes."
    )
    body = join((lead, table("Accepted", ("item", "rule", "by whom and why", "finding"), rows)))
    return [Section("accepted", "Accepted", body)]
