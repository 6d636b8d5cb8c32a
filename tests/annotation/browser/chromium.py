"""Where a Chromium is that tests may drive."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
ARGUMENTS = ("--no-sandbox", "--disable-dev-shm-usage", "--disable-background-networking", "--mute-audio")
"""Containers often have no user namespaces for the sandbox and little shared memory; the pages are our own."""


def find_chromium() -> Path | None:
    """The browser: `$CHROMIUM` if set, else the first of `NAMES` on the search path; None where there is none."""
    named = os.environ.get("CHROMIUM")
    found = shutil.which(named) if named else next(filter(None, map(shutil.which, NAMES)), None)
    return Path(found) if found else None


def why_not() -> str | None:
    """One line that says why no page can be driven here, None where one can."""
    named = os.environ.get("CHROMIUM")
    if find_chromium() is None and named:
        return f"no browser: $CHROMIUM is {named!r}, which is no program"
    if find_chromium() is None:
        return f"no browser: none of {', '.join(NAMES)} is installed (Debian: apt-get install chromium)"
    try:
        import playwright.sync_api  # noqa: F401
    except ImportError:
        return "no playwright: pip install playwright (its own browsers are not needed)"
    return None
