"""`million-ird annotate`: its verbs are found and fail as those of the command itself."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from annotation.cli import VERBS
from million_ird.cli import main
from million_ird.errors import StoreError


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_is_there(verb: str) -> None:
    module, _, function = VERBS[verb][0].partition(":")
    assert callable(getattr(importlib.import_module(module), function))


def test_help_names_every_verb(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, code in ((["--help"], 0), ([], 2)):
        assert main(["annotate", *arguments]) == code
        printed = capsys.readouterr().out
        assert all(f"\n  {verb} " in printed for verb in VERBS)


def test_an_error_is_one_line_that_names_the_whole_verb(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(arguments: list[str]) -> int:
        raise StoreError("the disk is full")

    monkeypatch.setattr("annotation.verbs.status.main", fail)
    assert main(["annotate", "status", str(tmp_path)]) == 1
    assert capsys.readouterr().err == "million-ird annotate status: the disk is full\n"
