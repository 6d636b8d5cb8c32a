"""Many image keys at once, as 24 bytes each: asked for in whole columns, without a Python object for any of them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from million_ird.errors import DatasetError

KEY_LENGTH = 24
"""Characters of an image key (`records.image_key`)."""


def key_array(keys: pa.Array) -> NDArray[np.bytes_]:
    """A column of image keys as fixed-width bytes, (n,) S24, which sort as the keys do.

    Raises:
        DatasetError: one of them is no image key.
    """
    try:
        fixed = keys.cast(pa.binary()).cast(pa.binary(KEY_LENGTH))
    except pa.ArrowInvalid:
        raise DatasetError(f"a table holds image keys that are not {KEY_LENGTH} characters long") from None
    if fixed.null_count:
        raise DatasetError("a table holds rows without an image key")
    values = np.frombuffer(fixed.buffers()[1] or b"", f"S{KEY_LENGTH}")
    return values[fixed.offset : fixed.offset + len(fixed)]


class KeySet:
    """A set of image keys, 24 bytes each.

    `pc.is_in` with a set of keys would hash the whole set anew for every batch that is asked about.
    """

    def __init__(self, columns: Iterable[pa.Array] = ()) -> None:
        self._keys = np.concatenate([np.empty(0, f"S{KEY_LENGTH}"), *map(key_array, columns)])
        self._keys.sort()

    def __len__(self) -> int:
        return len(self._keys)

    def column(self) -> pa.Array:
        """The keys in order, as a column of a table."""
        return pa.array(self._keys, pa.binary()).cast(pa.string())

    def holds(self, keys: pa.Array) -> pa.Array:
        """Which of a column of keys are in the set: a boolean for each, never null."""
        return pa.array(self.places(key_array(keys)) >= 0)

    def places(self, keys: NDArray[np.bytes_]) -> NDArray[np.int64]:
        """Where each of the keys (n,) S24 stands among those of the set in order, -1 if it is not one of them."""
        if not len(self._keys):
            return np.full(len(keys), -1)
        places = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
        return np.where(self._keys[places] == keys, places, -1)
