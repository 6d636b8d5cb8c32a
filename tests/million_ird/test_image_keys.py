"""Sets of image keys answer for whole columns, and refuse what is no key."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from million_ird.errors import DatasetError
from million_ird.image_keys import KeySet, key_array
from million_ird.records import image_key

KEYS = [image_key(str(number)) for number in range(300)]


def test_keys_become_bytes_that_sort_alike() -> None:
    keys = key_array(pa.array(KEYS))
    assert keys.tolist() == [key.encode() for key in KEYS]
    assert np.sort(keys).tolist() == [key.encode() for key in sorted(KEYS)]
    assert key_array(pa.array(KEYS).slice(7, 5)).tolist() == [key.encode() for key in KEYS[7:12]]
    assert len(key_array(pa.array([], pa.string()))) == 0


def test_a_set_says_which_keys_of_a_column_it_holds() -> None:
    held = KeySet([pa.array(KEYS[200:]), pa.array([], pa.string()), pa.array(KEYS[100:150])])
    assert len(held) == 150
    assert held.column().to_pylist() == sorted(KEYS[100:150] + KEYS[200:])
    assert held.holds(pa.array(KEYS)).to_pylist() == [False] * 100 + [True] * 50 + [False] * 50 + [True] * 100
    assert KeySet().column().equals(pa.array([], pa.string()))
    assert KeySet().holds(pa.array(KEYS[:3])).to_pylist() == [False] * 3
    assert held.holds(pa.array([], pa.string())).to_pylist() == []


@pytest.mark.parametrize("column", [["abc"], [KEYS[0], None]])
def test_what_is_no_key_is_said_so(column: list[str | None]) -> None:
    with pytest.raises(DatasetError, match="key"):
        key_array(pa.array(column, pa.string()))
