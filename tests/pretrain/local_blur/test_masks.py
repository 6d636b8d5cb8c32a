"""Masks of shards, read strictly."""

from __future__ import annotations

import numpy as np
import pytest

from pretrain.crop import DamagedPatchError
from pretrain.local_blur.masks import BlurMask
from pretrain.stream.index import Patch
from tests.pretrain.local_blur.triples import disc, encoded


def _mask(data: bytes, side: int = 96) -> BlurMask:
    patch = Patch(0, 0, "a.mask", "a", "png", side, side, 1, 0, len(data), b"")
    return BlurMask(patch, lambda _patch: data)


def test_one_bit_and_eight_bit_masks_are_read() -> None:
    wanted = disc(40, 50)
    for pixels in (wanted, wanted.astype(np.uint8) * 255):
        found = _mask(encoded(pixels)).read()
        assert found.dtype == np.bool_
        assert np.array_equal(found, wanted)


@pytest.mark.parametrize(
    ("data", "side", "message"),
    [
        (encoded(disc(40, 40).astype(np.uint8) * 100), 96, "a.mask: values other than 0 and 255 in a mask"),
        (encoded(disc(40, 40)), 97, "a.mask: no mask of 97x97 pixels"),
        (b"nothing", 96, "a.mask: no mask of 96x96 pixels"),
    ],
)
def test_what_is_no_mask_is_damaged(data: bytes, side: int, message: str) -> None:
    with pytest.raises(DamagedPatchError, match=message):
        _mask(data, side).read()
