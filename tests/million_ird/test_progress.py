"""What a build says while it works: plain lines in a log, one live line on a terminal."""

from __future__ import annotations

import io

import pytest

from million_ird import progress
from million_ird.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    return clock


def test_a_log_gets_a_line_now_and_then_and_one_at_the_end(clock: Clock) -> None:
    log = io.StringIO()
    steps = Progress("fetch", 30, stream=log)
    for _ in range(30):
        clock.now += 1
        steps.advance({"rows": 1_000})
    steps.close()
    lines = log.getvalue().splitlines()
    assert lines[0] == "fetch: 10/30 units, 10,000 rows (1,000/s), about 20 s left"
    assert lines[1].startswith("fetch: 20/30 units, 20,000 rows")
    assert lines[-1] == "fetch: 30/30 units, 30,000 rows (1,000/s)"
    assert len(lines) == 4 and "\x1b" not in log.getvalue() and "\r" not in log.getvalue()


def test_a_terminal_has_one_live_line(clock: Clock) -> None:
    screen = Terminal()
    steps = Progress("cut", 3, stream=screen)
    for _ in range(3):
        clock.now += 1
        steps.advance({"patches": 5})
    steps.close()
    assert screen.getvalue().count("\r") == 3 and screen.getvalue().count("\n") == 1


def test_units_done_before_are_said_and_do_not_count_as_speed(clock: Clock) -> None:
    log = io.StringIO()
    steps = Progress("fetch", 100, done=90, stream=log)
    clock.now += 60
    steps.advance({"rows": 1})
    steps.close()
    lines = log.getvalue().splitlines()
    assert lines[0] == "fetch: 90 of 100 units were done already"
    assert lines[1] == "fetch: 91/100 units, 1 rows (0/s), about 9 min left"


def test_long_waits_are_said_in_hours(clock: Clock) -> None:
    log = io.StringIO()
    steps = Progress("fetch", 1000, stream=log)
    clock.now += 3600
    steps.advance({})
    assert log.getvalue().strip().endswith("about 999.0 h left")


def test_units_have_the_name_that_they_are_given(clock: Clock) -> None:
    log = io.StringIO()
    steps = Progress("restore", 3, done=1, stream=log, unit="pictures")
    steps.advance({})
    steps.close()
    assert log.getvalue().splitlines() == [
        "restore: 1 of 3 pictures were done already",
        "restore: 2/3 pictures, about 0 s left",
    ]


def test_a_long_unit_is_seen_to_advance(clock: Clock) -> None:
    log = io.StringIO()
    steps = Progress("restore", 2, stream=log, unit="pictures")
    for done in range(1, 5):
        clock.now += 5
        steps.within(done, 4)
    steps.advance({})
    steps.close()
    assert log.getvalue().splitlines() == [
        "restore: 0/2 pictures, 50% of the next, about 30 s left",
        "restore: 0/2 pictures, 100% of the next, about 20 s left",
        "restore: 1/2 pictures, about 20 s left",
    ]


def test_a_text_gets_a_line_of_its_own_also_on_a_terminal() -> None:
    screen = Terminal()
    steps = Progress("restore", 2, stream=screen)
    steps.line("a.jpg: damaged")
    assert screen.getvalue() == "\x1b[2Ka.jpg: damaged\n"
