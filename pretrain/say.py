"""Lines for a person."""

from __future__ import annotations

import sys
from collections.abc import Callable

Say = Callable[[str], None]


def to_stderr(line: str) -> None:
    """Where lines for a person go unless the caller takes them."""
    print(line, file=sys.stderr, flush=True)


def say_nothing(line: str) -> None:
    """For ranks other than the first, which says the same."""
