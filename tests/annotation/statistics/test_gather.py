"""The numbers of the page: states, work by day, shares, windows, agreement."""

from __future__ import annotations

import uuid
from pathlib import Path

import numpy as np
import pytest

from annotation.agree import AgreeSettings
from annotation.mask import Mask
from annotation.project import Project
from annotation.records import Rect
from annotation.statistics.gather import gather
from million_ird.windows import SIZES, compute_share, window_labels
from tests.annotation.labelled import draw, on_day, pairs_project


def _project(folder: Path, patch: pytest.MonkeyPatch) -> tuple[Project, dict[str, Mask]]:
    project, masks = pairs_project(folder, 5)
    on_day(patch, "2026-03-01")
    draw(project, "00", masks["00"], "Ada")
    draw(project, "01", masks["01"], "Berta", kind="polygon", state="needs_review")
    on_day(patch, "2026-03-04")
    draw(project, "02", masks["02"] & False, "Ada", reason="nothing moves")
    draw(project, "00", np.roll(masks["00"], 5, 1), "Berta", number=2)
    item = project.store.item_named("03")
    assert item is not None
    project.store.add_proposal(project.store.layers(item.id)[0].id, masks["03"], 0.9, "")
    return project, masks


def test_states_people_and_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project, _ = _project(tmp_path, monkeypatch)
    with project:
        found = gather(project, False, AgreeSettings())
    assert (found.name, found.items, found.pairs) == ("Street", 5, 5)
    assert found.states == {"done": 3, "needs_review": 1, "todo": 2}
    assert found.people == {"Ada": {"done": 2}, "Berta": {"needs_review": 1, "done": 1}}
    assert found.kinds == {"brush": 3, "polygon": 1}, "neither what layers begin with nor proposals are strokes"
    told = {key: (work.strokes, len(work.pictures), work.finished) for key, work in found.work.items()}
    assert told == {
        ("2026-03-01", "Ada"): (1, 1, 1),
        ("2026-03-01", "Berta"): (1, 1, 0),
        ("2026-03-04", "Ada"): (1, 1, 1),
        ("2026-03-04", "Berta"): (1, 1, 1),
    }


def test_shares_and_windows_of_what_is_done_or_of_all_that_is_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, masks = _project(tmp_path, monkeypatch)
    with project:
        found = gather(project, False, AgreeSettings())
        everything = gather(project, True, AgreeSettings())
    assert [(mask.name, mask.layer) for mask in found.masks] == [("00", 1), ("00", 2), ("02", 1)]
    assert [(mask.name, mask.layer) for mask in everything.masks] == [
        ("00", 1),
        ("00", 2),
        ("01", 1),
        ("02", 1),
        ("03", 1),
    ]
    first, mask = found.masks[0], masks["00"]
    assert first.share == pytest.approx(mask.mean()) and first.annotator == "Ada"
    assert first.padded_share == pytest.approx(mask.sum() / (256 * 256))
    for size in SIZES:
        assert first.kept[size, "any"] == pytest.approx(window_labels(mask, size).mean())
    assert first.compute["majority"] == compute_share(mask, "majority")
    assert [agreement.name for agreement in found.agreements] == ["00"] and not found.not_compared


def test_a_stroke_after_which_a_mask_was_finished_gives_the_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, masks = pairs_project(tmp_path, 1)
    with project:
        on_day(monkeypatch, "2026-03-01")
        layer = draw(project, "00", masks["00"], "Ada", state=None)
        on_day(monkeypatch, "2026-03-02")
        last = uuid.uuid4().hex
        project.store.append(layer.id, last, layer.head, "eraser", "Berta", Rect(0, 0, 1, 1), np.zeros((1, 1), bool))
        project.store.move_head(layer.id, uuid.uuid4().hex, layer.head, last, "Ada")  # taken back
        shown = project.store.layer(layer.id)
        project.store.set_state(layer.id, "done", "", shown.version, "Ada")
        found = gather(project, False, AgreeSettings())
    assert {key: work.finished for key, work in found.work.items()} == {
        ("2026-03-01", "Ada"): 1,
        ("2026-03-02", "Berta"): 0,
    }
