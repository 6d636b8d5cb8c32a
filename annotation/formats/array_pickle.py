"""Reading the pickles that numpy writes for a dict of arrays, without running anything that is in them.

A pickle is a program: it may call any function that can be imported. Here only three names are known, those that numpy
gives its arrays (`_reconstruct`, `ndarray`, `dtype`), and even they stand for plain records of ours: what the pickle
says of shape, type and bytes is kept, checked, and turned into an array afterwards. Before that, its instructions are
read through one by one, without being followed: others than those that a dict of arrays needs are refused, and so are
tables of a size that only exhausts memory.
"""

from __future__ import annotations

import io
import math
import pickle
from typing import Any

import numpy as np
from numpy.typing import NDArray

from annotation.mask import MAX_PIXELS, MaskError

_FIXED = {
    **dict.fromkeys((pickle.PROTO, pickle.BININT1, pickle.BINPUT, pickle.BINGET), 1),
    **dict.fromkeys((pickle.BININT2,), 2),
    **dict.fromkeys((pickle.BININT, pickle.LONG_BINPUT, pickle.LONG_BINGET), 4),
    **dict.fromkeys((pickle.FRAME, pickle.BINFLOAT), 8),
    **dict.fromkeys((pickle.STOP, pickle.STACK_GLOBAL, pickle.REDUCE, pickle.BUILD, pickle.MARK, pickle.MEMOIZE), 0),
    **dict.fromkeys((pickle.EMPTY_TUPLE, pickle.TUPLE, pickle.TUPLE1, pickle.TUPLE2, pickle.TUPLE3), 0),
    **dict.fromkeys((pickle.EMPTY_LIST, pickle.LIST, pickle.APPEND, pickle.APPENDS), 0),
    **dict.fromkeys((pickle.EMPTY_DICT, pickle.DICT, pickle.SETITEM, pickle.SETITEMS), 0),
    **dict.fromkeys((pickle.NONE, pickle.NEWTRUE, pickle.NEWFALSE), 0),
}
"""Instructions that are known, with the bytes of their argument."""
_COUNTED = {
    **dict.fromkeys((pickle.LONG1, pickle.SHORT_BINUNICODE, pickle.SHORT_BINBYTES), 1),
    **dict.fromkeys((pickle.BINUNICODE, pickle.BINBYTES), 4),
    pickle.BINBYTES8: 8,
}
"""Instructions whose argument begins with its length, with the bytes of that length."""
_MOST_INSTRUCTIONS = 2_000
"""A dict of three arrays takes about sixty."""
_TYPES = frozenset({"b1", "u1", "u2", "i1", "i2", "i4", "i8", "u4", "u8", "f2", "f4", "f8"})
"""What the bytes of an array may mean; and `O8`, once, for the box around the dict."""
_ARRAY_BYTES = 32 * MAX_PIXELS


class _Type:
    """Stands for `numpy.dtype`."""

    def __init__(self, name: Any = "", align: Any = False, copy: Any = False) -> None:
        self.name, self.order = name, "|"

    def __setstate__(self, state: Any) -> None:
        if not isinstance(state, tuple) or len(state) < 2 or state[1] not in ("<", ">", "|", "="):
            raise MaskError("the type of an array cannot be read")
        self.order = state[1]


class _Array:
    """Stands for `numpy.ndarray`, and for the function that makes an empty one."""

    def __init__(self, *_: Any) -> None:
        self.state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state


