"""Means over pictures: by pair and by annotator, with the right signs."""

from __future__ import annotations

import pytest

from annotation.agree import Agreement, Scores, by_annotator, by_pair, overall


def _agreement(
    first: str, second: str, iou: float, shares: tuple[float, float], psnr: tuple[float, float] | None
) -> Agreement:
    scores = (Scores(psnr[0], psnr[0] + 1, None), Scores(psnr[1], None, psnr[1] - 2)) if psnr else None
    return Agreement("a", (first, second), shares, iou, iou / 2, 3, scores, scores)


_ROWS = [
    _agreement("Berta", "Ada", 0.8, (0.3, 0.1), (20.0, 22.0)),
    _agreement("Ada", "Berta", 0.6, (0.2, 0.2), (30.0, 31.0)),
    _agreement("Ada", "Cem", 0.4, (0.1, 0.0), None),
]


def test_by_pair_in_alphabetical_order_whoever_came_first() -> None:
    pairs = by_pair(_ROWS)
    assert list(pairs) == [("Ada", "Berta"), ("Ada", "Cem")]
    both = pairs["Ada", "Berta"]
    assert (both.pictures, both.iou, both.least_iou) == (2, pytest.approx(0.7), 0.6)
    assert both.boundary_f == pytest.approx(0.35)
    assert both.psnr == pytest.approx(1.5) and both.bias == pytest.approx((2 - 1) / 2) and both.swing == 2
    assert both.tendency == pytest.approx((-1 + 0) / 2), "Ada marks less than Berta"
    assert pairs["Ada", "Cem"].psnr is None and pairs["Ada", "Cem"].bias is None and pairs["Ada", "Cem"].swing is None


def test_by_annotator_everybody_is_first_once() -> None:
    people = by_annotator(_ROWS)
    assert {name: each.pictures for name, each in people.items()} == {"Ada": 3, "Berta": 2, "Cem": 1}
    assert people["Ada"].tendency == pytest.approx((-1 + 0 + 2) / 3)
    assert people["Berta"].tendency == pytest.approx(0.5) and people["Cem"].tendency == -2
    assert people["Berta"].bias == pytest.approx(-0.5)


def test_overall() -> None:
    whole = overall(_ROWS)
    assert whole is not None and whole.pictures == 3 and whole.iou == pytest.approx(0.6)
    assert overall([]) is None
    nothing = overall([_agreement("Ada", "Berta", 1.0, (0.0, 0.0), None)])
    assert nothing is not None and nothing.tendency == 0
