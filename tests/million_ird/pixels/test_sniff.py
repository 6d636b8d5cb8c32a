"""The format is told by the bytes alone."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from million_ird.pixels import sniff


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", "empty"),
        (b"\n", "text"),
        (b"Not found", "text"),
        (b"BM is how this sentence begins", "text"),
        ("Zugriff verweigert: für Menschen".encode(), "text"),
        (b"<!DOCTYPE html><html>", "html"),
        (b"\xef\xbb\xbf  <HTML>", "html"),
        (b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>', "svg"),
        (b"<svg/>", "svg"),
        (b"<?xml version='1.0'?><Error/>", "text"),
        (b"%PDF-1.7", "pdf"),
        (b"8BPS\0\1", "psd"),
        (b"\0\0\1\0\1\0", "ico"),
        (b"\xff\x0a\xfa\x7f", "jxl"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "jp2"),
        (b"II*\0\x10\0\0\0CR\2\0", "raw"),
        (b"II*\0\x08\0\0\0", "tiff"),
        (b"MM\0+\0\x08\0\0", "tiff"),
        (b"RIFF\x10\0\0\0WEBPVP8 ", "webp"),
        (b"RIFF\x10\0\0\0AVI LIST", "video"),
        (b"RIFF\x10\0\0\0WAVE", "unknown"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", "video"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "heic"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "heic"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1avif", "avif"),
        (b"\0\0\0\x18ftypavif\0\0\0\0mif1miaf", "avif"),
        (b"\0\0\0\x18ftypcrx \0\0\0\1crx isom", "raw"),
        (b"\x1a\x45\xdf\xa3\x01", "video"),
        (b"\x80\x81\x82\x83\x84\x85", "unknown"),
    ],
)
def test_names_the_format(data: bytes, kind: str) -> None:
    assert sniff(data) == kind


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "AVIF", "ICO"])
def test_knows_what_real_encoders_write(kind: str, save: Callable[..., bytes], photo: object) -> None:
    assert sniff(save(kind, photo)) == kind.lower()


def test_text_cut_inside_a_character_is_text() -> None:
    assert sniff("ü".encode() * 300) == "text"
    assert sniff(b"x" + "ü".encode() * 300) == "text"
