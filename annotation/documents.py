"""Self-contained HTML pages in the dress of the dataset report: they load nothing and run nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib.resources import files

from million_ird.report.markup import Child, Markup, join, number, tag
from million_ird.report.sections.section import Section
from million_ird.report.thumbnails import image, jpeg_size

_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
"""Content security policy: even a hole in the escaping could neither run a script nor load anything."""
_STYLE = """
.offenders { --row: 190px; gap: 1.5rem 1.25rem; }
.offenders li { max-width: calc(var(--aspect) * 300px); }
.offenders figcaption > * { white-space: normal; }
.offenders .has-error b, .weight.has-error { color: var(--minus); }
.bare { list-style: none; padding: 0; margin: 0 0 1.5rem; }
.bare li { padding: .38rem 0; border-bottom: 1px solid var(--hair); max-width: 66rem; }
.weight { font-weight: 600; margin-right: .6rem; }
.plots {
  display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 24rem), 1fr)); gap: 1.5rem 2.5rem;
  margin: 1rem 0 1.75rem;
}
.plots figure { margin: 0; min-width: 0; }
.plots figcaption { font-weight: 600; font-size: .9rem; margin-bottom: .5rem; }
.frame bdi, .frame code { overflow-wrap: break-word; }
.frame th .note { display: block; margin: 0; }
td .bar { min-width: 6rem; height: .6rem; margin: 0; }
.bar .done, .swatch.done { background: var(--kept); }
.bar .needs_review, .swatch.needs_review { background: var(--outside); }
.bar .in_progress, .swatch.in_progress { background: var(--patch); }
.bar .skipped, .swatch.skipped { background: var(--elsewhere); }
.swatch.todo { background: var(--track); box-shadow: inset 0 0 0 1px var(--muted); }
@media (max-width: 40rem) { .offenders { --row: 130px; } }
@media print {
  .offenders { --row: 110px; }
  .offenders li { max-width: calc(var(--aspect) * 150px); }
  .plots { grid-template-columns: 1fr 1fr; }
}
"""
"""What the report's style has no need for."""


def document(
    title: str, overline: str, lead: str, figures: Sequence[tuple[str, str]], sections: Sequence[Section]
) -> str:
    """A whole page.

    Args:
        title: what it is about: a project's name, a folder.
        overline: what kind of page it is; also in the browser's title.
        lead: one or two sentences under the title.
        figures: (value, label) of the large numbers.
        sections: the chapters.
    """
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", f"{title[:120]} · {overline.lower()}"),
        tag("style", _styles()),
    )
    links = (tag("li", tag("a", section.title, href=f"#{section.anchor}")) for section in sections)
    contents = tag("nav", tag("p", tag("a", overline, href="#top")), tag("ul", links), aria_label="Contents")
    numbers = tag("dl", (tag("div", tag("dd", value), tag("dt", label)) for value, label in figures), class_="figures")
    masthead = tag(
        "header",
        tag("p", overline, class_="overline"),
        tag("h1", tag("bdi", title)),
        tag("p", lead, class_="lead"),
        numbers,
    )
    main = tag("main", masthead, join(section.markup() for section in sections), id="top")
    skip = tag("a", "Skip to the content", href=f"#{sections[0].anchor}" if sections else "#top", class_="skip")
    return "<!DOCTYPE html>\n" + tag("html", head, tag("body", skip, contents, main), lang="en") + "\n"


def table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[Child]], numbers: Iterable[int] = ()) -> Markup:
    """A table that scrolls by itself where it is wider than the page.

    Args:
        caption: what it shows.
        heads: of the columns.
        rows: cells, the first of which is the row's head.
        numbers: columns that are set flush right.
    """
    right = frozenset(numbers)

    def cell(column: int, child: Child) -> Markup:
        kind = "number" if column in right else None
        return tag("td", child, class_=kind) if column else tag("th", child, scope="row")

    head = tag(
        "tr", (tag("th", text, scope="col", class_="number" if n in right else None) for n, text in enumerate(heads))
    )
    body = (tag("tr", (cell(column, child) for column, child in enumerate(row))) for row in rows)
    whole = tag("table", tag("caption", caption), tag("thead", head), tag("tbody", body))
    return tag("div", whole, class_="frame", tabindex=0, role="region", aria_label=caption)


def picture(jpeg: bytes | None, alternative: str, caption: Child, kind: str = "") -> Markup | None:
    """A captioned picture of a gallery; None where there is none."""
    size = jpeg_size(jpeg) if jpeg else None
    if jpeg is None or size is None:
        return None
    aspect = min(max(size[0] / size[1], 0.45), 2.4)
    figure = tag("figure", image(jpeg, alternative), tag("figcaption", caption))
    return tag("li", figure, style=f"--aspect:{number(aspect)}", class_=kind or None)


def gallery(pictures: Iterable[Markup]) -> Markup:
    """Pictures in justified rows, each with its own proportions."""
    rest = tag("li", class_="rest", aria_hidden="true")
    return tag("ul", pictures, rest, class_="gallery offenders")


def _styles() -> Markup:
    folder = files("million_ird.report")
    shared = (folder.joinpath(name).read_text("utf-8") for name in ("palette.css", "chart.css", "style.css"))
    return Markup("".join(shared) + _STYLE)
