"""What is sent to the server, hostile or broken: no more of it is read than can be needed, nothing wrong is stored."""

from __future__ import annotations

import json
import shutil
import socket
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from annotation.app import uploads
from annotation.app.uploads import JSON_LIMIT, packed_limit
from annotation.mask import pack_bits, unpack_bits
from annotation.project import open_project
from tests.annotation.app.conftest import ALONE, SIZES
from tests.annotation.app.live import Live, bomb, fresh, serving
from tests.annotation.app.raw import exchange, head

_BOMB = bomb(64 << 20)
_OCTETS = {"Content-Type": "application/octet-stream"}
_KINDS = ("brush", "eraser", "polygon", "fill", "scissors", "grabcut", "clear", "cleaned", "resolve")
_WIDTH, _HEIGHT = SIZES[ALONE]


@pytest.fixture(scope="module")
def served(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """One server for all strokes of this file; in the end its store is as sound as at the beginning."""
    folder = Path(shutil.copytree(template, tmp_path_factory.mktemp("fuzzed") / "project"))
    with serving(folder) as live:
        yield live
        assert len(_revisions(live)) > 10  # the judgement was not always "no"
    with open_project(folder) as project:
        assert project.store.verify() == []


def _revisions(live: Live) -> list[str]:
    return [revision["id"] for revision in live.json(f"/api/layers/{ALONE}/history")["revisions"]]


def _head(live: Live) -> str:
    return str(live.json(f"/api/items/{ALONE}")["layers"][0]["head"])


def _address(live: Live, **changes: object) -> str:
    values = {"revision": fresh(), "parent": _head(live), "kind": "brush", "x": 0, "y": 0, "width": 64, "height": 64}
    return f"/api/layers/{ALONE}/revisions?" + urlencode({**values, "annotator": "ada", **changes})


def _is_packed(body: bytes, width: int, height: int) -> bool:
    """The judgement that the server has to come to, made in another way."""
    try:
        unpacker = zlib.decompressobj()
        rows = unpacker.decompress(body, 1 << 24)
    except zlib.error:
        return False
    return unpacker.eof and not unpacker.unused_data and len(rows) == (width + 7) // 8 * height


_SIDES = st.one_of(st.integers(1, 70), st.sampled_from([_WIDTH, _HEIGHT, 0, -1, 1 << 20, 1 << 64]))
_ODD_TEXT = st.one_of(
    st.text(max_size=40),
    st.sampled_from(["", "nan", "1e3", "0x10", "٣", "../../etc/passwd", "' OR 1=1 --", "a" * 5000]),
)


_PARTS = ("side", "offset", "revision", "parent", "kind", "annotator", "body")


def _packed(width: int, height: int) -> bytes:
    """A chequered rectangle; of a small one, where the size is none."""
    if not (0 < width <= 2000 and 0 < height <= 2000):
        width, height = 8, 8
    return pack_bits(np.indices((height, width)).sum(axis=0) % 2 == 0)


def _broken(packed: bytes) -> st.SearchStrategy[bytes]:
    return st.one_of(
        st.binary(max_size=300),
        st.integers(0, len(packed)).map(lambda end: packed[:end]),
        st.binary(min_size=1, max_size=20).map(lambda more: packed + more),
        st.integers(0, 2000).map(lambda size: zlib.compress(bytes(size))),
        st.just(zlib.compress(zlib.decompress(packed), 0)),
        st.just(zlib.decompress(packed)),
        st.just(_BOMB),
        st.just(packed[:2] + bytes(8) + packed[2:]),
    )


@hypothesis.settings(max_examples=120, deadline=None)
@hypothesis.given(data=st.data())
def test_a_stroke_is_stored_if_and_only_if_it_is_one(served: Live, data: st.DataObject) -> None:
    before = _revisions(served)
    now = _head(served)
    odd = data.draw(st.sets(st.sampled_from(_PARTS), max_size=2), "odd")

    def part(name: str, sane: st.SearchStrategy[Any], others: st.SearchStrategy[Any]) -> Any:
        return data.draw(others if name in odd else sane, name)

    width, height = (part("side", st.integers(1, 60), _SIDES) for _ in range(2))
    x, y = (part("offset", st.integers(0, 40), st.sampled_from([-1, _WIDTH, _HEIGHT, 1 << 40])) for _ in range(2))
    revision = part("revision", st.builds(fresh), st.one_of(st.sampled_from(before), _ODD_TEXT))
    parent = part("parent", st.just(now), st.one_of(st.sampled_from(before), st.builds(fresh), _ODD_TEXT))
    kind = part("kind", st.sampled_from(_KINDS), st.one_of(st.sampled_from(["empty", "proposal", "import"]), _ODD_TEXT))
    annotator = part("annotator", st.just("ada"), _ODD_TEXT)
    body = part("body", st.just(_packed(width, height)), _broken(_packed(width, height)))
    answer = served.client.post(
        f"/api/layers/{ALONE}/revisions",
        params={"revision": revision, "parent": parent, "kind": kind, "x": x, "y": y, "width": width, "height": height,
                "annotator": annotator},
        content=body,
        headers=_OCTETS,
    )  # fmt: skip
    after = _revisions(served)
    fits = x >= 0 and y >= 0 and width > 0 and height > 0 and x + width <= _WIDTH and y + height <= _HEIGHT
    name = " ".join(annotator.split())
    sane = fits and kind in _KINDS and 0 < len(name) <= 80 and name.isprintable() and _is_packed(body, width, height)
    is_new = len(revision) == 32 and set(revision) <= set("0123456789abcdef") and revision not in before
    assert answer.status_code < 500, answer.text
    if sane and is_new and parent in before:
        assert answer.status_code == (201 if parent == now else 409), answer.text
        assert after == [revision, *before]
        values = unpack_bits(body, width, height)
        mask = served.mask(ALONE, SIZES[ALONE], revision)
        assert np.array_equal(mask[y : y + height, x : x + width], values)
    else:
        assert 200 <= answer.status_code < 500 and answer.status_code != 201
        assert answer.status_code == 200 or answer.json()["error"]
        assert after == before


_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20), st.builds(fresh)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=8), inner, max_size=4)),
    max_leaves=12,
)
_FIELDS = {
    f"/api/layers/{ALONE}/head": ("operation", "to", "expected", "annotator"),
    f"/api/layers/{ALONE}/state": ("state", "reason", "version", "annotator"),
    f"/api/layers/{ALONE}/accept": ("revision", "expected", "annotator"),
    f"/api/items/{ALONE}/comments": ("annotator", "text"),
    f"/api/items/{ALONE}/second": ("annotator",),
    f"/api/items/{ALONE}/scissors": ("picture", "anchor", "target"),
    f"/api/items/{ALONE}/grabcut": ("picture", "box", "foreground", "background"),
    f"/api/items/{ALONE}/propose": ("layer", "annotator"),
}


