"""Pages: nothing from outside becomes markup, and they are written whole or not at all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from annotation.documents import document, gallery, picture, table, write_document
from annotation.text_table import aligned
from million_ird.errors import StoreError
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


def test_a_page_is_written_whole(tmp_path: Path) -> None:
    write_document(tmp_path / "new/page.html", "<p>ä</p>")
    assert (tmp_path / "new/page.html").read_bytes() == "<p>ä</p>".encode()
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["page.html"]
    with pytest.raises(StoreError, match="cannot write"):
        write_document(tmp_path / "new/page.html/a.html", "x")


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    assert aligned([("a", "1", "x"), ("long", "1,000", "")], right=(1,)) == ["a         1  x", "long  1,000"]
    assert aligned([]) == []
