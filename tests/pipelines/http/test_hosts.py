"""The ledger on a clock of the test's own: slots, spacing, rests, the circuit breaker, dead workers, robots.txt."""

import pytest

from pipelines.http.hosts import Ask, HostLedger, Outcome, Returned, RobotsFile
from pipelines.http.settings import HttpSettings

GOOD = Returned(Outcome.ANSWERED)
BAD = Returned(Outcome.FAILED)


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


class Book:
    """A ledger with shorthand: `take` slots, `give` them back, let time `pass_`."""

    def __init__(self, **settings):
        self.clock = Clock()
        self.ledger = HostLedger(HttpSettings(**settings), self.clock)

    def take(self, want, worker="a", host="h"):
        return self.ledger.exchange(worker, [Ask(host, want)])[0]

    def give(self, *returned, worker="a", host="h"):
        return self.ledger.exchange(worker, [Ask(host, 0, returned)])[0]

    def pass_(self, seconds):
        self.clock.now += seconds


def test_a_host_has_so_many_slots_over_all_workers():
    book = Book(per_host_connections=3)
    assert len(book.take(2, "a").waits_s) == 2
    assert len(book.take(2, "b").waits_s) == 1
    refused = book.take(1, "c")
    assert refused.waits_s == ()
    assert refused.retry_s > 0
    assert len(book.take(2, "c", host="other").waits_s) == 2
    book.give(GOOD, worker="a")
    assert len(book.take(1, "b").waits_s) == 1


def test_a_slot_freed_goes_to_whoever_waited_longest():
    book = Book(per_host_connections=1)
    book.take(1, "a")
    book.take(5, "b")
    book.take(5, "c")
    book.give(GOOD, worker="a")
    assert book.take(5, "c").waits_s == ()  # b came first
    assert book.take(5, "a").waits_s == ()
    assert len(book.take(5, "b").waits_s) == 1
    book.give(GOOD, worker="b")
    assert book.take(5, "b").waits_s == ()
    assert len(book.take(5, "c").waits_s) == 1


def test_slots_of_a_silent_worker_come_back_and_those_of_a_living_one_stay():
    book = Book(per_host_connections=2, lease_s=30)
    book.take(1, "killed")
    book.take(1, "alive")
    book.pass_(20)
    book.ledger.exchange("alive", [])  # a sign of life
    book.pass_(20)
    assert len(book.take(2, "new").waits_s) == 1


def test_a_worker_that_leaves_gives_everything_back():
    book = Book(per_host_connections=2)
    book.take(2, "a")
    book.ledger.leave("a")
    assert len(book.take(2, "b").waits_s) == 2


def test_a_slot_that_comes_back_twice_gives_no_one_more():
    book = Book(per_host_connections=1)
    book.take(1)
    book.give(GOOD, GOOD, GOOD)
    assert len(book.take(5).waits_s) == 1


def test_starts_are_spaced_over_all_workers_and_not_promised_far_ahead():
    book = Book(per_host_connections=8, per_host_interval_s=0.1)
    starts = []
    for _ in range(20):
        for worker in "ab":
            grant = book.take(2, worker)
            starts += [book.clock.now + wait_s for wait_s in grant.waits_s]
            assert all(wait_s <= 0.25 for wait_s in grant.waits_s)
            book.give(*[GOOD] * len(grant.waits_s), worker=worker)
        book.pass_(0.05)
    assert len(starts) >= 10
    gaps = [later - sooner for sooner, later in zip(sorted(starts), sorted(starts)[1:], strict=False)]
    assert min(gaps) == pytest.approx(0.1)


def test_a_crawl_delay_widens_the_spacing_up_to_its_cap_and_never_narrows_it():
    book = Book(per_host_interval_s=2, crawl_delay_cap_s=10)
    book.ledger.space("h", 1)
    assert book.take(1).waits_s == (0,)
    assert book.take(1).retry_s == pytest.approx(1)  # 2 s away, asked again sooner
    book.ledger.space("slow", 3600)
    book.take(1, host="slow")
    book.pass_(9.5)
    assert book.take(1, host="slow").waits_s == ()
    book.pass_(0.5)
    assert book.take(1, host="slow").waits_s == (0,)


def test_a_pause_that_one_worker_was_asked_for_holds_for_all():
    book = Book()
    book.take(1)
    book.give(Returned(Outcome.ANSWERED, pause_s=7))
    assert book.take(1, "b").waits_s == ()
    book.pass_(7)
    assert len(book.take(1, "b").waits_s) == 1


def test_a_dead_host_rests_longer_and_longer_then_is_down_then_is_tried_once():
    book = Book(breaker_failures=3, breaker_pause_s=10, breaker_rests=2, breaker_down_s=100)
    book.take(3)
    book.give(BAD, BAD)
    assert len(book.take(1).waits_s) == 1
    book.give(BAD, BAD)  # the third failure, and a straggler
    assert book.take(1).waits_s == ()
    book.pass_(10)
    assert len(book.take(5).waits_s) == 1  # a lone trial
    assert book.take(5, "b").waits_s == ()
    book.give(BAD)
    book.pass_(19)
    assert book.take(1, "b").waits_s == ()  # twice as long
    book.pass_(1)
    assert len(book.take(1, "b").waits_s) == 1
    book.give(BAD, worker="b")
    assert book.take(1).down
    book.pass_(100)
    trial = book.take(1)
    assert not trial.down
    assert len(trial.waits_s) == 1
    book.give(GOOD)
    assert len(book.take(5).waits_s) == 5  # back to normal


def test_a_success_forgets_earlier_failures():
    book = Book(breaker_failures=3)
    for _ in range(10):
        book.take(3)
        book.give(BAD, BAD, GOOD)
    assert len(book.take(1).waits_s) == 1


def test_robots_txt_is_fetched_by_one_worker_and_kept():
    book = Book()
    assert book.ledger.robots("https://h").fetch
    second = book.ledger.robots("https://h")
    assert not second.fetch
    assert second.file is None
    file = RobotsFile("found", "User-agent: *")
    book.ledger.keep_robots("https://h", file)
    book.pass_(1e6)
    assert book.ledger.robots("https://h").file == file
    assert book.ledger.robots("http://h").fetch  # another scheme, another file


def test_a_worker_that_dies_over_a_robots_txt_is_replaced_and_an_unreachable_one_is_tried_again():
    book = Book()
    assert book.ledger.robots("https://h").fetch
    book.pass_(121)
    assert book.ledger.robots("https://h").fetch
    book.ledger.keep_robots("https://h", RobotsFile("unreachable", reason="http_server_error"))
    book.pass_(599)
    assert book.ledger.robots("https://h").file is not None
    book.pass_(1)
    assert book.ledger.robots("https://h").fetch
