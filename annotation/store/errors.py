"""What can be wrong with a request to the store, or with the store itself."""

from __future__ import annotations

from annotation.records import Layer
from million_ird.errors import MillionIrdError, StoreError


class NotFoundError(MillionIrdError):
    """There is no such item, layer or revision."""


class RefusedError(MillionIrdError):
    """A request that cannot be carried out as it is; the text says what to change."""


class ConflictError(MillionIrdError):
    """Somebody else was faster: the layer no longer shows what the request was made for.

    A stroke that meets this is stored nevertheless, as a branch that can be restored.
    """

    def __init__(self, layer: Layer, stored: bool = False) -> None:
        by = f" by {layer.annotator}" if layer.annotator else ""
        kept = "; your stroke is kept in the history" if stored else ""
        super().__init__(f"the mask was changed meanwhile{by}{kept}: load it again")
        self.layer = layer
        self.head = layer.head
        self.annotator = layer.annotator
        self.stored = stored


class DamagedError(StoreError):
    """Something in the store is not as it was written."""
