"""`million-ird annotate statistics` from the outside: one page, self-contained, whatever the project holds."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from million_ird.cli import main
from tests.annotation.labelled import draw, on_day, pairs_project

_VOID = {"meta", "img", "br", "hr", "col"}


class _Page(HTMLParser):
    """Checks that elements are closed in order, and gathers what a test asks for."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.pictures: list[str] = []
        self.text = ""
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.ids += [value for name, value in attrs if name == "id" and value]
        self.links += [value for name, value in attrs if name in ("href", "src") and value]
        assert tag != "script"
        if tag == "img":
            self.pictures.append(values.get("alt") or "")
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def _page(project: Path, out: Path, *arguments: str) -> _Page:
    assert main(["annotate", "statistics", str(project), "--out", str(out), *arguments]) == 0
    return _Page(out.read_text("utf-8"))


def test_a_whole_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project, masks = pairs_project(tmp_path, 4)
    with project:
        on_day(monkeypatch, "2026-03-01")
        draw(project, "00", masks["00"], "Ada <b>")
        on_day(monkeypatch, "2026-03-09")
        draw(project, "00", np.roll(masks["00"], 6, 1), "Berta", number=2)
        draw(project, "01", masks["01"], "Berta", kind="scissors")
        draw(project, "02", masks["02"], "Berta", state="needs_review")
    page = _page(project.folder, tmp_path / "deep/page.html", "--pictures", "5")
    assert page.ids == ["top", "progress", "days", "blur", "windows", "agreement"]
    assert {link for link in page.links if link.startswith("#")} == {f"#{name}" for name in page.ids}
    assert all(link.startswith(("#", "data:image/jpeg;base64,")) for link in page.links)
    assert page.pictures == ["00, its mask drawn over it", "01, its mask drawn over it"] or page.pictures == [
        "01, its mask drawn over it",
        "00, its mask drawn over it",
    ]
    for text in ("Ada <b>", "scissors", "128 px", "Least agreement", "2026-03-09", "of 5 masks done"):
        assert text in page.text, text
    assert "needs review: 1" in page.text


def test_a_project_that_nobody_has_begun(tmp_path: Path) -> None:
    project, _ = pairs_project(tmp_path, 1)
    project.close()
    page = _page(project.folder, tmp_path / "page.html")
    for text in ("Nobody has drawn yet.", "No mask is done yet.", "No mask with blur yet.", "No second opinion yet."):
        assert text in page.text
    assert not page.pictures


def test_empty_masks_and_waiting_opinions(tmp_path: Path) -> None:
    project, masks = pairs_project(tmp_path, 2)
    with project:
        draw(project, "00", masks["00"] & False, reason="nothing moves")
        draw(project, "01", masks["01"], state="in_progress")
        draw(project, "01", masks["01"], "Berta", number=2, state="in_progress")
    page = _page(project.folder, tmp_path / "page.html")
    assert (
        "No mask with blur yet." in page.text and "1 picture with two masks, none of them with both done." in page.text
    )
    page = _page(project.folder, tmp_path / "page.html", "--all", "--pictures", "0")
    assert "3 masks drawn" in page.text and not page.pictures


def test_pictures_that_are_gone_are_left_out(tmp_path: Path) -> None:
    project, masks = pairs_project(tmp_path, 2)
    with project:
        for name, mask in masks.items():
            draw(project, name, mask)
    (tmp_path / "pictures/blur/00.png").unlink()
    assert _page(project.folder, tmp_path / "page.html").pictures == ["01, its mask drawn over it"]


def test_the_same_project_gives_the_same_page(tmp_path: Path) -> None:
    project, masks = pairs_project(tmp_path, 1)
    with project:
        draw(project, "00", masks["00"])
    for name in ("a", "b"):
        _page(project.folder, tmp_path / f"{name}.html")
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()


def test_mistakes_are_said_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["annotate", "statistics", str(tmp_path), "--out", str(tmp_path / "a.html")]) == 2
    assert "is no project" in capsys.readouterr().err
    assert main(["annotate", "statistics", str(tmp_path), "--out", "a.html", "--pictures", "-1"]) == 2
    assert "--pictures is at least 0" in capsys.readouterr().err
    project, _ = pairs_project(tmp_path, 1)
    project.close()
    (tmp_path / "file").write_text("")
    assert main(["annotate", "statistics", str(project.folder), "--out", str(tmp_path / "file/a.html")]) == 1
    assert "cannot write" in capsys.readouterr().err
