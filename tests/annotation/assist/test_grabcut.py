"""GrabCut in a box: how close to the truth its outline comes, what it keeps of hints, where it says no."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotation.assist import grabcut
from annotation.assist.grabcut import Hints, cut_out
from annotation.mask import Mask
from annotation.records import Rect
from million_ird.errors import UsageError
from tests.annotation.app.live import Pixels, scene


def _object(radius: int, width: int, height: int, softness: float) -> tuple[Pixels, Mask]:
    """A lobed object with a texture of its own before another one, and its exact mask."""
    angles = np.linspace(0, 2 * np.pi, 720, endpoint=False)
    reach = radius * (1 + 0.15 * np.sin(3 * angles + 1) + 0.08 * np.sin(7 * angles) + 0.03 * np.sin(15 * angles))
    outline = np.stack([width / 2 + reach * np.cos(angles), height / 2 + reach * np.sin(angles)], 1)
    mask = np.zeros((height, width), np.uint8)
    cv2.fillPoly(mask, [outline.round().astype(np.int32)], 1)
    alpha = cv2.GaussianBlur(mask.astype(np.float64), (0, 0), softness)[:, :, None]
    front, back = (scene(width, height, seed).astype(np.float64) - 128 for seed in (1, 2))
    pixels = (np.array((160, 110, 90)) + front * 0.4) * alpha + (np.array((90, 120, 140)) + back * 0.4) * (1 - alpha)
    noise = np.random.default_rng(0).normal(0, 4, pixels.shape)
    return np.clip(pixels + noise, 0, 255).astype(np.uint8), mask.astype(np.bool_)


def _box_around(mask: Mask, margin: int) -> Rect:
    x, y, width, height = cv2.boundingRect(mask.astype(np.uint8))
    return Rect(x - margin, y - margin, width + 2 * margin, height + 2 * margin)


def _inside(mask: Mask, box: Rect) -> Mask:
    return mask[box.y : box.y + box.height, box.x : box.x + box.width]


def _distance(found: Mask, true: Mask) -> float:
    """Mean distance in pixels of the found border from the true one."""
    borders = [
        cv2.morphologyEx(m.astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) for m in (found, true)
    ]
    away = cv2.distanceTransform(1 - borders[1], cv2.DIST_L2, 5)
    return float(away[borders[0] > 0].mean())


@pytest.mark.parametrize(("radius", "width", "height"), [(60, 300, 240), (200, 800, 640), (320, 1100, 900)])
def test_the_outline_is_to_the_pixel_whatever_the_size(radius: int, width: int, height: int) -> None:
    picture, mask = _object(radius, width, height, softness=1.0)
    box = _box_around(mask, 12)
    found = cut_out(picture, box)
    true = _inside(mask, box)
    assert found.shape == (box.height, box.width)
    assert (found & true).sum() / (found | true).sum() > 0.985
    assert _distance(found, true) < 0.7


def test_the_small_copy_alone_would_be_worse(monkeypatch: pytest.MonkeyPatch) -> None:
    picture, mask = _object(320, 1100, 900, softness=1.0)
    box = _box_around(mask, 12)
    fine = _distance(cut_out(picture, box), _inside(mask, box))
    monkeypatch.setattr(grabcut, "_LEAST_CONTRAST", 1e9)
    coarse = _distance(cut_out(picture, box), _inside(mask, box))
    assert fine < 0.9 * coarse


def test_the_same_box_has_the_same_answer() -> None:
    picture, box = scene(200, 150, 3), Rect(50, 40, 80, 70)
    first = cut_out(picture, box)
    cv2.setRNGSeed(12345)
    assert np.array_equal(cut_out(picture, box), first)


def test_a_hint_is_true_of_its_pixel() -> None:
    picture, mask = _object(60, 300, 240, softness=1.0)
    box = _box_around(mask, 12)
    outside, inside = (box.x + 1, box.y + 1), (150, 120)
    plain = cut_out(picture, box)
    assert not plain[1, 1] and plain[inside[1] - box.y, inside[0] - box.x]
    turned = cut_out(picture, box, Hints([outside, (0, 0), (-5, 900)], [inside]))
    assert turned[1, 1] and not turned[inside[1] - box.y, inside[0] - box.x]


def test_where_nothing_is_found_the_middle_of_the_box_is_the_object(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    def nothing_without_being_told(_small: Pixels, marks: Pixels, *_rest: object) -> None:
        seen.append(int((marks == cv2.GC_FGD).sum()))
        marks[marks == cv2.GC_PR_FGD] = cv2.GC_PR_BGD

    monkeypatch.setattr(cv2, "grabCut", nothing_without_being_told)
    found = cut_out(scene(300, 240), Rect(100, 80, 100, 60), Hints(background=[(150, 110)]))
    assert seen[0] == 0 and len(seen) > 1
    assert found[30, 45] and not found[30, 50] and not found[30, 10]
    assert 0.8 < found.sum() / (0.1 * np.pi / 4 * 100 * 60) < 1.2


def test_nothing_outside_the_box_is_taken_and_the_box_may_touch_the_border() -> None:
    picture, _mask = _object(60, 300, 240, softness=1.0)
    assert cut_out(picture, Rect(0, 0, 200, 240)).shape == (240, 200)


@pytest.mark.parametrize(
    ("box", "hints", "words"),
    [
        (Rect(0, 0, 301, 10), Hints(), "inside the picture"),
        (Rect(299, 0, 2, 10), Hints(), "inside the picture"),
        (Rect(0, 0, 1, 10), Hints(), "at least 2 pixels"),
        (Rect(0, 0, 300, 240), Hints(), "nothing of the background"),
        (Rect(10, 10, 2, 2), Hints((), [(x, y) for x in (10, 11) for y in (10, 11)]), "mark some of the object"),
    ],
)
def test_a_box_that_cannot_be_cut_is_one_line(box: Rect, hints: Hints, words: str) -> None:
    picture, _mask = _object(60, 300, 240, softness=1.0)
    with pytest.raises(UsageError, match=words):
        cut_out(picture, box, hints)


def test_a_box_too_large_to_cut_says_how_large_it_may_be() -> None:
    picture = np.zeros((100, 6000, 3), np.uint8)
    with pytest.raises(UsageError, match="too large to cut at once: 1600 a side"):
        cut_out(picture, Rect(100, 10, 2500, 50))


def test_after_its_time_the_answer_is_what_was_found_so_far(monkeypatch: pytest.MonkeyPatch) -> None:
    picture, mask = _object(60, 300, 240, softness=1.0)
    rounds: list[int] = []
    real = cv2.grabCut
    monkeypatch.setattr(cv2, "grabCut", lambda *arguments: rounds.append(1) or real(*arguments))
    assert cut_out(picture, _box_around(mask, 12), time_limit=-1.0).any()
    assert len(rounds) == 1


@settings(max_examples=40, deadline=None)
@given(data=st.data(), is_flat=st.booleans(), size=st.sampled_from([(12, 9), (90, 60), (700, 20)]))
def test_any_box_ends_in_a_mask_of_its_size_or_in_one_line(
    data: st.DataObject, is_flat: bool, size: tuple[int, int]
) -> None:
    width, height = size
    picture = np.full((height, width, 3), 255, np.uint8) if is_flat else scene(width, height, 3)
    x, y = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    box = Rect(x, y, data.draw(st.integers(1, width)), data.draw(st.integers(1, height)))
    points = st.lists(st.tuples(st.integers(0, width), st.integers(0, height)), max_size=3)
    try:
        found = cut_out(picture, box, Hints(data.draw(points), data.draw(points)))
    except UsageError as error:
        assert "\n" not in str(error)
    else:
        assert found.dtype == np.bool_ and found.shape == (box.height, box.width)
