"""HTML and SVG as values, so that text from outside can never become markup.

`tag` escapes every child that is not already `Markup`; a license, a URL or a host cannot open an element.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable

_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufffe\uffff]")
_VOID = frozenset({"meta", "img", "br", "hr", "col"})


class Markup(str):
    """A string that is markup already; everything else is text and gets escaped."""

    __slots__ = ()


Child = str | Iterable[str] | None
"""What an element may hold: text, `Markup`, any iterable of both, or nothing."""


def escape(text: str) -> Markup:
    """Text as markup: the five special characters escaped, control and bidi-override characters replaced by �."""
    if isinstance(text, Markup):
        return text
    return Markup(html.escape(_UNPRINTABLE.sub("\ufffd", text), quote=True))


def join(children: Iterable[str], separator: str = "") -> Markup:
    """The children one after another, each escaped unless it is `Markup`."""
    return Markup(separator.join(escape(child) for child in children))


def tag(element: str, *children: Child, **attributes: str | float | bool | None) -> Markup:
    """One element. `class_` and `for_` lose their underscore, other underscores become hyphens.

    An attribute that is None or False is left out, True stands without a value, a float is written with at most
    two digits after the point (enough for a chart, and the same bytes everywhere).
    """
    opening = f"<{element}{''.join(_attribute(name, value) for name, value in attributes.items())}>"
    if element in _VOID:
        return Markup(opening)
    return Markup(f"{opening}{join(_flat(children))}</{element}>")


def number(value: float) -> str:
    """A coordinate: at most two digits after the point, no trailing zeros, no negative zero."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def _attribute(name: str, value: str | float | bool | None) -> str:
    if value is None or value is False:
        return ""
    name = name.rstrip("_").replace("_", "-")
    if name == "viewbox":
        name = "viewBox"
    if value is True:
        return f" {name}"
    text = escape(value) if isinstance(value, str) else number(value)
    return f' {name}="{text}"'


def _flat(children: Iterable[Child]) -> Iterable[str]:
    for child in children:
        if child is None:
            continue
        if isinstance(child, str):
            yield child
        else:
            yield from child
