from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from million_ird.errors import UsageError
from million_ird.manifest import ColumnSettings, ManifestSettings
from million_ird.manifest.columns import MAX_URL, find_columns, normalised
from million_ird.records import normalise_url

Read = Callable[..., Any]
_PIECES = st.sampled_from(
    [*"aZ09-._~%:@!$&'()*+,;=?#/[] \t\"<>\\^`{|}é", "%41", "//", "..", ":80", ":8080", "www.", "example", "ß", "\u0301"]
)


@given(st.sampled_from(["http://", "https://", "HTTP://", "ftp://", ""]), st.lists(_PIECES, max_size=12))
@example("http://", ["a", "/", "?"])
@example("http://", ["a", ".", "/", "x"])
@example("http://", ["-", "/"])
@example("http://", ["a", ":80", "/"])
def test_the_short_cut_for_ordinary_urls_agrees_with_the_definition(scheme: str, pieces: list[str]) -> None:
    url = scheme + "".join(pieces)
    try:
        expected = normalise_url(url)
    except ValueError:
        with pytest.raises(ValueError, match=r"."):
            normalised(url)
        return
    clean, host = normalised(url)
    assert clean == expected
    assert clean.startswith((f"http://{host}/", f"https://{host}/"))


def test_hosts_carry_their_port_unless_it_is_the_schemes_own() -> None:
    assert normalised("HTTPS://Exämple.org:443/a b")[1] == "xn--exmple-cua.org"
    assert normalised("http://127.0.0.1:8000/x")[1] == "127.0.0.1:8000"
    assert normalised("http://[::1]:8000/x")[1] == "[::1]:8000"


def test_overlong_urls_are_refused() -> None:
    stem = "http://a.example/"
    assert normalised(stem + "x" * (MAX_URL - len(stem)))
    with pytest.raises(ValueError, match="longer than 8192 characters"):
        normalised(stem + "x" * MAX_URL)


LAYOUTS = {
    "laion": {
        "URL": "http://a.example/1.jpg",
        "TEXT": "t",
        "WIDTH": 1024.0,
        "HEIGHT": 2048.0,
        "LICENSE": "?",
        "hash": 5,
    },
    "pd12m": {
        "id": "x",
        "url": "http://a.example/1.jpg",
        "caption": "t",
        "width": 1024,
        "height": 2048,
        "license": "?",
        "hash": "d41d8cd98f00b204e9800998ecf8427e",
        "source": "museum",
    },
    "megalith": {
        "url": "http://page.example/",
        "url_highres": "http://a.example/1.jpg",
        "width": 1024,
        "height": 2048,
        "license": "?",
    },
}


@pytest.mark.parametrize("layout", ["laion", "pd12m", "megalith"])
def test_ready_layouts(tmp_path: Path, read_whole: Read, layout: str) -> None:
    pq.write_table(pa.Table.from_pylist([LAYOUTS[layout]]), tmp_path / "x.parquet")
    for name in (layout, "auto"):
        (row,) = read_whole(tmp_path / "x.parquet", layout=name).rows
        assert row["url"] == "http://a.example/1.jpg"
        assert (row["manifest_width"], row["manifest_height"], row["license"]) == (1024, 2048, "?")
        assert row["manifest_sha256"] == ""
        if "hash" in LAYOUTS[layout]:
            assert json.loads(row["provenance"])["hash"] == LAYOUTS[layout]["hash"]
        assert row["source"] == ("museum" if (layout, name) == ("pd12m", "pd12m") else "x.parquet")


def test_only_64_hex_digits_count_as_sha256_row_by_row(tmp_path: Path, read_whole: Read) -> None:
    hashes = ["0" * 64, "0" * 63, "0" * 65, "G" * 64, None, "F" * 64]
    rows = [{"url": f"http://a.example/{i}", "sha256": h} for i, h in enumerate(hashes)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "x.parquet")
    found = read_whole(tmp_path / "x.parquet")
    assert found.column("manifest_sha256") == ["0" * 64, "", "", "", "", "f" * 64]
    kept = [json.loads(p).get("sha256") for p in found.column("provenance")]
    assert kept == [None, "0" * 63, "0" * 65, "G" * 64, None, None]


def test_defaults_fill_rows_that_name_no_license_or_author(tmp_path: Path, read_whole: Read) -> None:
    rows = [{"url": "http://a.example/1", "license": "cc0"}, {"url": "http://a.example/2", "license": None}]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "x.parquet")
    found = read_whole(tmp_path / "x.parquet", license="mine", author="me", name="album")
    assert found.column("license") == ["cc0", "mine"] and found.column("author") == ["me", "me"]
    assert found.column("source") == ["album", "album"]


def test_a_column_can_be_mapped_once_only() -> None:
    settings = ManifestSettings(columns=ColumnSettings(url="link", author="link"))
    assert find_columns(["link", "author"], settings).names == {"url": "link"}


def test_without_a_url_column_the_tried_names_are_listed() -> None:
    with pytest.raises(UsageError, match=r"URL column \(URL, url; or set columns\.url\); its columns are: a, b"):
        find_columns(["a", "b"], ManifestSettings(path="x", layout="laion"))
