"""The format of a file by its first bytes; names and content types are never asked."""

from __future__ import annotations

import struct

_PREFIXES = (
    (b"\xff\xd8\xff", "jpeg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"\xff\x0a", "jxl"),
    (b"\x00\x00\x00\x0cJXL \r\n\x87\n", "jxl"),
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", "jp2"),
    (b"\xff\x4f\xff\x51", "jp2"),
    (b"8BPS", "psd"),
    (b"\x00\x00\x01\x00", "ico"),
    (b"\x00\x00\x02\x00", "ico"),
    (b"%PDF-", "pdf"),
    (b"FUJIFILMCCD-RAW", "raw"),
    (b"IIRO", "raw"),
    (b"IIRS", "raw"),
    (b"IIU\x00", "raw"),
    (b"\x1aE\xdf\xa3", "video"),  # Matroska and WebM
    (b"OggS", "video"),
)
_TIFF_PREFIXES = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
_BMP_HEADER_SIZES = (12, 16, 40, 52, 56, 64, 108, 124)
_HEIC_BRANDS = frozenset((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"))
_AVIF_BRANDS = frozenset((b"avif", b"avis"))
_TEXT_HEAD = 512


def sniff(data: bytes) -> str:
    """Name the format of `data` by its first bytes.

    Returns:
        jpeg, png, webp, tiff, gif, bmp, avif (these can be decoded), heic, jxl, jp2, svg, ico, psd, raw (known
        pictures that are not), html, pdf, video, text, empty or unknown.
    """
    if not data:
        return "empty"
    for prefix, name in _PREFIXES:
        if data.startswith(prefix):
            return name
    if data.startswith(_TIFF_PREFIXES):
        return "raw" if data[8:10] == b"CR" else "tiff"  # Canon's CR2 wears a TIFF header
    if data[:4] == b"RIFF":
        return {b"WEBP": "webp", b"AVI ": "video"}.get(data[8:12], "unknown")
    if data[:2] == b"BM" and len(data) >= 18 and struct.unpack_from("<I", data, 14)[0] in _BMP_HEADER_SIZES:
        return "bmp"
    if data[4:8] == b"ftyp":
        return _sniff_brands(data)
    return _sniff_text(data[:_TEXT_HEAD])


def _sniff_brands(data: bytes) -> str:
    """Tell apart what shares the ISO container: AVIF, HEIC, Canon raw, video. The major brand speaks first."""
    size = min(int.from_bytes(data[:4], "big"), 4096, len(data))
    major, *compatible = [data[8:12], *(data[start : start + 4] for start in range(16, size - 3, 4))]
    if major == b"crx ":
        return "raw"
    for brand in (major, *compatible):
        if brand in _AVIF_BRANDS:
            return "avif"
        if brand in _HEIC_BRANDS:
            return "heic"
    return "heic" if major in (b"mif1", b"msf1") else "video"


def _sniff_text(head: bytes) -> str:
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith(b"<svg") or (text.startswith((b"<?xml", b"<!--", b"<!doctype svg")) and b"<svg" in text):
        return "svg"
    if text.startswith((b"<!doctype html", b"<html", b"<head", b"<body", b"<script", b"<title", b"<!--")):
        return "html"
    controls = sum(byte < 32 and byte not in b"\t\n\r\f" for byte in head)
    try:
        head[: len(head) - 3 if len(head) == _TEXT_HEAD else None].decode("utf-8")
    except UnicodeDecodeError as error:
        if error.end < len(head) - 3:  # more than a character cut in two at the end
            return "unknown"
    return "unknown" if controls else "text"
