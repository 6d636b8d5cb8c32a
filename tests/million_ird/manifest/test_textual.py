from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from million_ird.errors import UsageError
from million_ird.manifest import textual

Read = Callable[..., Any]
A, B = "http://a.example/1.jpg", "http://b.example/2.jpg"


def test_plain_text_has_one_url_per_line(tmp_path: Path, read_whole: Read) -> None:
    path = tmp_path / "list.txt"
    path.write_bytes(f"# a comment\n{A}\n\n  {B}  \r\nUNLIKELY\n".encode() + b"http://x.example/\xff\n")
    found = read_whole(path)
    assert found.column("url") == [A, B]
    assert found.reasons == {2: "bad_url", 3: "invalid_utf8"}


def test_urls_with_spaces_quotes_dots_and_other_scripts(tmp_path: Path, read_whole: Read) -> None:
    urls = ["http://a.example/a b.jpg", 'http://a.example/".jpg', "http://a.example/../x", "http://a.example/写真.jpg"]
    urls.append("http://a.example/" + "x" * 3000)
    (tmp_path / "list.txt").write_text("\n".join(urls), encoding="utf-8")
    found = read_whole(tmp_path / "list.txt")
    assert not found.rejected
    assert found.column("url")[:2] == ["http://a.example/a%20b.jpg", "http://a.example/%22.jpg"]
    assert found.column("url")[3] == "http://a.example/%E5%86%99%E7%9C%9F.jpg"


@pytest.mark.parametrize("name", ["list.jsonl", "list.json"])
def test_json_lines_even_in_a_json_file(tmp_path: Path, read_whole: Read, name: str) -> None:
    rows = [{"url": A, "width": 10, "tags": ["x", {"y": 1}], "empty": None}, {"url": B, "more": 1.5}]
    (tmp_path / name).write_text("\n\n".join(json.dumps(row) for row in rows))
    found = read_whole(tmp_path / name)
    assert found.column("url") == [A, B] and found.column("manifest_width") == [10, None]
    assert found.column("provenance") == ['{"tags":["x",{"y":1}]}', '{"more":1.5}']


def test_json_lines_reject_what_is_no_row(tmp_path: Path, read_whole: Read) -> None:
    lines: list[bytes] = [
        json.dumps({"url": A}).encode(),
        b"{broken",
        b"[1, 2]",
        b'"text"',
        b'{"url": "http://x.example/\xff"}',
        b"[" * 100_000,
        b'{"url": null}',
        b'{"url": ["http://x.example/"]}',
        b'{"url": "http://x.example/\\ud800"}',
        b'{"url": "http://x.example/1", "title": "\\ud800", "n": NaN, "big": Infinity}',
        b'{"other": 1}',
    ]
    (tmp_path / "list.jsonl").write_bytes(b"\n".join(lines))
    found = read_whole(tmp_path / "list.jsonl")
    assert found.reasons == {
        1: "invalid_json",
        2: "not_an_object",
        3: "not_an_object",
        4: "invalid_utf8",
        5: "invalid_json",
        6: "no_url",
        7: "bad_url",
        8: "bad_url",
        10: "no_url",
    }
    assert json.loads(found.rows[1]["provenance"]) == {"title": "?", "big": "inf"}


@pytest.mark.parametrize("chunk", [1, 7, 2**20])
def test_a_json_array_is_read_piece_by_piece(
    tmp_path: Path, read_whole: Read, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    monkeypatch.setattr(textual, "_CHUNK", chunk)
    rows = [{"url": A, "title": 'é "]},{'}, 17, {"url": B, "n": 123456}, "x", None]
    path = tmp_path / "list.json"
    path.write_text(json.dumps(rows, ensure_ascii=False, indent=2), encoding="utf-8")
    found = read_whole(path)
    assert [json.loads(p) for p in found.column("provenance")] == [{"title": 'é "]},{'}, {"n": 123456}]
    assert found.reasons == {1: "not_an_object", 3: "not_an_object", 4: "not_an_object"}
    path.write_text("  [ ]  ")
    assert read_whole(path).rows == []


@pytest.mark.parametrize("text", ['[{"url": "', '[{"url": 1} {"url": 2}]', "[", "[{]", '[{"a": 1},'])
def test_a_damaged_array_is_an_error_that_says_where(tmp_path: Path, read_whole: Read, text: str) -> None:
    (tmp_path / "list.json").write_text(text)
    with pytest.raises(UsageError, match=r"list\.json is no JSON array of objects: .* \(near character \d+\)"):
        read_whole(tmp_path / "list.json")


def test_real_lists(shared_data: Path, read_whole: Read) -> None:
    backgrounds = read_whole(shared_data / "manifests" / "chromecast_backgrounds.json")
    assert len(backgrounds.rows) == 702 and "Ziv Horesh" in backgrounds.column("author")
    urls = read_whole(shared_data / "manifests" / "test_1000.txt")
    assert len(urls.rows) == len(read_whole(shared_data / "manifests" / "test_1000.parquet").rows) == 1000
