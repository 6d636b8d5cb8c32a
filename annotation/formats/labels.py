"""Which of the labels in a file means blurred."""

from __future__ import annotations

from collections.abc import Iterable

from annotation.formats.model import FormatError, plain

_SHOWN = 8


def choose_label(labels: Iterable[str], wanted: str, file: str) -> str:
    """The label that means blurred: the one that was asked for, or the only one.

    Raises:
        FormatError: the file does not have it, or has several and none was asked for.
    """
    found = sorted(set(labels))
    shown = ", ".join(plain(label) for label in found[:_SHOWN]) + (", …" if len(found) > _SHOWN else "")
    if wanted:
        if found and wanted not in found:
            raise FormatError(f"nothing in {plain(file)} is labelled {wanted!r}; its labels are {shown}")
        return wanted
    if len(found) > 1:
        raise FormatError(f"{plain(file)} has several labels ({shown}): say which means blurred with --label")
    return found[0] if found else ""
