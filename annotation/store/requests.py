"""Judging what a request to the store says, before anything is looked up."""

from __future__ import annotations

import re
import unicodedata

import numpy as np

from annotation.mask import Mask, MaskError
from annotation.records import KINDS, STATES, Rect
from annotation.store.errors import RefusedError

MAX_ANNOTATOR = 80
"""Longest name of an annotator in characters."""
MAX_TEXT = 4000
"""Longest comment, note or reason in characters."""

_ID = re.compile(r"[0-9a-f]{32}").fullmatch


def check_id(name: str, what: str = "revision") -> str:
    if not _ID(name):
        raise RefusedError(f"a {what} is named by 32 hex digits, not {name[:40]!r}")
    return name


def check_annotator(name: str) -> str:
    """The name in its normal form, without spaces around it."""
    tidy = unicodedata.normalize("NFC", " ".join(name.split()))
    if not tidy or len(tidy) > MAX_ANNOTATOR or not tidy.isprintable():
        raise RefusedError(f"say who you are: a name of 1 to {MAX_ANNOTATOR} printable characters")
    return tidy


def check_text(text: str, what: str, required: bool = False) -> str:
    tidy = text.strip()
    if required and not tidy:
        raise RefusedError(f"the {what} is empty")
    if len(tidy) > MAX_TEXT:
        raise RefusedError(f"the {what} has {len(tidy):,} characters; {MAX_TEXT:,} are the most")
    if any(0xD800 <= ord(character) < 0xE000 or character == "\0" for character in tidy):
        raise RefusedError(f"the {what} holds characters that are no text")
    return tidy


def check_kind(kind: str) -> None:
    if kind not in KINDS or kind in ("empty", "proposal"):
        raise RefusedError(f"{kind[:40]!r} is no kind of stroke")


def check_state(state: str) -> None:
    if state not in STATES:
        raise RefusedError(f"{state[:40]!r} is no state; states are {', '.join(STATES)}")


def check_rect(rect: Rect, size: tuple[int, int]) -> None:
    """RefusedError unless a rectangle is not empty and inside a picture of (width, height)."""
    starts_inside = min(rect.x, rect.y) >= 0 and min(rect.width, rect.height) >= 1
    if not starts_inside or rect.x + rect.width > size[0] or rect.y + rect.height > size[1]:
        raise RefusedError(
            f"the rectangle {rect.width}x{rect.height} at {rect.x}, {rect.y} does not lie inside the picture of "
            f"{size[0]}x{size[1]} pixels"
        )


def check_values(values: Mask, size: tuple[int, int]) -> None:
    """MaskError unless `values` is a bool array of (width, height)."""
    if values.dtype != np.bool_ or values.shape != (size[1], size[0]):
        raise MaskError(f"expected a bool array of {size[0]}x{size[1]} pixels, got {values.dtype} {values.shape[::-1]}")
