"""A whole build over a list of hostile URLs: each costs one row, the good pictures among them lose nothing."""

from __future__ import annotations

import gzip
import socket
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from million_ird.dataset import Dataset, open_dataset
from million_ird.screens import DEFAULT_INTERVALS
from tests.flow.guarded import PUBLIC
from tests.flow.web_world import problems, rows
from tests.flow.world import jpeg, picture, png
from tests.pipelines.hostile_server import Request, Running, serve

RECIPE = """
[manifest]
path = "{manifest}"
[fetch]
connections = 16
idle_timeout_s = 1.0
total_timeout_s = 3.0
max_nbytes = 20_000_000
retries = 1
backoff_s = 0.01
retry_after_cap_s = 2.0
max_redirects = 5
breaker_failures = 1000
[decode]
max_pixels = 100_000_000
[screens]
measure = ["short_side"]
[screens.keep]
{open}
[patches]
size = 128
max_flat_fraction = 0.9
[execution]
executor = "serial"
"""

GOOD = {f"/good/{n}.jpg": jpeg(picture(n, 256, 256)) for n in range(6)} | {"/good/6.png": png(picture(6, 256, 256))}
HIDDEN = {"/behind.jpg": jpeg(picture(7, 256, 256)), "/patience.jpg": jpeg(picture(8, 256, 256))}
"""Pictures that come after a redirect and after a 429 that asked for a second of patience."""


def _claims_to_be_huge() -> bytes:
    """A PNG that says it has 60,000 × 60,000 pixels."""
    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + head
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", len(head)) + chunk + struct.pack(">I", zlib.crc32(chunk))


BOMB = gzip.compress(bytes(400_000_000), 1)
HUGE = _claims_to_be_huge()

EXPECTED = {
    **dict.fromkeys(GOOD, ("", "")),
    "/to-behind": ("", ""),
    "/patience.jpg": ("", ""),
    "/drip": ("fetch", "too_slow"),
    "/silence": ("fetch", "idle_timeout"),
    "/endless": ("fetch", "too_large"),
    "/announced-endless": ("fetch", "too_large"),
    "/short": ("fetch", "short_body"),
    "/loop": ("fetch", "redirect_loop"),
    "/more": ("fetch", "too_many_redirects"),
    "/to-nowhere": ("fetch", "bad_redirect"),
    "/to-file": ("fetch", "forbidden_scheme"),
    "/to-metadata": ("fetch", "forbidden_address"),
    "/to-loopback": ("fetch", "forbidden_address"),
    "/busy": ("fetch", "http_busy"),
    "/busy-for-days": ("fetch", "http_busy"),
    "/page.jpg": ("decode", "not_an_image"),
    "/bomb": ("fetch", "too_large"),
    "/not-gzip": ("fetch", "bad_encoding"),
    "/empty": ("fetch", "empty_body"),
    "/reset": ("fetch", "connection_lost"),
    "/noise": ("fetch", "bad_http"),
    "/broken": ("fetch", "http_server_error"),
    "/gone": ("fetch", "http_not_found"),
    "/denied": ("fetch", "http_denied"),
    "/noai": ("fetch", "noai"),
    "/cut.jpg": ("decode", "truncated"),
    "/huge.png": ("decode", "too_many_pixels"),
}
"""Path on the server → step and reason of the row it must cost, ("", "") for a kept image."""


def _answer(request: Request) -> None:
    path = request.path
    if path in GOOD:
        request.reply(GOOD[path])
    elif path in HIDDEN and (path != "/patience.jpg" or request.server.record.count(path) > 1):
        request.reply(HIDDEN[path])
    elif path.startswith("/more"):
        request.redirect(path + "e")
    elif path in REDIRECTS:
        request.redirect(REDIRECTS[path].format(own=request.headers["Host"].rpartition(":")[2]))
    elif path in ANSWERS:
        body, status, headers = ANSWERS[path]
        request.reply(body, status, **headers)
    elif path in RAW:
        request.raw(RAW[path])
    elif path == "/reset":
        request.reset()
    elif path in ("/drip", "/endless", "/silence"):
        _never_ends(request)
    else:
        request.reply(b"", 404)


REDIRECTS = {
    "/to-behind": "/behind.jpg",
    "/loop": "/pool",
    "/pool": "/loop",
    "/to-nowhere": "http://[broken/",
    "/to-file": "file:///etc/passwd",
    "/to-metadata": "http://169.254.169.254/latest/meta-data/",
    "/to-loopback": "http://127.0.0.1:{own}/secret.jpg",
}
ANSWERS: dict[str, tuple[bytes, int, dict[str, str]]] = {
    "/patience.jpg": (b"", 429, {"Retry_After": "1"}),
    "/busy": (b"", 429, {"Retry_After": "1"}),
    "/busy-for-days": (b"", 429, {"Retry_After": "259200"}),
    "/page.jpg": (b"<!doctype html><title>log in</title>", 200, {"Content_Type": "image/jpeg"}),
    "/bomb": (BOMB, 200, {"Content_Encoding": "gzip"}),
    "/not-gzip": (b"no gzip", 200, {"Content_Encoding": "gzip"}),
    "/empty": (b"", 200, {}),
    "/broken": (b"", 500, {}),
    "/denied": (b"", 403, {}),
    "/noai": (GOOD["/good/0.jpg"], 200, {"X_Robots_Tag": "noai"}),
    "/cut.jpg": (GOOD["/good/1.jpg"][:5000], 200, {}),
    "/huge.png": (HUGE, 200, {}),
}
RAW = {
    "/short": b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nonly this",
    "/announced-endless": b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\nx",
    "/noise": b"\x00\x01\x02 no HTTP at all\r\n\r\n",
}


