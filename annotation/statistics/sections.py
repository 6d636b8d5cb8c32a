"""The chapters of the page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta

import numpy as np

from annotation.agree import Agreement, Summary, by_annotator, by_pair, overall
from annotation.documents import gallery, picture, table
from annotation.records import STATES, State
from annotation.statistics.charts import day_chart, share_histogram
from annotation.statistics.gather import RULES, Gathered, MaskFacts, Work
from million_ird.report.markup import Markup, join, tag
from million_ird.report.sections.section import Section, empty, paragraph
from million_ird.report.words import count, middle, plain, plural, share
from million_ird.windows import SIZES

_ORDER: tuple[State, ...] = ("done", "needs_review", "in_progress", "skipped", "todo")
"""Of the parts of a bar, left to right."""
_WORST = 12
"""Pictures that are listed because people agree least about them."""
_LONGEST = 3 * 366
"""Days that are drawn; of a longer project the last ones."""


def progress_section(gathered: Gathered) -> Section:
    """States of all masks, and by annotator."""
    every = sum(gathered.states.values())
    legend = tag("ul", (_key(state, gathered.states.get(state, 0), every) for state in _ORDER), class_="legend")
    rows = [
        (tag("bdi", name), _bar(states, sum(states.values())), *(_count(states.get(state, 0)) for state in STATES[1:]))
        for name, states in sorted(gathered.people.items(), key=lambda pair: -sum(pair[1].values()))
    ]
    heads = ("annotator", "", *(plain(state) for state in STATES[1:]))
    people = (
        table("Masks by whose strokes they show", heads, rows, range(2, 6)) if rows else empty("Nobody has drawn yet.")
    )
    return Section("progress", "Progress", join((_bar(gathered.states, every), legend, people)))


def days_section(gathered: Gathered) -> Section:
    """Strokes and finished masks by day."""
    if not gathered.work:
        return Section("days", "Days", empty("Nobody has drawn yet."))
    days = _days(sorted({day for day, _ in gathered.work}))
    charts = []
    for title, what in (("Strokes", "strokes"), ("Masks finished, by the day of their last stroke", "finished")):
        heights = dict.fromkeys(days, 0)
        for (day, _), work in gathered.work.items():
            heights[day] = heights.get(day, 0) + int(getattr(work, what))
        chart = day_chart(days, [heights[day] for day in days], title)
        charts.append(tag("figure", tag("figcaption", title), chart))
    rows = (
        (day, tag("bdi", name or "(nobody)"), count(work.strokes), count(len(work.pictures)), _count(work.finished))
        for (day, name), work in reversed(gathered.work.items())
    )
    heads = ("day (UTC)", "annotator", "strokes", "pictures drawn on", "masks finished")
    listed = tag("details", tag("summary", "Every day and annotator"), table("Work by day", heads, rows, (2, 3, 4)))
    kinds = ((plain(kind), count(number)) for kind, number in gathered.kinds.items())
    how = table("What strokes were made with", ("kind", "strokes"), kinds, (1,))
    body = (tag("div", charts, class_="plots"), _people(gathered.work), listed, how)
    return Section("days", "Days", join(body))


def blur_section(
    masks: Sequence[MaskFacts], everything: bool, thumbnails: Sequence[tuple[MaskFacts, bytes]]
) -> Section:
    """How much of the pictures is blurred."""
    if not masks:
        return Section("blur", "Blurred share", empty("No mask is done yet." if not everything else "No mask yet."))
    shares = np.array([mask.share for mask in masks])
    what = "drawn" if everything else "done"
    marked = _percent(shares.mean())
    lead = paragraph(f"{plural(len(masks), 'mask')} {what}, which mark {marked} of a picture on average.")
    histogram = share_histogram(shares.tolist(), "blurred shares")
    points = ("least", "5 %", "25 %", "median", "75 %", "95 %", "largest")
    values = (_percent(value) for value in np.quantile(shares, (0, 0.05, 0.25, 0.5, 0.75, 0.95, 1)))
    chart = tag("div", tag("figure", tag("figcaption", "Masks by blurred share"), histogram), class_="plots")
    parts = [lead, chart, table("Blurred share at quantiles", ("", *points), [("share", *values)], range(1, 8))]
    shown = [_thumbnail(mask, jpeg) for mask, jpeg in thumbnails]
    drawn = [each for each in shown if each is not None]
    if drawn:
        parts += [tag("h3", "From the least to the most blurred"), gallery(drawn)]
    return Section("blur", "Blurred share", join(parts))


def windows_section(masks: Sequence[MaskFacts]) -> Section:
    """What LMD-ViT would work on."""
    drawn = [mask for mask in masks if mask.share]
    if not drawn:
        return Section("windows", "Windows", empty("No mask with blur yet."))
    area = float(np.mean([mask.padded_share for mask in drawn]))
    lead = paragraph(
        "LMD-ViT pads a picture to multiples of 128 and works on windows of it. A window is kept where one pixel of it "
        f"is blurred (any), or half of them (majority). Of the padded pictures {_percent(area)} is blurred; the larger "
        "the windows, the more of them an outline touches."
    )
    rows = []
    for size in SIZES:
        means = {rule: float(np.mean([mask.kept[size, rule] for mask in drawn])) for rule in RULES}
        times = f"{means['any'] / area:.2f} ×"
        rows.append((f"{size} px", _gauge(means["any"]), _percent(means["any"]), times, _percent(means["majority"])))
    heads = ("window", "", "touched (any)", "of the blurred area", "majority")
    windows = table("Share of windows kept, mean over masks", heads, rows, (2, 3, 4))
    costs = []
    for rule in RULES:
        values = np.array([mask.compute[rule] for mask in drawn])
        quantiles = (_percent(value) for value in np.quantile(values, (0.05, 0.5, 0.95)))
        costs.append((rule, _gauge(float(values.mean())), _percent(values.mean()), *quantiles))
    points = ("rule", "", "mean", "5 %", "median", "95 %")
    compute = table("Multiply-accumulates, of all windows kept", points, costs, (2, 3, 4, 5))
    return Section("windows", "Windows", join((lead, windows, compute)))


def agreement_section(gathered: Gathered) -> Section:
    """How far second opinions agree with first ones."""
    agreements = gathered.agreements
    if not agreements:
        waiting = plural(len(gathered.not_compared), "picture")
        text = (
            f"{waiting} with two masks, none of them with both done."
            if gathered.not_compared
            else "No second opinion yet."
        )
        return Section("agreement", "Agreement", empty(text))
    heads = ("annotators", "pictures", "IoU", "least", "F", "differ by", "±3 px", "marks more by")
    rows = [_summary(join((tag("bdi", a), " – ", tag("bdi", b))), each) for (a, b), each in by_pair(agreements).items()]
    rows += [_summary(tag("bdi", name), each) for name, each in by_annotator(agreements).items()]
    whole = overall(agreements)
    if whole is not None:
        rows.append((*_summary("all", whole)[:-1], ""))
    worst = sorted(agreements, key=lambda each: each.iou)[:_WORST]
    lead = paragraph(
        "IoU and F of the outlines say how far shapes agree; “differ by” is the mean difference that the two masks "
        "make to the weighted PSNR of the blurred against the sharp frame, “±3 px” what a pen three pixels wider or "
        "narrower would make."
    )
    pictures = ((tag("bdi", middle(each.name, 48)), *_one(each)) for each in worst)
    least = table(
        "Least agreement", ("picture", "first", "second", "IoU", "F", "differ by", "±3 px", ""), pictures, range(3, 7)
    )
    return Section("agreement", "Agreement", join((lead, table("By annotators", heads, rows, range(1, 8)), least)))


def unread_section(lines: Iterable[str]) -> Section:
    """Masks that could not be read."""
    listed = tag("ul", (tag("li", tag("bdi", line)) for line in lines), class_="bare")
    return Section("unread", "Not read", listed)


def _key(state: State, number: int, every: int) -> Markup:
    swatch = tag("span", class_=f"swatch {state}")
    return tag("li", swatch, f"{plain(state)}: {count(number)} ({share(number, every)})")


def _bar(states: dict[State, int], every: int) -> Markup:
    parts = (
        tag("span", class_=state, style=f"width:{100 * states.get(state, 0) / max(every, 1):.3f}%")
        for state in _ORDER
        if state != "todo" and states.get(state)
    )
    text = ", ".join(f"{count(states.get(state, 0))} {plain(state)}" for state in _ORDER if states.get(state))
    return tag("div", parts, class_="bar", role="img", aria_label=text or "nothing")


def _gauge(value: float) -> Markup:
    bar = tag("span", class_="done", style=f"width:{100 * value:.3f}%")
    return tag("div", bar, class_="bar", role="img", aria_label=_percent(value))


def _people(work: dict[tuple[str, str], Work]) -> Markup:
    people: dict[str, list[Work]] = {}
    for (_, name), each in work.items():
        people.setdefault(name, []).append(each)
    rows = (
        (
            tag("bdi", name or "(nobody)"),
            count(len(each)),
            count(sum(one.strokes for one in each)),
            count(len(set().union(*(one.pictures for one in each)))),
            _count(sum(one.finished for one in each)),
        )
        for name, each in sorted(people.items())
    )
    heads = ("annotator", "days", "strokes", "pictures drawn on", "masks finished")
    return table("Work by annotator", heads, rows, range(1, 5))


def _days(worked: Sequence[str]) -> list[str]:
    """Every day from the first to the last on which somebody drew."""
    first, last = date.fromisoformat(worked[0]), date.fromisoformat(worked[-1])
    first = max(first, last - timedelta(days=_LONGEST))
    return [(first + timedelta(days=number)).isoformat() for number in range((last - first).days + 1)]


def _thumbnail(mask: MaskFacts, jpeg: bytes) -> Markup | None:
    caption = [tag("b", tag("bdi", mask.name)), tag("span", f"{_percent(mask.share)} blurred")]
    return picture(jpeg, f"{mask.name}, its mask drawn over it", caption)


def _summary(name: str, summary: Summary) -> tuple[str, ...]:
    return (
        name,
        count(summary.pictures),
        f"{summary.iou:.3f}",
        f"{summary.least_iou:.3f}",
        f"{summary.boundary_f:.3f}",
        _decibels(summary.psnr),
        _decibels(summary.swing),
        f"{summary.tendency:+.1%}".replace("-", "−"),
    )


def _one(each: Agreement) -> tuple[str, ...]:
    difference = each.psnr_difference
    return (
        tag("bdi", each.annotators[0]),
        tag("bdi", each.annotators[1]),
        f"{each.iou:.3f}",
        f"{each.boundary_f:.3f}",
        _decibels(None if difference is None else abs(difference)),
        _decibels(each.psnr_swing),
        each.note,
    )


def _decibels(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}\u202fdB"


def _percent(value: float) -> str:
    return share(float(value), 1.0)


def _count(number: int) -> str:
    return count(number) if number else "–"
