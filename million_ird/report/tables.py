"""Tables of the page: one way to write a head, a caption and right-aligned numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from million_ird.report.markup import Markup, tag
from million_ird.report.words import middle


@dataclass(frozen=True, slots=True)
class Column:
    """A heading, and what stands under it."""

    title: str
    number: bool = False
    """Numbers: aligned to the right, never broken."""
    own: bool = False
    """Words of ours, short and never broken; anything else may be a name from outside of any length."""


def table(caption: str, columns: Sequence[Column], rows: Iterable[Sequence[str]], note: str = "") -> Markup:
    """A table that scrolls inside its own frame where the window is too narrow, never the page."""
    head = tag("tr", (tag("th", c.title, scope="col", class_="number" if c.number else None) for c in columns))
    body = [
        tag(
            "tr",
            (_cell(value, column, place == 0) for place, (value, column) in enumerate(zip(row, columns, strict=True))),
        )
        for row in rows
    ]
    if not body:
        body = [tag("tr", tag("td", "None.", class_="none", colspan=str(len(columns))))]
    parts = [tag("caption", caption), tag("thead", head), tag("tbody", body)]
    frame = tag("div", tag("table", parts), class_="frame", role="region", aria_label=caption, tabindex="0")
    return frame if not note else Markup(frame + tag("p", note, class_="note"))


def _cell(value: str, column: Column, first: bool) -> Markup:
    if first:
        return tag("th", name(value), scope="row")
    if column.number or column.own or not value:
        return tag("td", value, class_="number" if column.number else None)
    return tag("td", name(value))


def name(text: str, limit: int = 72) -> Markup:
    """A name from outside: isolated from the direction of the text around it, shortened in the middle if long."""
    if isinstance(text, Markup):
        return text
    short = middle(text, limit)
    return tag("bdi", short or "(none)", title=text[:400] if short != text else None)
