"""Thumbnails as images inside the page."""

from __future__ import annotations

import base64

from million_ird.report.markup import Markup, tag

_FRAMES = frozenset({0xC0, 0xC1, 0xC2})
"""JPEG start-of-frame markers of baseline, extended and progressive files."""


def jpeg_size(data: bytes) -> tuple[int, int] | None:
    """(width, height) of a JPEG from its frame header, None if the bytes are none."""
    if data[:3] != b"\xff\xd8\xff":
        return None
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if marker in _FRAMES:
            height, width = int.from_bytes(data[at + 5 : at + 7], "big"), int.from_bytes(data[at + 7 : at + 9], "big")
            return (width, height) if width and height else None
        at += 2 + max(length, 2)
    return None


def image(data: bytes, alternative: str) -> Markup | None:
    """An `img` that carries its JPEG bytes; None if they are no JPEG."""
    size = jpeg_size(data)
    if size is None:
        return None
    source = "data:image/jpeg;base64," + base64.b64encode(data).decode("ascii")
    return tag("img", src=source, alt=alternative, width=size[0], height=size[1], decoding="async")
