"""What every section looks like."""

from __future__ import annotations

from dataclasses import dataclass

from million_ird.report.markup import Child, Markup, tag


@dataclass(frozen=True, slots=True)
class Section:
    """One chapter of the page and its line in the table of contents."""

    anchor: str
    title: str
    body: Markup

    def markup(self) -> Markup:
        """The chapter with its heading, which links to itself."""
        heading = tag("h2", tag("a", self.title, href=f"#{self.anchor}"))
        return tag("section", heading, self.body, id=self.anchor)


def paragraph(*children: Child) -> Markup:
    """A paragraph of running text."""
    return tag("p", *children)


def empty(text: str) -> Markup:
    """What stands where there is nothing to show."""
    return tag("p", text, class_="empty")
