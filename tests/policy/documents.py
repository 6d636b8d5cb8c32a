"""What the documents of the repository say: code blocks, commands, links."""

from __future__ import annotations

import argparse
import importlib
import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from unittest.mock import patch

from annotation.cli import VERBS as ANNOTATE
from million_ird.cli import VERBS

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")] + sorted(ROOT.glob("docs/*.md"))

COMMANDS = {
    **{verb: function for verb, (function, _) in VERBS.items() if verb != "annotate"},
    **{f"annotate {verb}": function for verb, (function, _) in ANNOTATE.items()},
}
"""Every command of `million-ird`, and the function that runs it."""

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


class _Caught(Exception):  # noqa: N818 - carries the parser out of a verb; nothing failed
    def __init__(self, parser: argparse.ArgumentParser) -> None:
        self.parser = parser


def name(document: Path) -> str:
    """How a document is called in the name of a test."""
    return str(document.relative_to(ROOT))


def blocks(document: Path, language: str) -> list[str]:
    """The fenced code blocks of a language, in order."""
    return [text for kind, text in _FENCE.findall(document.read_text()) if kind == language]


def prose(document: Path) -> str:
    """The document without its fenced blocks."""
    return _FENCE.sub("", document.read_text())


def command_lines(document: Path, program: str) -> list[list[str]]:
    """Arguments of every line that calls the program within a block (or within `ray job submit … --`)."""
    found = []
    for _, text in _FENCE.findall(document.read_text()):
        for line in text.replace("\\\n", " ").splitlines():
            _, submitted, entrypoint = line.partition(" -- ")
            command = entrypoint if submitted else line
            if command.startswith(f"{program} "):
                found.append(shlex.split(command, comments=True)[1:])
    return found


def inline_commands(document: Path, program: str) -> list[list[str]]:
    """Words after the program in every `program …` within the prose."""
    return [text.split() for text in re.findall(rf"`{re.escape(program)} ([^`]+)`", prose(document))]


def links(document: Path) -> list[str]:
    """Targets of the links that stay within the repository."""
    return [target for target in _LINK.findall(document.read_text()) if "://" not in target]


def anchors(document: Path) -> set[str]:
    """The fragments that links may use, as GitHub makes them of headings."""
    return {_anchor(heading) for heading in _HEADING.findall(document.read_text())}


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def split_command(words: Sequence[str]) -> tuple[str, list[str]]:
    """The command that a line after `million-ird` begins with, and its arguments."""
    count = 2 if words[0] == "annotate" else 1
    return " ".join(words[:count]), list(words[count:])


def parser_of(command: str) -> argparse.ArgumentParser:
    """The argument parser of a command, without running it."""
    module, _, function = COMMANDS[command].partition(":")

    def catch(self: argparse.ArgumentParser, arguments: Sequence[str] | None = None) -> None:
        raise _Caught(self)

    with patch.object(argparse.ArgumentParser, "parse_args", catch):
        try:
            getattr(importlib.import_module(module), function)([])
        except _Caught as caught:
            return caught.parser
    raise AssertionError(f"{command} never asks for its arguments")
