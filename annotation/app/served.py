"""What the routes of one server share."""

from __future__ import annotations

from annotation.app.frames import Frames
from annotation.app.page import Page
from annotation.app.workers import Kept, Workers
from annotation.assist.scissors import Paths
from annotation.project import Project

_ANCHORS = 4
"""Anchors whose paths are kept: about 20 MB each, one for each person who draws an outline right now."""


class Served:
    """A project, what tells it from others, and the threads and memory that serve it."""

    def __init__(self, project: Project, token_needed: bool = False) -> None:
        self.project = project
        self.id = project.identity()
        self.store = project.store
        self.token_needed = token_needed
        self.page = Page()
        self.frames = Frames(project.pictures)
        self.paths = Kept[Paths](_ANCHORS, lambda _: 1)
        self.pictures = Workers(threads=2, waiting=32, name="pictures")
        self.cuts = Workers(threads=1, waiting=8, name="cuts")
        self.outlines = Workers(threads=1, waiting=16, name="outlines")
        self.proposals = Workers(threads=1, waiting=8, name="proposals")

    def close(self) -> None:
        """Forgets what waits to be computed."""
        for workers in (self.pictures, self.cuts, self.outlines, self.proposals):
            workers.close()
