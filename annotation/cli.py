"""`million-ird annotate VERB`: finds the verbs of annotation by name, each in a file of `annotation/verbs/`."""

from __future__ import annotations

from collections.abc import Sequence

from million_ird.cli import Verbs, run_verb

VERBS: Verbs = {
    "create": ("annotation.verbs.create:main", "make a project of images or pairs, or add to one"),
    "status": ("annotation.verbs.status:main", "what of a project is done, in progress or missing"),
    "propose": ("annotation.verbs.propose:main", "propose masks, to be accepted or edited"),
    "serve": ("annotation.verbs.serve:main", "the page on which people draw"),
    "check": ("annotation.verbs.check:main", "check masks, of a project or a folder"),
    "agree": ("annotation.verbs.agree:main", "how far two people agree, in IoU, boundary F and dB"),
    "statistics": ("annotation.verbs.statistics:main", "a page of blur shares, windows, agreement and progress"),
    "export": ("annotation.verbs.export:main", "write masks in a format of other tools, or as shards to train on"),
    "import": ("annotation.verbs.import_:main", "read masks that other tools wrote"),
}
"""Verb → its function, and one line of help."""


def main(argv: Sequence[str]) -> int:
    """Runs one verb; returns the exit code."""
    return run_verb("million-ird annotate", VERBS, "People mark where local motion blurred a photograph.", argv)
