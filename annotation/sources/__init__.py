"""Where the pictures of a project come from."""

from __future__ import annotations

from annotation.sources.folder import FolderSource
from annotation.sources.opening import open_source, reopen_source
from annotation.sources.source import Candidate, Source

__all__ = ["Candidate", "FolderSource", "Source", "open_source", "reopen_source"]
