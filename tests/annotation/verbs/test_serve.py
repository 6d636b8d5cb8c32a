"""`million-ird annotate serve`: what the command does with its arguments."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from annotation import serving
from annotation.project import new_project
from annotation.serving import listening
from annotation.verbs import serve
from million_ird.cli import main


@pytest.fixture
def project(tmp_path: Path) -> Path:
    new_project(tmp_path / "project").close()
    return tmp_path / "project"


def test_help_loads_no_framework() -> None:
    program = (
        "import sys; from annotation.verbs.serve import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "assert not {'fastapi', 'uvicorn', 'numpy', 'cv2'} & set(sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
    assert "--token-file" in said and "exit codes: 0" in said


def test_a_folder_that_is_no_project_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["annotate", "serve", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "is no project" in said


def test_a_taken_port_is_one_line(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with listening("127.0.0.1", 0) as listener:
        port = str(listener.getsockname()[1])
        assert main(["annotate", "serve", str(project), "--port", port]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and f"port {port} is taken" in said


def test_no_token_is_taken_from_the_command_line(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Other users of the machine can read command lines."""
    with pytest.raises(SystemExit) as ended:
        serve.main([str(project), "--token", "x" * 20])
    assert ended.value.code == 2
    capsys.readouterr()


def test_open_opens_the_address_that_was_printed(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    opened: list[str] = []
    told = threading.Event()

    def browser(address: str) -> None:
        opened.append(address)
        told.set()

    class Ended:
        """A server that has been told to stop already."""

        def run(self, sockets: object) -> None:
            assert told.wait(20)

    monkeypatch.setattr("webbrowser.open", browser)
    monkeypatch.setattr(serving, "make_server", lambda *_: Ended())
    monkeypatch.setenv(serving.TOKEN_VARIABLE, "0123456789abcdefghij")
    assert serve.main([str(project), "--port", "0", "--open"]) == 0
    assert capsys.readouterr().out.split()[0] == opened[0]
    assert opened[0].endswith("/?token=0123456789abcdefghij")
