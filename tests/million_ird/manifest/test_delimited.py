from __future__ import annotations

import bz2
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from million_ird.errors import UsageError
from million_ird.manifest import ColumnSettings, delimited, files
from million_ird.records import image_key

Read = Callable[..., Any]
A, B, C = "http://a.example/1.jpg", "http://b.example/2.jpg", "http://c.example/3.jpg"


def write(folder: Path, text: str | bytes, name: str = "list.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_columns_are_found_by_name_and_the_others_kept_as_provenance(tmp_path: Path, read_whole: Read) -> None:
    header = "id,url,width,height,license,author,sha256\n"
    found = read_whole(write(tmp_path, header + f"7,{A},640,480,cc0,Ann,{'AB' * 32}\n8,{B},,,,,\n"))
    first, second = found.rows
    assert first == {
        "key": image_key(A),
        "url": A,
        "host": "a.example",
        "source_root": "",
        "manifest_width": 640,
        "manifest_height": 480,
        "manifest_sha256": "ab" * 32,
        "license": "cc0",
        "author": "Ann",
        "source": "list.csv",
        "provenance": '{"id":"7"}',
    }
    assert second["manifest_width"] is None and second["license"] == "" and second["manifest_sha256"] == ""


@pytest.mark.parametrize("delimiter", [",", ";", "|", "\t"])
def test_the_delimiter_is_found(tmp_path: Path, read_whole: Read, delimiter: str) -> None:
    url = "http://a.example/a;b,c|d.jpg".replace(delimiter, "")
    rows = [["url", "title", "n"], [url, "one", "1"], [B, "two", "2"]]
    found = read_whole(write(tmp_path, "".join(delimiter.join(row) + "\n" for row in rows)))
    assert [json.loads(p) for p in found.column("provenance")] == [
        {"title": "one", "n": "1"},
        {"title": "two", "n": "2"},
    ]


def test_a_single_column_keeps_the_commas_of_its_urls(tmp_path: Path, read_whole: Read) -> None:
    found = read_whole(write(tmp_path, "url\nhttp://a.example/1,2,3.jpg\nhttp://a.example/4;5.jpg\n"))
    assert found.column("url") == ["http://a.example/1,2,3.jpg", "http://a.example/4;5.jpg"]


def test_a_table_without_header_has_numbered_columns(tmp_path: Path, read_whole: Read) -> None:
    path = write(tmp_path, f"a cap, a hat\t{A}\nother\t{B}\n", "x.tsv")
    assert read_whole(path).column("provenance") == ['{"0":"a cap, a hat"}', '{"0":"other"}']
    named = read_whole(path, header=False, columns=ColumnSettings(url=1, author=0))
    assert named.column("author") == ["a cap, a hat", "other"] and named.column("url") == [A, B]


def test_a_header_can_be_declared(tmp_path: Path, read_whole: Read) -> None:
    path = write(tmp_path, f"url,http://title\n{A},x\n")
    assert read_whole(path, header=True).column("url") == [A]


def test_quoted_cells_may_hold_delimiters_quotes_and_line_breaks(tmp_path: Path, read_whole: Read) -> None:
    text = f'url,title\n{A},"a, ""b""\nsecond line"\n"{B}",plain\n'
    found = read_whole(write(tmp_path, text))
    assert found.column("url") == [A, B]
    assert json.loads(found.column("provenance")[0])["title"] == 'a, "b"\nsecond line'


def test_a_quote_that_never_closes_costs_its_own_line_only(tmp_path: Path, read_whole: Read) -> None:
    good = "".join(f"http://g.example/{i}.jpg,fine\n" for i in range(300))
    found = read_whole(write(tmp_path, f'url,title\n{A},"open\n{B},b\n{good}{C},a "word" in it\n'))
    assert found.reasons == {0: "bad_quoting"}
    assert len(found.rows) == 302
    assert found.rejected[0]["detail"] == f'{A},"open'


def test_two_open_quotes_do_not_swallow_the_rows_between(tmp_path: Path, read_whole: Read) -> None:
    found = read_whole(write(tmp_path, f'url,title\n{A},"x\n{B},b\n{C},"y\n'))
    assert B in found.column("url") and set(found.reasons.values()) == {"bad_quoting"}


def test_in_tsv_unbalanced_quotes_are_ordinary_characters(tmp_path: Path, read_whole: Read) -> None:
    text = f'url\ttitle\n{A}\t"open\n{B}\tan 8" pipe\n{C}\t"all, quoted"\n'
    found = read_whole(write(tmp_path, text, "x.tsv"))
    titles = [json.loads(p)["title"] for p in found.column("provenance")]
    assert titles == ['"open', 'an 8" pipe', "all, quoted"]


def test_malformed_rows_are_rejected_with_their_reason(tmp_path: Path, read_whole: Read, monkeypatch: Any) -> None:
    monkeypatch.setattr(files, "MAX_LINE", 500)
    lines = [
        b"url,width,height",
        A.encode() + b",10,10",  # 0
        b"http://x.example/1.jpg,10",  # 1
        b"http://x.example/2.jpg,10,10,10",  # 2
        b"http://x.example/\xff.jpg,10,10",  # 3
        b",10,10",  # 4
        b"UNLIKELY,10,10",  # 5
        b"ftp://x.example/3.jpg,10,10",  # 6
        b"http://x.example/4.jpg,ten,10",  # 7
        b"http://x.example/5.jpg,10,-3",  # 8
        b"http://x.example/6.jpg,10,1e99",  # 9
        b"http://user:pass@x.example/7.jpg,10,10",  # 10
        b"http://[x/8.jpg,10,10",  # 11
        b"http://x.example/" + b"9" * 600 + b",10,10",  # 12
        b"",  # no row
        B.encode() + b",1024.0,nan",  # 13
        b"http:///x.jpg,1,1",  # 14
    ]
    found = read_whole(write(tmp_path, b"\n".join(lines)))
    assert found.column("url") == [A, B]
    assert (found.rows[1]["manifest_width"], found.rows[1]["manifest_height"]) == (1024, None)
    assert found.reasons == {
        1: "wrong_cell_count",
        2: "wrong_cell_count",
        3: "invalid_utf8",
        4: "no_url",
        5: "bad_url",
        6: "bad_url",
        7: "bad_number",
        8: "bad_number",
        9: "bad_number",
        10: "bad_url",
        11: "bad_url",
        12: "line_too_long",
        14: "bad_url",
    }
    details = {row["row"]: row["detail"] for row in found.rejected}
    assert details[1] == "2 cells instead of 3: http://x.example/1.jpg | 10"
    assert "ftp" in details[6] and "width is 'ten'" in details[7] and "password" in details[10]


def test_a_missing_column_is_named_with_those_that_exist(tmp_path: Path, read_whole: Read) -> None:
    path = write(tmp_path, "address,name\nx,y\n")
    with pytest.raises(UsageError, match=r"list\.csv: there is no a URL column.*its columns are: address, name"):
        read_whole(path)
    with pytest.raises(UsageError, match=r"columns\.license = 'licence'"):
        read_whole(path, columns=ColumnSettings(url="address", license="licence"))


def test_a_repeated_or_empty_column_name_hides_nothing(tmp_path: Path, read_whole: Read) -> None:
    found = read_whole(write(tmp_path, f"url,note,note,\n{A},x,y,z\n"))
    assert json.loads(found.column("provenance")[0]) == {"note": "x", "note_2": "y", "_3": "z"}


def test_dropped_columns_leave_no_trace(tmp_path: Path, read_whole: Read) -> None:
    found = read_whole(write(tmp_path, f"url,note,id\n{A},x,1\n"), columns=ColumnSettings(drop=("note",)))
    assert found.column("provenance") == ['{"id":"1"}']


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_line_ends_and_byte_order_mark_do_not_matter(
    tmp_path: Path, read_whole: Read, ending: str, mark: bytes
) -> None:
    path = write(tmp_path, mark + ending.join(["url,n", f"{A},1", f"{B},2"]).encode())
    assert read_whole(path).column("provenance") == ['{"n":"1"}', '{"n":"2"}']


def test_utf16_is_refused_with_advice(tmp_path: Path, read_whole: Read) -> None:
    with pytest.raises(UsageError, match="is UTF-16; save it as UTF-8"):
        read_whole(write(tmp_path, f"url\n{A}\n".encode("utf-16")))


def test_packed_files_are_unpacked_on_the_fly(tmp_path: Path, read_whole: Read) -> None:
    plain = f"url\n{A}\n".encode()
    packed = {"gz": gzip.compress(plain), "bz2": bz2.compress(plain), "zst": pa.compress(plain, "zstd", asbytes=True)}
    for ending, data in packed.items():
        path = write(tmp_path, data, f"list.csv.{ending}")
        if ending == "zst":
            with pa.CompressedOutputStream(pa.OSFile(str(path), "wb"), "zstd") as stream:
                stream.write(plain)
        assert read_whole(path).column("url") == [A]


def test_a_truncated_packed_file_is_one_clear_error(tmp_path: Path, read_whole: Read) -> None:
    data = gzip.compress("".join(f"http://a.example/{i}.jpg\n" for i in range(20000)).encode())
    path = write(tmp_path, data[: len(data) // 2], "list.csv.gz")
    with pytest.raises(UsageError, match=r"cannot read .*list\.csv\.gz"):
        read_whole(path)


def test_several_files_are_numbered_through_and_may_differ_in_columns(tmp_path: Path, read_whole: Read) -> None:
    write(tmp_path, f"url,a\n{A},1\nbad\n", "1.csv")
    write(tmp_path, f"b,url\n2,{B}\n", "2.csv")
    for path in (tmp_path / "*.csv", tmp_path / "{1..2}.csv"):
        found = read_whole(path)
        assert found.positions == [0, 2] and found.reasons == {1: "wrong_cell_count"}
        assert found.column("provenance") == ['{"a":"1"}', '{"b":"2"}']
    assert read_whole(tmp_path, format="csv").column("url") == [A, B]


def test_lines_longer_than_a_chunk_are_put_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, b"a" * 10 + b"\n" + b"b" * 25 + b"\n\nc")
    monkeypatch.setattr(files, "_CHUNK", 4)
    monkeypatch.setattr(files, "MAX_LINE", 20)
    assert list(files.lines(str(path))) == [b"a" * 10, None, b"", b"c"]


def test_rows_cross_block_borders(tmp_path: Path, read_whole: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delimited, "BLOCK_ROWS", 3)
    rows = [f"http://a.example/{i}.jpg,{i}" if i % 4 else "bad" for i in range(11)]
    found = read_whole(write(tmp_path, "\n".join(["url,n", *rows])))
    assert found.positions == [i for i in range(11) if i % 4]
    assert set(found.reasons) == {0, 4, 8}


def test_an_empty_table_has_no_rows(tmp_path: Path, read_whole: Read) -> None:
    assert read_whole(write(tmp_path, "")).rows == []
    assert read_whole(write(tmp_path, "url\n")).rows == []


def test_real_tables(shared_data: Path, read_whole: Read) -> None:
    coco = read_whole(shared_data / "manifests" / "coco_mini_manifest.tsv")
    assert len(coco.rows) == 159 and all(len(s) == 64 for s in coco.column("manifest_sha256"))
    captions = read_whole(shared_data / "manifests" / "cc3m_validation_head.tsv")
    assert len(captions.rows) == 2000 and not captions.rejected


def test_lines_that_end_in_carriage_returns_alone_are_not_one_long_header(tmp_path: Path, read_whole: Read) -> None:
    for text in (f"url,width\r{A},1\r{B},2\r", f"url\r{A}\r", f"{A},1\r{B},2\r"):
        with pytest.raises(UsageError, match="end in CR alone; save it with LF"):
            read_whole(write(tmp_path, text))
