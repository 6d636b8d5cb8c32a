"""COCO's run lengths, against pycocotools."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from annotation.formats.coco_rle import decode, encode, from_text, to_text
from annotation.formats.runs import counts_of, flat_of, whole_counts
from annotation.mask import MAX_PIXELS, Mask, MaskError
from tests.annotation.formats.world import masks

coco = pytest.importorskip("pycocotools.mask", reason="pycocotools is not installed")
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # pycocotools' own


@settings(max_examples=80, deadline=None)
@given(mask=masks())
def test_texts_are_those_of_pycocotools_and_both_read_the_other(mask: Mask) -> None:
    theirs = coco.encode(np.asfortranarray(mask.astype(np.uint8)))
    text = to_text(encode(mask))
    assert text == theirs["counts"].decode()
    assert np.array_equal(coco.decode({"size": list(mask.shape), "counts": text}), mask)
    assert np.array_equal(decode(from_text(text), mask.shape[1], mask.shape[0]), mask)


def test_long_runs_need_several_characters() -> None:
    mask = np.zeros((1436, 2152), np.bool_)
    mask[700:710, 1000:1800] = True
    theirs = coco.encode(np.asfortranarray(mask.astype(np.uint8)))["counts"].decode()
    assert to_text(encode(mask)) == theirs
    assert np.array_equal(decode(from_text(theirs), 2152, 1436), mask)


@pytest.mark.parametrize(
    ("text", "says"),
    [("\x00", "cannot be"), ("é", "cannot be"), ("o" * 9, "cannot be"), ("o", "within a number")],
)
def test_texts_that_are_none(text: str, says: str) -> None:
    with pytest.raises(MaskError, match=says):
        from_text(text)


@pytest.mark.parametrize(
    ("counts", "length", "says"),
    [
        ([5, -1, 6], 10, "a run of -1"),
        ([5, 6], 10, "do not add up to the 10"),
        ([2**52] * 4096, 10, "do not add up"),
        ([], 10, "do not add up"),
        ([1], MAX_PIXELS + 1, "larger than"),
    ],
)
def test_runs_that_fit_no_mask(counts: list[int], length: int, says: str) -> None:
    with pytest.raises(MaskError, match=says):
        flat_of(np.array(counts, np.int64), length)


@pytest.mark.parametrize("values", ["12", None, {}, [1.0], [True], [2**60], [None], [[1]]])
def test_lists_that_are_no_runs(values: object) -> None:
    with pytest.raises(MaskError, match="its runs are"):
        whole_counts(values)


def test_runs_of_nothing() -> None:
    assert counts_of(np.zeros(0, np.bool_)).size == 0
    assert flat_of(np.zeros(0, np.int64), 0).size == 0
