"""Several processes read tars from a web server: each tar is downloaded once, however many want it."""

from __future__ import annotations

import functools
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.pretrain.stream.test_loader import all_same, take
from tests.pretrain.stream.world import stream_of, write_tars


@dataclass
class Server:
    url: str
    gets: Counter[str] = field(default_factory=Counter)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """Serves six tars on the loopback interface and counts what is asked for."""
    write_tars(tmp_path / "set", shards=6)
    found = Server("")

    class Handler(SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            found.gets[self.path] += 1
            super().do_GET()

        def log_message(self, *arguments: object) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=tmp_path / "set")) as running:
        found.url = f"http://127.0.0.1:{running.server_port}/{{0..5}}.tar"
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield found
        running.shutdown()
        thread.join()


def test_processes_share_one_download_of_each_tar(server: Server, tmp_path: Path) -> None:
    stream = stream_of(server.url, tmp_path / "cache")
    local = stream_of(tmp_path / "set", tmp_path / "cache")
    each_once = {f"/{number}.tar": 1 for number in range(6)}
    assert server.gets == each_once
    assert stream.fingerprint == local.fingerprint
    wanted = [take(local.loader(8, rank, 2), 5) for rank in range(2)]
    for copy in (tmp_path / "cache" / "shards").glob("*.tar"):
        copy.unlink()
    server.gets.clear()
    with ExitStack() as stack:
        loaders = [stack.enter_context(stream.loader(8, rank, 2, workers=2)) for rank in range(2)]
        found = [[next(loader) for loader in loaders] for _ in range(5)]
    assert server.gets == each_once
    assert all(all_same(wanted[rank], [step[rank] for step in found]) for rank in range(2))
