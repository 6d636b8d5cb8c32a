"""What masks show by themselves, what polarity makes of them, and what a whole set shows."""

from __future__ import annotations

import numpy as np
import pytest

from annotation.check.finding import Checked, Finding
from annotation.check.rules import RULES, judge_mask, judge_polarity, judge_set, no_subject
from annotation.check.settings import CheckSettings
from annotation.mask import Mask
from tests.annotation.scenes import scene

_SETTINGS = CheckSettings()


def _rules(mask: Mask, reason: str = "") -> list[str]:
    return [finding.rule for finding in judge_mask(mask, _SETTINGS, reason) if not finding.accepted]


def _damaged(kind: str) -> Mask:
    mask = scene(0)[2].copy()
    if kind == "empty":
        return mask & False
    if kind == "full":
        return mask | True
    if kind == "holes":
        mask[75:78, 118:121] = False
    elif kind == "specks":
        mask[3:6, 4:7] = True
    elif kind == "resampled":
        mask = mask[::4, ::4].repeat(4, 0).repeat(4, 1)
    return mask


def test_a_good_mask_breaks_no_rule() -> None:
    assert _rules(_damaged("none")) == []


@pytest.mark.parametrize("kind", ["empty", "full", "holes", "specks", "resampled"])
def test_each_damage_breaks_its_rule_alone(kind: str) -> None:
    assert _rules(_damaged(kind)) == [kind]
    finding = next(judge_mask(_damaged(kind), _SETTINGS))
    assert finding.severity == RULES[kind].severity


def test_a_jagged_mask() -> None:
    noise = np.random.default_rng(0).random((160, 240)) < 0.25
    mask = scene(0)[2]
    ragged = mask & ~(noise & (np.roll(mask, 8, 0) != np.roll(mask, -8, 0)))
    assert "jagged" in _rules(ragged)


def test_large_holes_are_taken_as_meant() -> None:
    mask = _damaged("none")
    mask[65:95, 105:135] = False
    assert _rules(mask) == []
    assert [f.rule for f in judge_mask(mask, CheckSettings(hole_share=0.1))] == ["holes"]


def test_an_empty_mask_with_a_reason_is_accepted() -> None:
    (finding,) = judge_mask(_damaged("empty"), _SETTINGS, "nothing moves")
    assert finding.accepted == "done with the reason: nothing moves"


@pytest.mark.parametrize(
    ("polarity", "is_pair", "expected"),
    [
        (0.9, True, None),
        (-0.1, True, None),
        (-0.3, True, "warning"),
        (-0.6, True, "error"),
        (-0.4, False, None),
        (-0.6, False, "warning"),
        (-0.9, False, "error"),
        (None, True, None),
    ],
)
def test_polarity_is_judged_by_its_margin(polarity: float | None, is_pair: bool, expected: str | None) -> None:
    found = list(judge_polarity(polarity, is_pair, _SETTINGS))
    assert [finding.severity for finding in found] == ([expected] if expected else [])


def test_a_whole_set_is_inverted_where_its_median_is() -> None:
    def checked(values: list[float | None]) -> list[Finding]:
        return list(judge_set([Checked(no_subject("x"), (), value) for value in values], _SETTINGS))

    assert len(checked([-0.4, -0.35, -0.5, 0.1, -0.32])) == 1
    assert not checked([-0.9] * 4), "too few"
    assert not checked([-0.9, None, None, -0.9, -0.9, -0.9])
    assert not checked([0.4, 0.35, 0.5, -0.9, 0.32])


def test_settings_are_checked() -> None:
    for values in ({"speck_share": -0.1}, {"pair_error": 1.5}, {"set_least": 0}, {"jagged_ratio": 0.9}):
        with pytest.raises(ValueError, match=next(iter(values))):
            CheckSettings(**values)
