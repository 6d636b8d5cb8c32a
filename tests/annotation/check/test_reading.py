"""Whatever bytes a mask file holds: a mask, or a finding that says why not, and never an exception."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from annotation.check.reading import read_mask
from annotation.mask import encode_mask
from tests.annotation.scenes import scene

_GOOD = encode_mask(scene(0)[2])
_SIZE = (240, 160)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(_GOOD) - 1), st.integers(0, 255)), max_size=4), st.integers(0, len(_GOOD)))
def test_damaged_files(changes: list[tuple[int, int]], length: int) -> None:
    data = bytearray(_GOOD)
    for place, value in changes:
        data[place] = value
    mask, found = read_mask(bytes(data[:length]), _SIZE)
    assert found or (mask is not None and mask.shape == (160, 240))
    assert mask is not None or len(found) == 1


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    mask, found = read_mask(data, _SIZE)
    assert mask is None and [finding.rule for finding in found] == ["undecodable" if data else "zero_bytes"]


def _picture(values: np.ndarray, mode: str, kind: str = "PNG") -> bytes:  # type: ignore[type-arg]
    out = io.BytesIO()
    Image.fromarray(values).convert(mode).save(out, kind)
    return out.getvalue()


@pytest.mark.parametrize("mode", ["1", "L", "RGB"])
def test_black_and_white_in_any_mode(mode: str) -> None:
    expected = scene(0)[2]
    mask, found = read_mask(_picture(expected.astype(np.uint8) * 255, mode), _SIZE)
    assert mask is not None and not found
    np.testing.assert_array_equal(mask, expected)


def test_jpeg_leaves_grey_levels_and_the_mask_is_read_as_training_code_reads_it() -> None:
    values = scene(0)[2].astype(np.uint8) * 255
    mask, found = read_mask(_picture(values, "L", "JPEG"), _SIZE)
    assert [finding.rule for finding in found] == ["values"]
    assert mask is not None and mask.sum() > (values > 0).sum(), "any value but 0 counts"


def test_a_mask_of_another_size_is_told_with_both_sizes() -> None:
    mask, found = read_mask(_GOOD, (240, 161))
    assert mask is not None and found[0].rule == "size" and "240x160, its picture 240x161" in found[0].text
    assert read_mask(_GOOD, None)[1] == ()