_KNOWN = {
    ("numpy.core.multiarray", "_reconstruct"): _Array,
    ("numpy._core.multiarray", "_reconstruct"): _Array,
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Type,
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _KNOWN:
            raise MaskError(f"it would run {module}.{name}, which a dict of arrays does not need: not read")
        return _KNOWN[module, name]


def load_arrays(data: bytes) -> dict[str, NDArray[Any]]:
    """The dict of arrays in a pickle, alone or inside the array without dimensions that `numpy.save` makes of it.

    Raises:
        MaskError: anything else; nothing in it has been run.
    """
    _check_instructions(data)
    try:
        content = _Unpickler(io.BytesIO(data)).load()
    except MaskError:
        raise
    except Exception as error:  # noqa: BLE001  a pickle can make its reader raise anything
        raise MaskError(f"its pickle is damaged: {_line(error)}") from None
    content = _unboxed(content)
    if not isinstance(content, dict) or not all(isinstance(name, str) for name in content):
        raise MaskError("it holds no dict of arrays")
    return {name: _as_array(value, name) for name, value in content.items() if isinstance(value, _Array)}


def _check_instructions(data: bytes) -> None:
    """Reads through the instructions up to the one that ends the pickle."""
    at = 0
    for _ in range(_MOST_INSTRUCTIONS):
        if at >= len(data):
            raise MaskError("its pickle ends too early")
        instruction = data[at : at + 1]
        if instruction == pickle.STOP:
            return
        if instruction == pickle.LONG_BINPUT and int.from_bytes(data[at + 1 : at + 5], "little") > _MOST_INSTRUCTIONS:
            raise MaskError("its pickle asks for a table that only exhausts memory")
        at = _end_of(data, at, instruction)
    raise MaskError("its pickle has more instructions than a dict of arrays needs")


def _end_of(data: bytes, at: int, instruction: bytes) -> int:
    """Where the next instruction begins."""
    start = at + 1
    if instruction in _FIXED:
        return start + _FIXED[instruction]
    if instruction in _COUNTED:
        end = start + _COUNTED[instruction]
        return end + int.from_bytes(data[start:end], "little")
    if instruction == pickle.GLOBAL:  # two lines, the names of a module and of something in it
        middle = data.find(b"\n", start) + 1
        return (data.find(b"\n", middle) + 1 or len(data) + 1) if middle else len(data) + 1
    raise MaskError(f"its pickle has the instruction {instruction!r}, which a dict of arrays does not need")


def _unboxed(content: Any) -> Any:
    """The one value of an array of objects without dimensions."""
    if not isinstance(content, _Array):
        return content
    shape, kind, _, values = _state(content, "the array")
    if shape != () or kind != "O8" or not isinstance(values, list) or len(values) != 1:
        raise MaskError("it holds an array, not a dict of arrays")
    return values[0]


def _as_array(array: _Array, name: str) -> NDArray[Any]:
    shape, kind, in_columns, raw = _state(array, name)
    if kind.lstrip("<>|=") not in _TYPES or not isinstance(raw, bytes):
        raise MaskError(f"{name} is an array of {kind!r}, not of numbers")
    dtype = np.dtype(kind)
    if math.prod(shape) * dtype.itemsize != len(raw) or len(raw) > _ARRAY_BYTES:
        raise MaskError(f"{name} has {len(raw):,} bytes, which does not fit its shape {shape}")
    return np.frombuffer(raw, dtype).reshape(shape, order="F" if in_columns else "C")


def _state(array: _Array, name: str) -> tuple[tuple[int, ...], str, bool, Any]:
    """Shape, type, order and content."""
    state = array.state
    if not isinstance(state, tuple) or len(state) != 5:
        raise MaskError(f"{name} is no array as numpy writes them")
    _, shape, kind, in_columns, content = state
    is_shape = isinstance(shape, tuple) and len(shape) <= 4
    if not is_shape or any(type(side) is not int or not 0 <= side <= MAX_PIXELS for side in shape):
        raise MaskError(f"the shape of {name} cannot be")
    if not isinstance(kind, _Type) or not isinstance(kind.name, str) or type(in_columns) is not bool:
        raise MaskError(f"{name} is no array as numpy writes them")
    order = "" if kind.order == "|" else kind.order
    return shape, kind.name if kind.name == "O8" else order + kind.name, in_columns, content


def _line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:100]
