"""From what a file calls an image to the item that it is."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

from annotation.formats.names import stem
from million_ird.errors import MillionIrdError


class MatchError(MillionIrdError):
    """No item is called so, or several may be meant; the text says which."""


class Names:
    """The names of a project's items: (name, path of the blurred picture) of each.

    A name in a file is first taken as an item's own, then as the path of its picture, then as either without a
    picture's suffix; with `by_basename`, at last without folders. What fits several items fits none.
    """

    def __init__(self, items: Iterable[tuple[str, str]], by_basename: bool = False) -> None:
        self._tiers: list[dict[str, set[str]]] = [{}, {}, {}, {}]
        self._by_basename = by_basename
        for name, file_name in items:
            path = stem(_folded(file_name))
            for tier, key in enumerate((_folded(name), _folded(file_name), path, _last(path))):
                self._tiers[tier].setdefault(key, set()).add(name)
            self._tiers[3].setdefault(_last(_folded(name)), set()).add(name)

    def match(self, names: Sequence[str]) -> str:
        """The name of the item that is meant by one of some names, the surest first.

        Raises:
            MatchError: none, or several.
        """
        for name in names:
            for tier, key in self._keys(_folded(name)):
                found = self._tiers[tier].get(key, set())
                if len(found) == 1:
                    return next(iter(found))
                if found:
                    raise MatchError(f"may be {' or '.join(sorted(found)[:4])}")
        raise MatchError("fits no item")

    def _keys(self, name: str) -> list[tuple[int, str]]:
        bare = stem(name)
        keys = [(0, name), (1, name), (0, bare), (2, bare)]
        return [*keys, (3, _last(bare)), (3, _last(name))] if self._by_basename else keys


def _folded(name: str) -> str:
    """As the store compares names: composed, and without a difference of capitals."""
    return unicodedata.normalize("NFC", name.replace("\\", "/").removeprefix("./")).casefold()


def _last(name: str) -> str:
    return name.rpartition("/")[2]
