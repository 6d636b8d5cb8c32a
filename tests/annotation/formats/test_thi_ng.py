"""Label Studio's run-length code: known streams, both kinds of packets, and broken ones."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotation.formats.thi_ng import decode, encode
from annotation.mask import MaskError


def stream(*parts: tuple[int, int]) -> bytes:
    """(value, bits) after each other, filled up to whole bytes."""
    bits = "".join(f"{value:0{size}b}" for value, size in parts)
    bits += "0" * (-len(bits) % 8)
    return bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits), 8))


HEADER = ((7, 5), (2, 4), (3, 4), (7, 4), (15, 4))  # 8 bits a value; lengths of 3, 4, 8 and 16 bits


@settings(max_examples=60, deadline=None)
@given(runs=st.lists(st.tuples(st.integers(0, 255), st.integers(1, 400)), max_size=8))
def test_what_is_packed_comes_back(runs: list[tuple[int, int]]) -> None:
    values = np.concatenate([np.zeros(0, np.uint8), *(np.full(count, value, np.uint8) for value, count in runs)])
    assert np.array_equal(decode(encode(values), values.size), values)


def test_a_run_longer_than_the_longest_length_is_written_in_parts() -> None:
    values = np.full(3 * 65536 + 7, 255, np.uint8)
    assert np.array_equal(decode(encode(values), values.size), values)


def test_a_stream_by_hand() -> None:
    assert encode(np.array([255] * 3 + [0] * 12, np.uint8)) == stream(
        (15, 32), *HEADER, (1, 1), (0, 2), (2, 3), (255, 8), (1, 1), (1, 2), (11, 4), (0, 8)
    )


def test_values_that_are_listed_one_by_one_are_read_too() -> None:
    packed = stream(
        (5, 32), *HEADER, (0, 1), (0, 2), (3, 3), (1, 8), (2, 8), (3, 8), (255, 8), (1, 1), (0, 2), (0, 3), (9, 8)
    )
    assert decode(packed, 5).tolist() == [1, 2, 3, 255, 9]


@pytest.mark.parametrize(
    ("packed", "says"),
    [
        (b"", "end too early"),
        (stream((6, 32), *HEADER), "for 6 values, its size asks for 5"),
        (stream((5, 32), *HEADER), "end too early"),
        (stream((5, 32), (15, 5), (0, 16)), "16 bits"),
        (stream((5, 32), *HEADER, (1, 1), (0, 2), (5, 3), (1, 8)), "longer than the mask"),
        (stream((5, 32), *HEADER, (0, 1), (0, 2), (4, 3), (1, 8)), "end too early"),
    ],
)
def test_broken_streams(packed: bytes, says: str) -> None:
    with pytest.raises(MaskError, match=says):
        decode(packed, 5)
