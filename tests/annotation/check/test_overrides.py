"""Accepted findings: written once, bound to a mask, never silently lost."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from annotation.check.accepting import accept
from annotation.check.finding import Subject
from annotation.check.overrides import Overrides
from annotation.check.rules import RULES, WHOLE_SET, no_subject
from annotation.check.settings import CheckSettings
from million_ird.errors import StoreError, UsageError
from tests.annotation.scenes import scene


def _subject(name: str = "a", layer: int | None = 1) -> Subject:
    mask = scene(0)[2].copy()
    mask[75:78, 118:121] = False
    return Subject(name, "layer 1", mask, (240, 160), layer=layer)


def test_an_override_is_there_after_reading_again_and_lapses_when_the_mask_changes(tmp_path: Path) -> None:
    path = tmp_path / "overrides.jsonl"
    subject = _subject()
    Overrides(path).add(subject, "holes", " a window ", "Ada")
    again = Overrides(path)
    assert again.reason(subject, "holes") == "Ada: a window"
    assert again.reason(subject, "specks") == ""
    assert again.reason(_subject("b"), "holes") == ""
    assert again.reason(_subject(layer=2), "holes") == ""
    assert subject.mask is not None
    changed = subject.mask.copy()
    changed[0, 0] = True
    assert again.reason(replace(subject, mask=changed), "holes") == ""


def test_the_file_is_only_appended_to_and_the_last_line_counts(tmp_path: Path) -> None:
    path = tmp_path / "overrides.jsonl"
    overrides = Overrides(path)
    overrides.add(_subject(), "holes", "spokes", "Ada")
    first = path.read_text()
    overrides.add(_subject(), "holes", "a window", "")
    overrides.add(no_subject(WHOLE_SET), "inverted", "black is blurred here", "Ada")
    assert path.read_text().startswith(first) and len(path.read_text().splitlines()) == 3
    assert Overrides(path).reason(_subject(), "holes") == "a window"
    assert Overrides(path).reason(no_subject(WHOLE_SET), "inverted") == "Ada: black is blurred here"
    overrides.add(_subject(), "holes", "", "Ada")
    assert Overrides(path).reason(_subject(), "holes") == "", "an empty reason takes it back"


def test_what_cannot_be_used_cannot_be_accepted(tmp_path: Path) -> None:
    overrides = Overrides(tmp_path / "overrides.jsonl")
    for rule in ("size", "zero_bytes", "holez"):
        with pytest.raises(UsageError, match="cannot be accepted"):
            overrides.add(_subject(), rule, "because", "Ada")
    assert not overrides.path.exists()
    assert not RULES["values"].can_be_accepted and RULES["specks"].can_be_accepted


@pytest.mark.parametrize("line", ["{", "[]", '"x"', '{"item": "a"}', "12"])
def test_a_damaged_line_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "overrides.jsonl"
    Overrides(path).add(_subject(), "holes", "spokes", "Ada")
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(StoreError, match="line 2 is no override"):
        Overrides(path)


def test_a_value_of_another_type_is_named(tmp_path: Path) -> None:
    path = tmp_path / "overrides.jsonl"
    good = Overrides(path).add(_subject(), "holes", "spokes", "Ada")
    values = {**asdict(good), "layer": "1"}
    path.write_text(json.dumps(values))
    with pytest.raises(StoreError, match="line 1 is no override"):
        Overrides(path)


def test_files_that_cannot_be_read_or_written(tmp_path: Path) -> None:
    (tmp_path / "overrides.jsonl").mkdir()
    with pytest.raises(StoreError, match="cannot read"):
        Overrides(tmp_path / "overrides.jsonl")
    with pytest.raises(StoreError, match="cannot write"):
        Overrides(tmp_path / "nowhere/overrides.jsonl").add(_subject(), "holes", "spokes", "Ada")


def test_only_what_is_found_is_accepted(tmp_path: Path) -> None:
    overrides = Overrides(tmp_path / "overrides.jsonl")
    settings = CheckSettings()
    assert accept("a", "holes", [_subject()], overrides, settings, "spokes", "Ada") == 1
    with pytest.raises(UsageError, match="does not break 'specks'"):
        accept("a", "specks", [_subject()], overrides, settings, "spokes", "Ada")
    with pytest.raises(UsageError, match="has no mask to check"):
        accept("a", "holes", [], overrides, settings, "spokes", "Ada")
