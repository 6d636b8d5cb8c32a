"""Starting and ending a server: address, token, what it says, signals."""

from __future__ import annotations

import builtins
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from annotation import serving
from annotation.project import create_project, open_project
from annotation.serving import ServeSettings, given_token, listening, require_extra
from annotation.sources import open_source
from million_ird.errors import MissingExtraError, UsageError

_ROOT = Path(__file__).resolve().parents[2]
TOKEN = "0123456789abcdefghij"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("serving")
    (root / "pictures").mkdir()
    Image.fromarray(np.zeros((40, 60, 3), np.uint8)).save(root / "pictures" / "a.png")
    create_project(root / "project", open_source(str(root / "pictures")), name="Evening").close()
    return root / "project"


@contextmanager
def started(*arguments: str, environment: dict[str, str] | None = None) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The command as a person starts it, and the first line it prints; it is ended in any case."""
    command = [sys.executable, "-m", "million_ird.cli", "annotate", "serve", *arguments]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=_ROOT, env=environment
    ) as process:
        try:
            assert process.stdout is not None
            yield process, process.stdout.readline()
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_peace(project: Path, number: int) -> None:
    with started(str(project), "--port", "0") as (process, line):
        found = re.match(r"(http://127\.0\.0\.1:(\d+)/)  Evening: 1 items, 0 done, 0 need review\n", line)
        assert found is not None and found[2] != "0", line
        assert httpx.get(found[1] + "api/project", trust_env=False).json()["name"] == "Evening"
        process.send_signal(number)
        said, _ = process.communicate(timeout=30)
        assert process.returncode == 0
        assert said.splitlines()[-1] == "stopped; everything that was drawn is stored"
        assert "Traceback" not in said
    assert not (project / "masks.sqlite-wal").exists()  # the last connection has put everything into one file


def test_a_signal_right_after_the_first_line_counts(project: Path) -> None:
    with started(str(project), "--port", "0") as (process, _line):
        process.terminate()
        process.communicate(timeout=30)
        assert process.returncode == 0


def test_open_to_the_network_it_makes_a_token_and_shows_it_once(project: Path) -> None:
    with started(str(project), "--port", "0", "--host", "0.0.0.0") as (process, line):
        found = re.match(r"http://([^/]+):(\d+)/\?token=([\w-]{32})  Evening", line)
        assert found is not None, line
        here = f"http://127.0.0.1:{found[2]}"
        with httpx.Client(base_url=here, trust_env=False) as client:
            assert client.get("/api/project").status_code == 401
            assert client.get("/", params={"token": found[3]}).status_code == 200
            assert client.get("/api/project").json()["token_needed"] is True
        process.terminate()
        said, _ = process.communicate(timeout=30)
        assert found[3] not in said


def _access(settings: ServeSettings) -> Any:
    with listening(settings.host, settings.port) as listener:
        return serving._access(settings, listener)


def test_loopback_needs_no_token_and_takes_one_that_is_given() -> None:
    alone = _access(ServeSettings(port=0))
    assert alone.token == "" and not alone.any_address and not alone.names
    assert _access(ServeSettings(port=0, token=TOKEN)).token == TOKEN
    assert not _access(ServeSettings(host="localhost", port=0)).token
    assert _access(ServeSettings(port=0, names=("Studio.Example.",))).names == {"studio.example"}


def test_every_other_address_needs_one() -> None:
    first, second = (_access(ServeSettings(host="0.0.0.0", port=0)) for _ in range(2))
    assert first.any_address and socket.gethostname().lower() in first.names
    assert len(first.token) >= 32 and first.token != second.token
    assert first.cookie != second.cookie


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"port": -1}, "--port"),
        ({"port": 65536}, "--port"),
        ({"token": "short"}, "16 to 200"),
        ({"token": "x" * 201}, "16 to 200"),
        ({"token": "a token with spaces"}, "letters, digits"),
        ({"token": "ключ-из-многих-букв"}, "letters, digits"),
    ],
)
def test_settings_that_cannot_be_are_one_line(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        ServeSettings(**changes)


def test_a_token_comes_from_a_file_or_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(serving.TOKEN_VARIABLE, raising=False)
    assert given_token(None) == ""
    monkeypatch.setenv(serving.TOKEN_VARIABLE, TOKEN)
    assert given_token(None) == TOKEN
    file = tmp_path / "token"
    file.write_text(f"  {TOKEN[::-1]}\n")
    assert given_token(file) == TOKEN[::-1]
    file.write_text("\n")
    with pytest.raises(UsageError, match="empty"):
        given_token(file)
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="cannot be read"):
        given_token(file)
    with pytest.raises(UsageError, match="cannot be read"):
        given_token(tmp_path)


@pytest.mark.parametrize(
    ("host", "port", "words"),
    [
        ("192.0.2.77", 0, "no address of this machine"),
        ("nowhere.invalid", 0, "no address of this machine"),
        ("x" * 300, 0, "no address of this machine"),
    ],
)
def test_an_address_that_is_not_ours_is_one_line(host: str, port: int, words: str) -> None:
    with pytest.raises(UsageError, match=words), listening(host, port):
        pass


def test_a_port_in_use_is_one_line_that_says_what_to_do(project: Path) -> None:
    with listening("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(UsageError, match=f"port {port} is taken.*--port"), listening("127.0.0.1", port):
            pass


def test_a_port_can_be_taken_again_at_once() -> None:
    with listening("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)), _accepted(listener):
            pass
    with listening("127.0.0.1", port):
        pass


@contextmanager
def _accepted(listener: socket.socket) -> Iterator[None]:
    connection, _ = listener.accept()
    with connection:
        yield


def test_addresses_for_a_browser() -> None:
    def address(host: str) -> str:
        with listening(host, 0) as listener:
            return serving._address(host, listener).rpartition(":")[0]

    assert address("127.0.0.1") == "http://127.0.0.1"
    assert address("localhost") == "http://localhost"
    for everywhere in ("0.0.0.0", "0"):
        assert re.fullmatch(r"http://[^:/]+", address(everywhere))
        assert address(everywhere) not in ("http://0.0.0.0", "http://0")
    if _has_ipv6():
        assert address("::1") == "http://[::1]"


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


def test_without_the_extra_the_line_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def missing(name: str, *rest: Any, **named: Any) -> Any:
        if name.split(".")[0] == "uvicorn":
            raise ImportError(f"No module named {name!r}")
        return real(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(MissingExtraError, match=r"uvicorn.*pip install 'million-ird\[annotate\]'"):
        require_extra()


def test_a_client_that_waits_does_not_keep_the_server_alive(project: Path) -> None:
    """An idle connection, and one that never finishes its request."""
    with started(str(project), "--port", "0") as (process, line):
        port = int(line.split(":")[2].split("/")[0])
        with (
            socket.create_connection(("127.0.0.1", port)) as idle,
            socket.create_connection(("127.0.0.1", port)) as slow,
        ):
            idle.sendall(b"GET /api/project HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert idle.recv(10).startswith(b"HTTP/1.1")
            slow.sendall(
                b"POST /api/items/1/comments HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\n"
                b"Content-Type: application/json\r\nContent-Length: 50\r\n\r\n{"
            )
            time.sleep(0.2)
            process.terminate()
            said, _ = process.communicate(timeout=30)
        assert process.returncode == 0, said
    with open_project(project) as opened:
        assert opened.store.comments(1) == []
