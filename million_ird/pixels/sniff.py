"""The format of a file by its first bytes; names and content types are never asked."""

from __future__ import annotations


def sniff(data: bytes) -> str:
    """Name the format of `data` by its first bytes.

    Returns:
        jpeg, png, webp, tiff, gif, bmp, avif (these can be decoded), heic, jxl, jp2, svg, ico, psd, raw (known
        pictures that are not), html, pdf, video, text, empty or unknown.
    """
    raise NotImplementedError
