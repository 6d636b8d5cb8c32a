"""Which layers of a project are looked at, and what a check of a whole project finds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from annotation.check.overrides import Overrides
from annotation.check.projects import project_subjects, survey
from annotation.check.run import Outcome, check
from annotation.check.settings import CheckSettings
from annotation.project import Project
from tests.annotation.labelled import draw, pairs_project


def _check(project: Project, folder: Path, everything: bool = False, pictures: bool = True) -> Outcome:
    overrides = Overrides(folder / "overrides.jsonl")
    subjects = project_subjects(project, everything)
    return check(str(folder), subjects, overrides, CheckSettings(), pictures, thumbnails=True)


def _found(outcome: Outcome) -> dict[tuple[str, int | None], list[str]]:
    return {
        (each.subject.name, each.subject.layer): [finding.rule for finding in each.findings if not finding.accepted]
        for each in outcome.checked
    }


def test_done_masks_are_checked_and_with_all_whatever_was_drawn(tmp_path: Path) -> None:
    project, masks = pairs_project(tmp_path, 4)
    with project:
        draw(project, "00", masks["00"])
        draw(project, "00", masks["00"], "Berta", number=2, state="in_progress")
        draw(project, "01", masks["01"], state="skipped", reason="a portrait")
        item = project.store.item_named("02")
        assert item is not None
        project.store.add_proposal(project.store.layers(item.id)[0].id, masks["02"], 0.5, "")
        assert [(each.name, each.layer) for each in project_subjects(project, False)] == [("00", 1)]
        assert survey(project, False) == (1, {"in_progress": 1, "skipped": 1, "todo": 2})
        everything = [(each.name, each.layer) for each in project_subjects(project, True)]
        assert everything == [("00", 1), ("00", 2), ("02", 1)]
        assert survey(project, True) == (3, {"skipped": 1, "todo": 1})
        assert "a proposal" in list(project_subjects(project, True))[2].where
        assert [each.layer for each in project_subjects(project, True, only="00")] == [1, 2]


def test_right_inverted_empty_and_accepted_masks(tmp_path: Path) -> None:
    project, masks = pairs_project(tmp_path, 4)
    with project:
        holed = masks["02"].copy()
        holed[np.argwhere(holed)[len(np.argwhere(holed)) // 2][0], 118:121] = False
        draw(project, "00", masks["00"])
        draw(project, "01", ~masks["01"])
        draw(project, "02", holed)
        draw(project, "03", masks["03"] & False, reason="nothing moves")
        outcome = _check(project, tmp_path)
        expected = {("00", 1): [], ("01", 1): ["inverted"], ("02", 1): ["holes"], ("03", 1): []}
        assert _found(outcome) == expected
        assert outcome.number("error") == 1 and outcome.number("warning") == 1 and outcome.number("accepted") == 1
        assert [each.thumbnail is not None for each in outcome.checked] == [False, True, True, False]
        assert outcome.has_failed(strict=False)
        subject = next(iter(project_subjects(project, False, only="02")))
        Overrides(tmp_path / "overrides.jsonl").add(subject, "holes", "a window", "Ada")
        assert _found(_check(project, tmp_path))["02", 1] == []
        draw(project, "02", holed & (np.arange(holed.shape[1]) > 100))
        assert _found(_check(project, tmp_path, pictures=False))["02", 1] == ["holes"], "the mask is another one now"


def test_a_picture_that_has_changed_is_a_finding_and_stops_nothing(tmp_path: Path) -> None:
    project, masks = pairs_project(tmp_path, 2)
    with project:
        for name, mask in masks.items():
            draw(project, name, mask)
        (tmp_path / "pictures/sharp/00.png").write_bytes(b"")
        (tmp_path / "pictures/blur/01.png").unlink()
        outcome = _check(project, tmp_path)
        assert _found(outcome) == {("00", 1): ["picture"], ("01", 1): ["picture"]}
        assert not _check(project, tmp_path, pictures=False).has_failed(strict=True)


def test_a_set_of_inverted_masks_is_called_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("annotation.check.run.agreement", lambda mask, blurred, sharp: -0.4)
    project, masks = pairs_project(tmp_path, 5)
    with project:
        for name, mask in masks.items():
            draw(project, name, mask)
        outcome = _check(project, tmp_path)
    assert _found(outcome)["(the whole set)", None] == ["inverted"]
    assert outcome.masks == 5, "the set itself is no mask"
    assert outcome.number("error") == 1 and outcome.number("warning") == 5
