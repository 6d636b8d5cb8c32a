"""What was measured, with the recipe's thresholds and what moving them would keep."""

from __future__ import annotations

from million_ird.report.charts import histogram_chart, legend
from million_ird.report.distributions import QUANTILES, SHARES, Curve, Distribution
from million_ird.report.markup import Markup, join, tag
from million_ird.report.sections.section import Section, empty, paragraph
from million_ird.report.words import count, measure, plural, share, title

_LEGEND = (
    ("kept", "passes every screen"),
    ("elsewhere", "rejected by another screen"),
    ("outside", "outside this threshold"),
)


def distributions_section(
    images: tuple[Distribution, ...], patches: tuple[Distribution, ...], disagreeing: int
) -> Section:
    """All charts: the images' first, then the patches'."""
    lead = paragraph(
        "Every number was measured on every decoded image, kept or not, and judged afterwards. Below each histogram, "
        "the curve shows what share would be kept if this one threshold stood elsewhere and all others stayed: ",
        tag("span", "solid", class_="key solid"),
        " for a lower threshold, ",
        tag("span", "dashed", class_="key dashed"),
        " for an upper one; grey, the share of values up to there.",
    )
    body = [lead, legend(_LEGEND)]
    if disagreeing:
        lie, were = ("lies", "it was") if disagreeing == 1 else ("lie", "they were")
        text = (
            f"{plural(disagreeing, 'kept row')} {lie} outside the thresholds drawn here: {were} judged by other ones."
        )
        body.append(tag("p", text, class_="warning"))
    for things, charts in (("Images", images), ("Patches", patches)):
        body.append(tag("h3", things))
        if charts:
            body.append(tag("div", (_card(chart) for chart in charts), class_="cards"))
        else:
            body.append(empty("Nothing was measured."))
    return Section("distributions", "What was measured", join(body))


def _card(distribution: Distribution) -> Markup:
    screen = distribution.screen
    about = " · ".join(part for part in (screen.unit, screen.meaning) if part)
    caption = tag("figcaption", tag("h4", title(screen.name)), tag("p", about, class_="meaning") if about else None)
    notes = tag("p", _verdict(distribution), class_="facts")
    table = _moves(distribution) if distribution.curves else _quantiles(distribution)
    return tag(
        "figure", caption, histogram_chart(distribution), notes, table, class_="card", id=f"screen-{screen.name}"
    )


def _verdict(distribution: Distribution) -> str:
    rejected = distribution.below + distribution.above
    parts = [f"{count(distribution.measured)} measured, median {measure(distribution.quantiles[3])}."]
    if distribution.curves:
        part = share(rejected, distribution.measured)
        alone = f", {count(distribution.alone)} of them alone" if distribution.alone else ""
        parts.append(f"Rejects {count(rejected)} ({part}){alone}." if rejected else "Rejects none.")
    if distribution.beyond:
        parts.append(f"{count(distribution.beyond)} beyond the axis.")
    if distribution.missing:
        parts.append(f"{count(distribution.missing)} not measured.")
    return " ".join(parts)


def _moves(distribution: Distribution) -> Markup:
    head = tag(
        "tr",
        tag("th", "to keep", scope="col"),
        (tag("th", f"{s:.0%}".replace("%", "\u202f%"), scope="col") for s in SHARES),
    )
    rows = [_move(curve) for curve in distribution.curves]
    population = distribution.curves[0].population
    caption = f"Threshold that keeps a share of the {count(population)} that pass all other thresholds"
    return tag("table", tag("caption", caption), tag("thead", head), tag("tbody", rows), class_="small")


def _move(curve: Curve) -> Markup:
    sign = "≥" if curve.end == "low" else "≤"
    cells = (tag("td", measure(threshold, 3)) for threshold in curve.thresholds)
    return tag("tr", tag("th", sign, scope="row", aria_label=f"{curve.end} threshold"), cells)


def _quantiles(distribution: Distribution) -> Markup:
    keep = [place for place, q in enumerate(QUANTILES) if q in (0.01, 0.05, 0.25, 0.75, 0.95, 0.99)]
    head = tag("tr", (tag("th", f"{QUANTILES[place]:.0%}".replace("%", "\u202f%"), scope="col") for place in keep))
    row = tag("tr", (tag("td", measure(distribution.quantiles[place], 3)) for place in keep))
    caption = "Share of values up to …; recorded, not judged"
    return tag("table", tag("caption", caption), tag("thead", head), tag("tbody", row), class_="small")
