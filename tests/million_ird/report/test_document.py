from __future__ import annotations

from pathlib import Path

import pytest

from million_ird.errors import StoreError
from million_ird.report.document import write_document


def test_a_page_is_written_whole(tmp_path: Path) -> None:
    write_document(tmp_path / "new/page.html", "<p>ä</p>")
    assert (tmp_path / "new/page.html").read_bytes() == "<p>ä</p>".encode()
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["page.html"]


def test_where_it_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "page.html").touch()
    with pytest.raises(StoreError, match="cannot write"):
        write_document(tmp_path / "page.html/a.html", "x")
