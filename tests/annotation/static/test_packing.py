"""The page packs masks as annotation/mask.py does."""

from __future__ import annotations

import base64

import numpy as np
import pytest

from annotation.mask import pack_bits, unpack_bits
from tests.annotation.static.conftest import Modules

SIZES = [(1, 1), (7, 3), (8, 2), (9, 5), (33, 17), (640, 3)]


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_python_reads_what_the_page_packed(modules: Modules, width: int, height: int) -> None:
    mask = np.random.default_rng(width).random((height, width)) < 0.4
    packed = modules.run(
        "const {pack} = await import('/engine/packing.js'); return give(await pack(values, width, height));",
        values=mask,
        width=width,
        height=height,
    )
    assert np.array_equal(unpack_bits(base64.b64decode(packed), width, height), mask)


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_the_page_reads_what_python_packed(modules: Modules, width: int, height: int) -> None:
    mask = np.random.default_rng(height).random((height, width)) < 0.6
    values = modules.run(
        "const {unpack} = await import('/engine/packing.js'); return give(await unpack(data, width, height));",
        data=pack_bits(mask),
        width=width,
        height=height,
    )
    assert np.array_equal(np.frombuffer(base64.b64decode(values), np.uint8).reshape(height, width), mask)


def test_a_mask_of_another_size_is_refused(modules: Modules) -> None:
    message = modules.run(
        "const {unpack} = await import('/engine/packing.js');"
        "return unpack(data, 16, 3).then(() => 'accepted', (error) => error.message);",
        data=pack_bits(np.ones((2, 16), bool)),
    )
    assert message == "a mask of 16×3 needs 6 bytes, got 4"
