"""Whatever bytes a manifest file holds, reading it ends in rows, rejected rows or one `UsageError`."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from million_ird.errors import UsageError

Read = Callable[..., Any]
_PIECES = [
    *(
        b"url,width\n",
        b"url\twidth\n",
        b"http://a.example/1.jpg",
        b"https://b.example/x",
        b"ftp://c",
        b"\n",
        b"\r\n",
        b",",
    ),
    *(b"\t", b'"', b'""', b"'", b"{", b"}", b"[", b"]", b':"', b'"url":', b"null", b"1e999", b"-1", b"\\u", b"\\ud800"),
    *(b"\xff", b"\x00", b"\xef\xbb\xbf", b"\xc3", "é".encode(), b" ", b"#", b";", b"|", b"PAR1", b"ustar", b"\x1f\x8b"),
]
_BYTES = st.lists(st.one_of(st.sampled_from(_PIECES), st.binary(max_size=4)), max_size=40).map(b"".join)


@pytest.mark.parametrize(
    "name",
    ["x.csv", "x.tsv", "x.jsonl", "x.json", "x.txt", "x.parquet", "x.tar", "x.csv.gz", "x.txt.zst", "x.json.bz2"],
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(data=b"url,width\n\r\x00")
@given(data=_BYTES)
def test_any_bytes_end_well(read_whole: Read, name: str, data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.write_bytes(data)
        try:
            found = read_whole(path)
        except UsageError as error:
            assert "\n" not in str(error)
            return
        assert all(row["host"] or row["source_root"] for row in found.rows)
        assert all(row["reason"] for row in found.rejected)
