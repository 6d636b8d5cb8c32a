"""Rows, pixels, screens, patches, fingerprints, duplicates, shards and the report: what the data is.

from million_ird import open_dataset
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from million_ird.dataset import Dataset, open_dataset

__version__ = "0.5.0"

__all__ = ["Dataset", "open_dataset"]


def __getattr__(name: str) -> Any:
    """Imports the reader only when it is asked for, so that `million-ird --help` is instant."""
    if name not in __all__:
        raise AttributeError(f"module 'million_ird' has no attribute {name!r}")
    from million_ird import dataset

    return getattr(dataset, name)
