"""What goes to one process as a whole when pytest-xdist runs the tests in several (`make test` does)."""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling

_TOGETHER = (  # what one of these begins with shares fixtures that take seconds: a browser, a server, a trained model
    "tests/annotation/browser/",
    "tests/annotation/static/",
    "tests/annotation/static_shell/",
    "tests/flow/test_pretrain",
)


class UnitScheduling(LoadScopeScheduling):  # type: ignore[misc]
    """Gives a free process the next unit: those tests that belong together, else the tests of one file."""

    def _split_scope(self, nodeid: str) -> str:
        """The unit of a test. xdist calls this hook of its schedulers a scope."""
        return next((start for start in _TOGETHER if nodeid.startswith(start)), nodeid.split("::", 1)[0])
