"""The frames of an item as the page needs them: shown, decoded, and the sharp one laid onto the blurred one."""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np
import numpy.typing as npt

from annotation.app.errors import RequestError
from annotation.app.workers import Kept
from annotation.pictures import Display, Pictures, Which
from annotation.records import Item
from annotation.registration import Registration, apply, register
from million_ird.pixels import encode_png

Pixels = npt.NDArray[np.uint8]

_DECODED = 256 << 20
"""Bytes of decoded frames that are kept: twenty-eight of 2152x1436."""
_ENCODED = 128 << 20
"""Bytes of encoded frames that are kept."""
_REGISTRATIONS = 10_000


class Frames:
    """Frames of a project's items. Everything here can take seconds: never call it on the event loop."""

    def __init__(self, pictures: Pictures) -> None:
        self._pictures = pictures
        self._decoded = Kept[Pixels](_DECODED, lambda pixels: pixels.nbytes)
        self._encoded = Kept[Display](_ENCODED, lambda picture: len(picture.data))
        self._registrations = Kept[Registration](_REGISTRATIONS, lambda _: 1)

    def blurred(self, item: Item) -> Display:
        """The file itself where a browser shows exactly its pixels upright, else a PNG of them."""
        return self._encoded.get(_key(item, "blurred"), lambda: self._pictures.display(item))

    def sharp(self, item: Item) -> Display:
        """PNG of the sharp frame in the geometry of the blurred one."""
        return self._encoded.get(_key(item, "sharp"), lambda: self._registered_png(item))

    def pixels(self, item: Item, frame: Which) -> Pixels:
        """RGB, uint8, (H, W, 3), upright; the sharp frame lies on the blurred one.

        Raises:
            RequestError: the item is no pair (404).
        """
        if frame == "sharp" and not item.is_pair:
            raise RequestError(404, "this item has no sharp frame")
        return self._decoded.get(_key(item, frame), lambda: self._compute(item, frame))

    def unregistered(self, item: Item) -> Pixels:
        """The sharp frame as it lies in its own file."""
        return self._pictures.pixels(item, "sharp")

    def registration(self, item: Item) -> Registration:
        """How the sharp frame lay before; RequestError (404) where there is none."""
        return self._registrations.get(_key(item, "sharp"), lambda: self._register(item))

    def _registered_png(self, item: Item) -> Display:
        return Display(encode_png(self.pixels(item, "sharp")), "image/png")

    def _compute(self, item: Item, frame: Which) -> Pixels:
        pixels = self._pictures.pixels(item, frame)
        return apply(self.registration(item), pixels) if frame == "sharp" else pixels

    def _register(self, item: Item) -> Registration:
        if not item.is_pair:
            raise RequestError(404, "this item has no sharp frame")
        return register(self.pixels(item, "blurred"), self._pictures.pixels(item, "sharp"))


def _key(item: Item, frame: Which) -> Hashable:
    return item.id, item.sha256, item.sharp_sha256, frame