def _never_ends(request: Request) -> None:
    if request.path == "/silence":
        request.sleep(60)
    request.raw(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
    while True:
        request.wfile.write(b"x" if request.path == "/drip" else bytes(1 << 20))
        if request.path == "/drip":
            request.sleep(0.2)


@dataclass
class Built:
    """A finished build: exit code, output, seconds, peak memory in bytes, addresses it tried, the server it asked."""

    code: int
    printed: str
    seconds: float
    peak: int
    tried: set[str]
    server: Running
    base: str
    out: Path

    @property
    def dataset(self) -> Dataset:
        return open_dataset(str(self.out))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    root = tmp_path_factory.mktemp("hostile")
    with serve(_answer) as server:
        base = f"http://{PUBLIC}:{server.host.partition(':')[2]}"
        lines = [base + path for path in EXPECTED]
        (root / "urls.txt").write_text("\n".join([*lines, *_other_lines(base, server), base + "/good/0.jpg"]) + "\n")
        opened = "\n".join(f"{name} = [-inf, inf]" for name in DEFAULT_INTERVALS)
        (root / "recipe.toml").write_text(RECIPE.format(manifest=root / "urls.txt", open=opened))
        arguments = ["build", str(root / "recipe.toml"), "--out", str(root / "out")]
        command = [sys.executable, "-m", "tests.flow.guarded", str(root / "tried"), *arguments]
        started = time.monotonic()
        with (root / "printed").open("wb") as printed:
            code = subprocess.run(command, stdout=printed, stderr=printed).returncode
        seconds = time.monotonic() - started
        tried = set((root / "tried").read_text().split())
        text = (root / "printed").read_text()
        peak = int((root / "tried.peak").read_text())
        yield Built(code, text, seconds, peak, tried, server, base, root / "out")


def _closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _other_lines(base: str, server: Running) -> list[str]:
    return [
        f"http://{PUBLIC}:{_closed_port()}/a.jpg",
        "http://169.254.169.254/latest/meta-data/",
        f"{server.url}/secret.jpg",
        "http://2130706433/secret.jpg",
        "http://[::1]/secret.jpg",
        "file:///etc/passwd",
        "ftp://93.184.216.34/a.jpg",
        "http://user:password@93.184.216.34/a.jpg",
        "http://[broken/",
        "no URL at all",
        base.replace("http", "https") + "/good/1.jpg",
    ]


def _verdicts(dataset: Dataset) -> dict[str, tuple[str, str]]:
    return {str(row["url"]): (str(row["step"]), str(row["reason"])) for row in rows(dataset).values()}


def test_the_build_ends_well(built: Built) -> None:
    assert built.code == 0, built.printed
    assert "Traceback" not in built.printed
    assert problems(built.out) == []
    assert built.dataset.info["state"] == "complete"


def test_every_url_has_one_row_with_its_own_reason(built: Built) -> None:
    found = _verdicts(built.dataset)
    assert {path: found[built.base + path] for path in EXPECTED} == EXPECTED


def test_what_must_never_be_asked_is_rejected_before(built: Built) -> None:
    found = _verdicts(built.dataset)
    others = {url: verdict for url, verdict in found.items() if not url.startswith(built.base + "/")}
    assert sorted(others.values()) == [
        ("fetch", "connect_failed"),
        *[("fetch", "forbidden_address")] * 4,
        ("fetch", "tls_error"),
    ]
    rejected = [row for batch in built.dataset.rejected_sources() for row in batch.to_pylist()]
    assert sorted(row["reason"] for row in rejected) == [*["bad_url"] * 5, "duplicate_url"]
    assert built.tried == {PUBLIC}
    assert not [path for path in built.server.record.paths if "secret" in path]


def test_the_rows_balance(built: Built) -> None:
    dataset = built.dataset
    images: list[Any] = list(rows(dataset).values())
    rejected = sum(batch.num_rows for batch in dataset.rejected_sources())
    listed = (built.out.parent / "urls.txt").read_text().splitlines()
    assert len(images) + rejected == len(listed)
    assert sum(bool(row["kept"]) for row in images) == len(GOOD) + len(HIDDEN)
    assert sum(shard.patches for shard in dataset.shards()) == 4 * (len(GOOD) + len(HIDDEN))


def test_time_and_memory_are_bounded(built: Built) -> None:
    # Forever, but for the limits: a drip, a silence, an endless body, 400 MB that arrive as 2, 3 days of patience.
    assert built.seconds < 60
    assert built.peak < 500_000_000
    bomb = next(row for row in rows(built.dataset).values() if str(row["url"]).endswith("/bomb"))
    assert bomb["nbytes"] is None
    assert not (built.out / ".part").exists()
