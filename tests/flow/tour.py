"""The README's own lines, run as a reader would run them, in a home folder with a few photographs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

README = Path(__file__).resolve().parents[2] / "README.md"

_COMMAND = 'million-ird() { "$PYTHON" -m million_ird.cli "$@"; }; '
_WITH_SETTINGS = ("build", "recut", "retry-failed")

PICTURES = {
    "flower.jpg": "flower",
    "hubble.jpg": "hubble",
    "holiday/beach.jpg": "china",
    "coffee.png": "coffee",
    "motorcycle.png": "motorcycle",
}
"""File below ~/Pictures → photograph of the wheels. JPEG and PNG, so that both encodings come out."""


def readme_line(start: str, end: str = "") -> str:
    """The one line of the README's shell blocks that starts and ends so."""
    lines = [line for line in README.read_text().splitlines() if line.startswith(start) and line.endswith(end)]
    assert lines, f"the README has no line {start} … {end}"
    return lines[0]


@dataclass(frozen=True)
class Tour:
    """A current folder, `root`, and a home folder within it."""

    root: Path

    @property
    def home(self) -> Path:
        return self.root / "home"

    def run(self, line: str, *settings: str) -> subprocess.CompletedProcess[str]:
        """A line in bash, as it stands; work is done in this process tree alone (`execution.executor=serial`)."""
        if line.split()[1] in _WITH_SETTINGS and " --plan" not in line:
            line += "".join(f" --set '{setting}'" for setting in ("execution.executor=serial", *settings))
        return self._start(["bash", "-c", _COMMAND + line])

    def python(self, code: str) -> subprocess.CompletedProcess[str]:
        """A snippet in an interpreter of its own."""
        return self._start([sys.executable, "-c", code])

    def copy(self, root: Path) -> Tour:
        """The same somewhere else, for a line that changes something."""
        shutil.copytree(self.root, root, dirs_exist_ok=True)
        return Tour(root)

    def _start(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        environment = {
            **os.environ,
            "HOME": str(self.home),
            "PYTHON": sys.executable,
            "HF_HOME": str(self.root / "huggingface"),
            "HF_HUB_OFFLINE": "1",
        }
        return subprocess.run(
            command, cwd=self.root, env=environment, capture_output=True, text=True, timeout=240, check=False
        )


def begin(root: Path, photograph: Callable[[str], bytes]) -> Tour:
    """A home folder with the photographs of `PICTURES`."""
    tour = Tour(root)
    for name, source in PICTURES.items():
        path = tour.home / "Pictures" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(photograph(source))
    return tour
