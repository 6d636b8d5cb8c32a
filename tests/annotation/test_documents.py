"""Pages: nothing from outside becomes markup, and they are written whole or not at all."""

from __future__ import annotations

import numpy as np

from annotation.documents import document, gallery, picture, table
from annotation.text_table import aligned
from million_ird.pixels import encode_thumbnail
from million_ird.report.sections.section import Section, paragraph

_EVIL = '<script>alert("x")</script>'


def test_text_from_outside_is_only_text() -> None:
    jpeg = encode_thumbnail(np.zeros((20, 30, 3), np.uint8))
    shown = picture(jpeg, _EVIL, _EVIL)
    assert shown is not None
    sections = [Section("a", "A", table(_EVIL, (_EVIL,), [(_EVIL,)])), Section("b", "B", gallery([shown]))]
    text = document(_EVIL, "Test", _EVIL, [(_EVIL, _EVIL)], [*sections, Section("c", "C", paragraph(_EVIL))])
    assert "<script" not in text and text.count("&lt;script&gt;") >= 8
    assert "default-src &#x27;none&#x27;" in text


def test_bytes_that_are_no_jpeg_are_no_picture() -> None:
    assert picture(None, "a", "b") is None and picture(b"no jpeg", "a", "b") is None


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    assert aligned([("a", "1", "x"), ("long", "1,000", "")], right=(1,)) == ["a         1  x", "long  1,000"]
    assert aligned([]) == []