@hypothesis.settings(max_examples=80, deadline=None)
@hypothesis.given(data=st.data())
def test_no_json_upsets_the_server(served: Live, data: st.DataObject) -> None:
    before = _revisions(served)
    path = data.draw(st.sampled_from(sorted(_FIELDS)))
    near = st.fixed_dictionaries(
        {
            field: st.one_of(
                _JSON,
                st.sampled_from(["blurred", "sharp", "done", "ada", "", "x" * 90, before[0], 1, 2**63, -1]),
                st.lists(st.integers(-5, 250), min_size=2, max_size=4),
                st.lists(st.lists(st.integers(-5, 250), min_size=2, max_size=2), max_size=3),
            )
            for field in _FIELDS[path]
        }
    )
    value = data.draw(st.one_of(near, _JSON))
    body = data.draw(st.one_of(st.just(json.dumps(value).encode()), st.binary(max_size=100)))
    answer = served.client.post(path, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code < 500, answer.text
    assert answer.status_code < 400 or answer.json()["error"]
    assert _revisions(served) == before


@hypothesis.settings(max_examples=60, deadline=None)
@hypothesis.given(
    path=st.sampled_from(
        ["items", f"items/{ALONE}", f"items/{ALONE}/blurred", f"layers/{ALONE}/mask", f"layers/{ALONE}/windows",
         f"layers/{ALONE}/history", "items/9223372036854775807", "items/9223372036854775808", "layers/0", "layers/-1",
         "items/1e0", "items/%00", "items/１"]
    ),
    query=st.dictionaries(st.sampled_from(["after", "limit", "state", "revision", "rule", "x"]), _ODD_TEXT, max_size=3),
)  # fmt: skip
def test_no_address_upsets_the_server(served: Live, path: str, query: dict[str, str]) -> None:
    answer = served.client.get(f"/api/{path}", params=query)
    assert answer.status_code < 500, answer.text


@pytest.mark.parametrize("depth", [100, 30_000])
def test_deeply_nested_json_is_refused(served: Live, depth: int) -> None:
    answer = served.client.post(
        f"/api/items/{ALONE}/comments", content=b"[" * depth, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 422


def test_a_body_that_says_it_is_too_large_is_not_even_read(served: Live) -> None:
    request = head("POST", _address(served), served.url, "Content-Length: 99999999999999999999999999")
    status, said = exchange(served.url, [request])
    assert status in (400, 413)
    request = head("POST", _address(served), served.url, f"Content-Length: {packed_limit(64, 64) + 1}")
    status, said = exchange(served.url, [request])
    assert status == 413 and b"larger than" in said


def test_a_stream_without_end_is_cut_off(served: Live) -> None:
    before = _revisions(served)

    def endless() -> Iterator[bytes]:
        yield head("POST", _address(served), served.url, "Transfer-Encoding: chunked")
        for _ in range(100_000):
            yield b"2000\r\n" + bytes(8192) + b"\r\n"

    status, _said = exchange(served.url, endless())
    assert status == 413 and _revisions(served) == before


def test_a_length_that_lies_stores_nothing(served: Live) -> None:
    before = _revisions(served)
    packed = pack_bits(np.ones((64, 64), np.bool_))
    short = head("POST", _address(served), served.url, f"Content-Length: {len(packed)}") + packed[:-1]
    place = urlsplit(served.url)
    with socket.create_connection((place.hostname, place.port)) as connection:
        connection.sendall(short)
    long = head("POST", _address(served), served.url, f"Content-Length: {len(packed) - 1}") + packed
    status, _said = exchange(served.url, [long])
    assert status == 422
    assert _revisions(served) == before


def test_a_body_that_does_not_come_is_not_waited_for(served: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "_PATIENCE", 0.05)
    before = _revisions(served)
    status, said = exchange(served.url, [head("POST", _address(served), served.url, "Content-Length: 40"), b"x"])
    assert status == 408 and b"too long" in said and _revisions(served) == before


def test_a_large_json_is_not_read(served: Live) -> None:
    body = json.dumps({"annotator": "ada", "text": "x" * JSON_LIMIT}).encode()
    answer = served.client.post(
        f"/api/items/{ALONE}/comments", content=body, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 413
    assert (
        served.client.post(
            f"/api/items/{ALONE}/comments", content=iter([body]), headers={"Content-Type": "application/json"}
        ).status_code
        == 413
    )


@pytest.mark.parametrize(("width", "height"), [(1, 1), (8, 8), (203, 101), (2152, 1436)])
def test_the_worst_that_an_encoder_makes_of_a_mask_is_let_in(width: int, height: int) -> None:
    noise = np.random.default_rng(0).integers(0, 2, (height, width), np.uint8).astype(np.bool_)
    stored = zlib.compress(np.packbits(noise, axis=1).tobytes(), 0)
    assert max(len(pack_bits(noise)), len(stored)) <= packed_limit(width, height)
    assert packed_limit(width, height) < 1.01 * ((width + 7) // 8 * height) + 80
