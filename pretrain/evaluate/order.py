"""The order in which the pictures of a set are taken, which under `promptir` decides the noise that each gets."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from million_ird.errors import UsageError
from pretrain.evaluate.picture_set import PictureSet
from pretrain.images import shown_name


def arrange(sets: Sequence[PictureSet], order: str) -> list[PictureSet]:
    """The sets with their pictures in an order: `sorted` (by name, as they are found), `listing` (as the file system
    lists the folder, which is what the published code takes), or the path of an earlier evaluation's record.

    Raises:
        UsageError: no such record, or one of other pictures.
    """
    if order == "sorted":
        return list(sets)
    if order == "listing":
        return [_as_listed(each) for each in sets]
    names = read_order(Path(order))
    missing = [each.name for each in sets if each.name not in names]
    if missing:
        raise UsageError(f"--order: {order} has no set {missing[0]}")
    return [in_order(each, names[each.name]) for each in sets]


def read_order(path: Path) -> dict[str, list[str]]:
    """Set name → names of its pictures in the order in which an earlier evaluation took them.

    Raises:
        UsageError: no such file, or not one of ours.
    """
    try:
        sets = json.loads(path.read_text(encoding="utf-8"))["sets"]
        return {each["name"]: list(each["order"]) for each in sets}
    except OSError as error:
        raise UsageError(f"--order: {path} cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError):
        raise UsageError(f"--order: {path} is no record of an evaluation") from None


def in_order(found: PictureSet, names: Sequence[str]) -> PictureSet:
    """The set with its pictures in the order of `names`.

    Raises:
        UsageError: the set does not hold exactly the pictures that `names` says.
    """
    places = {name: place for place, name in enumerate(names)}
    missing = sorted(places.keys() - {item.name for item in found.items})
    strange = sorted({item.name for item in found.items} - places.keys())
    if missing or strange:
        what = f"lacks {missing[0]}" if missing else f"also holds {strange[0]}"
        raise UsageError(f"--order: {found.name} {what}, so the order cannot be repeated")
    return replace(found, items=tuple(sorted(found.items, key=lambda item: places[item.name])))


def _as_listed(found: PictureSet) -> PictureSet:
    """In the order of `os.listdir` of the folder that the pictures lie in."""
    folder = (found.items[0].degraded or found.items[0].clean).parent
    places = {shown_name(name): place for place, name in enumerate(os.listdir(folder))}  # noqa: PTH208 - its order is the point
    return replace(found, items=tuple(sorted(found.items, key=lambda item: places[item.name])))
