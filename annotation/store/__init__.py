"""The mask store: SQLite, append-only. Nothing that was drawn is ever overwritten; see docs/annotation_store.md."""

from __future__ import annotations

from annotation.store.adding import NewItem, Refused
from annotation.store.errors import ConflictError, DamagedError, NotFoundError, RefusedError
from annotation.store.mask_store import MaskStore

__all__ = ["ConflictError", "DamagedError", "MaskStore", "NewItem", "NotFoundError", "Refused", "RefusedError"]
