"""Text from outside never becomes markup."""

from __future__ import annotations

from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from million_ird.report.markup import Markup, escape, number, tag


class Reader(HTMLParser):
    """Collects tags, attributes and text."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: dict[str, str | None] = {}
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= dict(attrs)

    def handle_data(self, data: str) -> None:
        self.text += data


@given(st.text())
def test_any_text_stays_text(text: str) -> None:
    reader = Reader()
    reader.feed(tag("p", text, title=text))
    reader.close()
    assert reader.tags == ["p"]
    assert set(reader.attributes) == {"title"}


def test_control_and_bidi_override_characters_are_replaced() -> None:
    assert escape("a\x00b\u202ec\u2066d") == "a\ufffdb\ufffdc\ufffdd"


def test_markup_is_not_escaped_twice() -> None:
    inner = tag("b", "5 < 6")
    assert tag("p", inner, " & more") == "<p><b>5 &lt; 6</b> &amp; more</p>"
    assert isinstance(tag("p"), Markup)


def test_coordinates_are_short_and_have_no_negative_zero() -> None:
    assert [number(x) for x in (1.0, 2.504, -0.001, 10)] == ["1", "2.5", "0", "10"]
