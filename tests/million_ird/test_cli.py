"""The one command: its help, its errors in one line, its exit codes."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

from million_ird import __version__
from million_ird.cli import VERBS, main
from million_ird.errors import DatasetError, LeaseError, MillionIrdError, StoreError, UsageError


def test_help_names_every_verb(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, code in ((["--help"], 0), (["-h"], 0), (["help"], 0), ([], 2)):
        assert main(arguments) == code
        printed = capsys.readouterr().out
        assert all(f"\n  {verb} " in printed for verb in VERBS)
        assert "exit codes: 0 done" in printed


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_is_there(verb: str) -> None:  # what each says of itself is tested in tests/policy
    module, _, function = VERBS[verb][0].partition(":")
    assert callable(getattr(importlib.import_module(module), function))


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"million-ird {__version__}\n"


@pytest.mark.parametrize(("verb", "said"), [("biuld", "did you mean 'build'?"), ("zzz", "--help` lists the verbs")])
def test_an_unknown_verb_is_one_line(verb: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([verb]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1


@pytest.mark.parametrize(
    ("error", "code"),
    [(UsageError("what"), 2), (DatasetError("what"), 1), (StoreError("what"), 1), (LeaseError("what"), 1)],
)
def test_errors_are_lines_with_exit_codes(
    error: MillionIrdError, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(arguments: list[str]) -> int:
        raise error

    monkeypatch.setattr("pipelines.cli.status", fail)
    assert main(["status"]) == code
    assert capsys.readouterr().err == "million-ird status: what\n"


def test_an_interruption_says_how_to_go_on(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def fail(arguments: list[str]) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("pipelines.cli.build", fail)
    assert main(["build"]) == 130
    assert "run the same command again to resume" in capsys.readouterr().err


def test_a_reader_that_leaves_is_no_error_of_ours() -> None:
    command = f"{sys.executable} -m million_ird.cli --help | true"  # gone before the first byte
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
