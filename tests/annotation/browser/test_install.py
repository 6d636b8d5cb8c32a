"""The set-up step of these tests: installs a browser where it can, says so where it cannot, and fails nothing."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.annotation.browser.chromium import find_chromium, why_not

SCRIPT = Path(__file__).parent / "install.sh"


def run(programs: Path, **variables: str) -> tuple[int, str]:
    """Exit code and output of the step where only these programs are installed."""
    for name in ("id", "sh", "touch", "chmod", "cat"):
        (programs / name).symlink_to(str(shutil.which(name)))
    environment = {"PATH": str(programs), **variables}
    done = subprocess.run(
        [str(shutil.which("sh")), str(SCRIPT)], env=environment, capture_output=True, text=True, timeout=20
    )
    return done.returncode, done.stdout + done.stderr


def program(folder: Path, name: str, text: str = "") -> None:
    """Writes a program that runs such a line of shell."""
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)


@pytest.mark.parametrize("name", ["chromium", "google-chrome"])
def test_where_there_is_a_browser_nothing_is_installed(tmp_path: Path, name: str) -> None:
    program(tmp_path, name)
    program(tmp_path, "apt-get", f"touch {tmp_path}/called")
    program(tmp_path, "sudo", 'shift; exec "$@"')
    assert run(tmp_path) == (0, "")
    assert not (tmp_path / "called").exists()


def test_where_it_can_it_installs_debians(tmp_path: Path) -> None:
    program(
        tmp_path, "apt-get", f'echo "$@" >> {tmp_path}/called; touch {tmp_path}/chromium; chmod +x {tmp_path}/chromium'
    )
    program(tmp_path, "sudo", 'shift; exec "$@"')
    assert run(tmp_path) == (0, "")
    assert (tmp_path / "called").read_text().split()[0] == "install"
    assert "chromium" in (tmp_path / "called").read_text().split()


@pytest.mark.parametrize("apt", [True, False])
def test_where_it_cannot_it_says_what_to_do_and_fails_nothing(tmp_path: Path, apt: bool) -> None:
    if apt:
        program(tmp_path, "apt-get", "exit 100")
        program(tmp_path, "sudo", "exit 1")
    code, said = run(tmp_path)
    assert code == 0
    assert said.startswith("hint: ") and "apt-get install chromium" in said and said.count("\n") == 1


def test_a_named_browser_is_the_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, "mine")
    monkeypatch.setenv("CHROMIUM", str(tmp_path / "mine"))
    assert find_chromium() == tmp_path / "mine"
    monkeypatch.setenv("CHROMIUM", str(tmp_path / "gone"))
    assert find_chromium() is None
    assert "gone" in str(why_not())
    monkeypatch.delenv("CHROMIUM")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "apt-get install chromium" in str(why_not())
