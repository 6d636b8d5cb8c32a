"""JSON files that others wrote: parsed within bounds, and what is taken out of them is of the type that it must be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from annotation.formats.files import read_bounded
from annotation.formats.model import FormatError, Size, plain
from annotation.mask import MAX_PIXELS, MaskError


def read_json(path: Path, limit: int) -> Any:
    """The content of a JSON file of at most `limit` bytes.

    Raises:
        FormatError: no JSON, or nested too deep, or with NaN, which JSON does not have.
    """
    data = read_bounded(path, limit)
    try:
        return json.loads(data, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError and JSONDecodeError are ValueErrors
        reason = "nested too deep" if isinstance(error, RecursionError) else plain(str(error))
        raise FormatError(f"{plain(path.name)} is no JSON that can be read: {reason}") from None


def to_json(value: Any) -> bytes:
    """A value as JSON for a file: the same value always gives the same bytes."""
    return (json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n").encode()


def table(value: Any, what: str) -> dict[str, Any]:
    """MaskError unless a value is a table."""
    if not isinstance(value, dict):
        raise MaskError(f"{what} is no table: {plain(value)}")
    return value


def items(value: Any, what: str) -> list[Any]:
    """MaskError unless a value is a list."""
    if not isinstance(value, list):
        raise MaskError(f"{what} is no list: {plain(value)}")
    return value


def text(value: Any, what: str) -> str:
    """MaskError unless a value is text that can be written to a terminal or file."""
    if not isinstance(value, str) or not value:
        raise MaskError(f"{what} is no text: {plain(value)}")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise MaskError(f"{what} holds half a character") from None
    return value


def whole(value: Any, what: str) -> int:
    """MaskError unless a value is a whole number; a float without a fraction counts as one."""
    if type(value) is float and value.is_integer():
        value = int(value)
    if type(value) is not int:
        raise MaskError(f"{what} is no whole number: {plain(value)}")
    return value


def size_of(width: Any, height: Any) -> Size:
    """MaskError unless two values are the size of a picture."""
    size = whole(width, "its width"), whole(height, "its height")
    if min(size) < 1 or size[0] * size[1] > MAX_PIXELS:
        raise MaskError(f"a picture of {plain(size[0])}x{plain(size[1])} pixels cannot be, or is too large")
    return size


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")
