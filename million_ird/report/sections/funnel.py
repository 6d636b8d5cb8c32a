"""From manifest rows to patches: how many came how far, and why the others did not."""

from __future__ import annotations

from collections.abc import Mapping

from million_ird.report.funnel import MEANINGS, Stage
from million_ird.report.markup import Markup, join, number, tag
from million_ird.report.sections.section import Section, paragraph
from million_ird.report.tables import Column, name, table
from million_ird.report.words import count, plain, plural, share

_SHOWN = 5  # reasons beside a bar; the table has more
_LISTED = 200


def funnel_section(stages: tuple[Stage, ...], meanings: Mapping[str, str]) -> Section:
    """The funnel as bars, and every reason as a table."""
    most = {"images": max((s.count for s in stages if s.unit != "patches"), default=0)}
    most["rows"] = most["images"]
    most["patches"] = max((s.count for s in stages if s.unit == "patches"), default=0)
    bars = tag("ol", (_stage(stage, most[stage.unit]) for stage in stages), class_="funnel")
    lead = paragraph(
        "Every row is accounted for: at each step, what came in is what went on plus what was dropped for a stated "
        "reason. The solid part of a bar went on, the orange part did not."
    )
    return Section("funnel", "From rows to patches", join([lead, bars, _reasons(stages, {**MEANINGS, **meanings})]))


def _stage(stage: Stage, most: int) -> Markup:
    whole = max(most, 1)
    gone = 100 * stage.dropped / whole
    bar = tag(
        "div",
        tag("span", class_=f"on {stage.unit}", style=f"width:{number(100 * stage.count / whole - gone)}%"),
        tag("span", class_="gone", style=f"width:{number(gone)}%"),
        class_="bar",
        aria_hidden="true",
    )
    head = tag(
        "div", tag("span", stage.label, class_="label"), tag("span", count(stage.count), class_="count"), class_="head"
    )
    return tag("li", head, bar, _drops(stage), class_=f"stage {stage.unit}")


def _drops(stage: Stage) -> Markup | None:
    if not stage.drops:
        return None
    shown = [tag("li", name(plain(reason), 44), " ", tag("b", count(n))) for reason, n in stage.drops[:_SHOWN]]
    rest = stage.drops[_SHOWN:]
    if rest:
        shown.append(tag("li", f"{plural(len(rest), 'more reason')} ", tag("b", count(sum(n for _, n in rest)))))
    total = tag("span", f"− {count(stage.dropped)}", class_="minus")
    return tag("div", total, tag("ul", shown), class_="drops")


def _reasons(stages: tuple[Stage, ...], meanings: Mapping[str, str]) -> Markup:
    every = [(number, stage, reason) for stage in stages for reason, number in stage.drops]
    shown = every if len(every) <= _LISTED else sorted(every, key=lambda drop: -drop[0])[:_LISTED]
    rows = [
        (
            stage.label,
            name(plain(reason)),
            name(meanings[reason], 200) if reason in meanings else "",
            count(number),
            share(number, stage.count),
        )
        for number, stage, reason in shown
    ]
    titles = (
        Column("After"),
        Column("Reason"),
        Column("Meaning"),
        Column("Dropped", True),
        Column("Of the step", True),
    )
    left = len(every) - len(shown)
    note = (
        f"{count(left)} rarer reasons are not listed; stats.json has the first thousand of each step." if left else ""
    )
    inner = table("Every reason at every step", titles, rows, note)
    return tag("details", tag("summary", "Every reason as a table"), inner)
