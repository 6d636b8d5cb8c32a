"""The optional extension `_region.c`."""

from typing import Any

def decode_region(
    data: bytes, out: Any, image_width: int, image_height: int, x: int, y: int, width: int, height: int
) -> None:
    """RGB rows of the region into `out`, a writable buffer of 3 · width · height bytes. `ValueError` if damaged."""

def version() -> str:
    """The libjpeg-turbo it was built with."""
