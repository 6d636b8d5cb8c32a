"""The client against a well-behaved server, and its manners: limits, robots.txt, rests, retries, time."""

import asyncio
import errno
import hashlib
import warnings

import pytest

from million_ird.errors import StoreError, UsageError
from million_ird.records import Rejection
from pipelines.http.client import Client, Fetched
from pipelines.http.settings import HttpSettings
from tests.pipelines.hostile_server import serve

QUICK = {
    "allow_private_networks": True,
    "robots": "ignore",
    "backoff_s": 0.01,
    "idle_timeout_s": 5,
    "total_timeout_s": 10,
}


def fetch(spool, *urls, lookup=None, sha256="", **settings):
    """Fetch URLs at the same time with one client."""

    async def run():
        async with Client(HttpSettings(**QUICK | settings), spool=spool, lookup=lookup) as client:
            return await asyncio.gather(*(client.fetch(url, sha256) for url in urls))

    return asyncio.run(run())


def fetch_one_by_one(spool, *urls, **settings):
    async def run():
        async with Client(HttpSettings(**QUICK | settings), spool=spool) as client:
            return [await client.fetch(url) for url in urls]

    return asyncio.run(run())


def test_a_file_arrives_as_it_is(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"picture" * 1000)
    (tmp_path / "spool").mkdir()
    with serve(tmp_path) as server:
        (fetched,) = fetch(tmp_path / "spool", server.url + "/a.jpg")
    assert isinstance(fetched, Fetched)
    assert fetched.body.read() == b"picture" * 1000
    assert fetched.sha256 == hashlib.sha256(b"picture" * 1000).hexdigest()
    assert (fetched.nbytes, fetched.status, fetched.attempts) == (7000, 200, 1)
    assert fetched.final_url == server.url + "/a.jpg"
    assert server.record.headers[0]["user-agent"].startswith("million-ird/")
    assert server.record.headers[0]["accept-encoding"] == "identity"


@pytest.mark.parametrize("nbytes", [1, 1024 * 1024, 1024 * 1024 + 1, 5_000_000])
def test_small_bodies_stay_in_memory_and_large_ones_in_the_spool(tmp_path, nbytes):
    content = bytes(i % 251 for i in range(nbytes))
    with serve(lambda request: request.reply(content)) as server:
        (fetched,) = fetch(tmp_path, server.url)
    assert len(list(tmp_path.iterdir())) == (nbytes > 1024 * 1024)
    assert fetched.body.read() == content
    assert fetched.path.read_bytes() == content
    assert fetched.body.read() == content
    fetched.body.discard()
    assert list(tmp_path.iterdir()) == []


def test_a_spool_that_cannot_be_written_is_an_error_that_says_so(tmp_path):
    with (
        serve(lambda request: request.reply(bytes(3_000_000))) as server,
        pytest.raises(StoreError, match="No such file"),
    ):
        fetch(tmp_path / "missing", server.url)


def test_the_manifests_sha256_is_checked(tmp_path):
    digest = hashlib.sha256(b"x").hexdigest()
    with serve(lambda request: request.reply(b"x")) as server:
        (good,) = fetch(tmp_path, server.url, sha256=digest.upper())
        (bad,) = fetch(tmp_path, server.url, sha256="0" * 64)
    assert isinstance(good, Fetched)
    assert bad == Rejection("fetch", "sha256_mismatch", None, f"got {digest}")


def test_connections_are_limited_per_host_and_in_all_and_are_reused(tmp_path):
    def answer(request):
        request.sleep(0.02)
        request.reply(b"x")

    with serve(answer) as server:
        fetch(tmp_path, *(f"{server.url}/{number}" for number in range(40)), per_host_connections=3)
        assert server.record.most_parallel == 3
        assert server.record.connections <= 4
    with serve(answer) as server, serve(answer) as other:
        urls = [f"{place.url}/{number}" for number in range(20) for place in (server, other)]
        fetched = fetch(tmp_path, *urls, per_host_connections=8, connections=2)
        assert all(isinstance(row, Fetched) for row in fetched)
        assert server.record.most_parallel + other.record.most_parallel <= 4
        assert max(server.record.most_parallel, other.record.most_parallel) <= 2


def test_starts_are_spaced(tmp_path):
    with serve(lambda request: request.reply(b"x")) as server:
        fetch(tmp_path, *(f"{server.url}/{number}" for number in range(6)), per_host_interval_s=0.2)
    starts = server.record.starts
    assert starts[-1] - starts[0] > 0.6  # five intervals, less what the first request may take on its way


def test_robots_txt_is_read_once_and_obeyed(tmp_path):
    def answer(request):
        robots = b"User-agent: *\nDisallow: /no/\nCrawl-delay: 0.05\n"
        request.reply(robots if request.path == "/robots.txt" else b"x")

    with serve(answer) as server:
        urls = [f"{server.url}/{folder}/{number}" for number in range(4) for folder in ("yes", "no")]
        results = fetch(tmp_path, *urls, f"{server.url}/yes/../no/x", robots="honour")
    assert [isinstance(result, Fetched) for result in results] == [True, False] * 4 + [False]
    assert {result.reason for result in results if isinstance(result, Rejection)} == {"robots"}
    assert server.record.count("/robots.txt") == 1
    assert not any(path.startswith("/no/") for path in server.record.paths)
    yes = [start for start, path in zip(server.record.starts, server.record.paths, strict=True) if "yes" in path]
    assert yes[-1] - yes[0] > 0.12


def test_robots_txt_may_be_redirected_and_is_read_up_to_its_cap_only(tmp_path):
    def answer(request):
        if request.path == "/robots.txt":
            request.redirect("/real/robots")
        elif request.path == "/real/robots":
            request.reply(b"User-agent: *\nDisallow: /no\n" + b"#" * 600_000 + b"\nDisallow: /late\n")
        else:
            request.reply(b"x")

    with serve(answer) as server:
        no, late = fetch(tmp_path, server.url + "/no", server.url + "/late", robots="honour")
    assert no.reason == "robots"
    assert isinstance(late, Fetched)


@pytest.mark.parametrize(
    ("status", "setting", "reason"),
    [(404, "forbid", ""), (403, "forbid", ""), (500, "forbid", "robots_unreachable"), (500, "allow", "")],
)
def test_a_robots_txt_that_cannot_be_had(tmp_path, status, setting, reason):
    def answer(request):
        request.reply(b"x", status=status if request.path == "/robots.txt" else 200)

    with serve(answer) as server:
        first, second = fetch(
            tmp_path, server.url + "/a", server.url + "/b", robots="honour", robots_unreachable=setting, retries=1
        )
    for result in (first, second):
        assert getattr(result, "reason", "") == reason
    assert server.record.count("/robots.txt") == (2 if status == 500 else 1)


def test_redirects_are_followed_and_each_hop_obeys_its_robots_txt(tmp_path):
    def answer(request):
        if request.path == "/robots.txt":
            request.reply(b"User-agent: *\nDisallow: /no")
        elif request.path == "/a":
            request.redirect("b c?q=ä".encode().decode("latin-1") + "&r=ä#part")  # UTF-8, then Latin-1
        elif request.path == "/to-no":
            request.redirect("/no")
        else:
            request.reply(b"x")

    with serve(answer) as server:
        good, forbidden = fetch(tmp_path, server.url + "/a", server.url + "/to-no", robots="honour")
    assert good.final_url == server.url + "/b%20c?q=%C3%A4&r=%E4"
    assert forbidden.reason == "robots"
    assert "/no" not in server.record.paths


def test_no_ai_is_honoured_before_the_body_is_read(tmp_path):
    def answer(request):
        request.reply(b"x", X_Robots_Tag="noai" if request.path == "/a" else "noindex")

    with serve(answer) as server:
        noai, noindex = fetch(tmp_path, server.url + "/a", server.url + "/b")
        (anyway,) = fetch(tmp_path, server.url + "/a", honour_noai=False)
    assert noai.reason == "noai"
    assert noindex.x_robots_tag == "noindex"
    assert isinstance(anyway, Fetched)


def test_failures_that_pass_are_tried_again_and_others_are_not(tmp_path):
    def answer(request):
        seen = server.record.count(request.path)
        status = int(request.path[1:4])
        request.reply(b"x", status=status if seen < 3 else 200)

    with serve(answer) as server:
        again, gone = fetch(tmp_path, server.url + "/500", server.url + "/404")
        (never,) = fetch(tmp_path, server.url + "/502", retries=1)
    assert again.attempts == 3
    assert gone == Rejection("fetch", "http_not_found", 404, "404 Not Found")
    assert server.record.count("/404") == 1
    assert (never.reason, never.measured) == ("http_server_error", 502)
    assert server.record.count("/502") == 2


def test_retry_after_makes_the_whole_host_rest(tmp_path):
    def answer(request):
        if len(server.record.paths) == 1:
            request.reply(status=429, Retry_After="1")
        else:
            request.reply(b"x")

    with serve(answer) as server:
        results = fetch(tmp_path, *(f"{server.url}/{number}" for number in range(3)), per_host_connections=1)
    assert all(isinstance(result, Fetched) for result in results)
    starts = server.record.starts
    assert starts[1] - starts[0] > 0.9
    assert len(starts) == 4


def test_a_retry_after_beyond_the_cap_fails_the_row_and_says_so(tmp_path):
    with serve(lambda request: request.reply(status=503, Retry_After="86400")) as server:
        (result,) = fetch(tmp_path, server.url, retry_after_cap_s=60)
    assert (result.reason, result.measured) == ("http_busy", 503)
    assert "86400" in result.detail
    assert len(server.record.paths) == 1


def test_a_dead_host_is_given_up_after_its_rests(tmp_path):
    with serve(tmp_path) as server:
        gone = server.url
    results = fetch_one_by_one(
        tmp_path,
        *(f"{gone}/{n}" for n in range(8)),
        retries=0,
        breaker_failures=2,
        breaker_pause_s=0.01,
        breaker_rests=1,
    )
    assert [result.reason for result in results] == ["connect_failed"] * 3 + ["host_down"] * 5


def test_what_is_left_when_the_units_time_is_over_says_so(tmp_path):
    def answer(request):
        if request.path != "/quick":
            request.sleep(10)
        request.reply(b"x")

    with serve(answer) as server:
        urls = [server.url + "/quick"] + [f"{server.url}/{number}" for number in range(20)]
        results = fetch(tmp_path, *urls, unit_time_cap_s=0.4, per_host_connections=4)
    assert isinstance(results[0], Fetched)
    assert {result.reason for result in results[1:]} == {"unit_time_cap"}


def test_cookies_are_not_kept(tmp_path):
    with serve(lambda request: request.reply(b"x", Set_Cookie="id=1; Path=/")) as server:
        fetch_one_by_one(tmp_path, server.url + "/a", server.url + "/b")
    assert all("cookie" not in headers for headers in server.record.headers)


def test_proxies_of_the_environment_are_not_used_and_a_named_one_is(tmp_path, monkeypatch):
    with (
        serve(lambda request: request.reply(b"proxy")) as proxy,
        serve(lambda request: request.reply(b"own")) as server,
    ):
        monkeypatch.setenv("http_proxy", proxy.url)
        (direct,) = fetch(tmp_path, server.url)
        (through,) = fetch(tmp_path, "http://example.invalid/a", proxy=proxy.url)
    assert direct.body.read() == b"own"
    assert through.body.read() == b"proxy"
    assert proxy.record.paths == ["http://example.invalid/a"]


def test_nothing_is_left_open_when_rows_are_cancelled(tmp_path):
    async def run():
        async with Client(HttpSettings(**QUICK), spool=tmp_path) as client:
            rows = [asyncio.create_task(client.fetch(f"{server.url}/{number}")) for number in range(20)]
            await asyncio.sleep(0.1)
            for row in rows:
                row.cancel()
            await asyncio.gather(*rows, return_exceptions=True)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with serve(lambda request: request.sleep(10)) as server:
            asyncio.run(run(), debug=True)
    assert list(tmp_path.iterdir()) == []


def test_a_host_that_rests_does_not_hold_up_the_others(tmp_path):
    with (
        serve(lambda request: request.reply(status=429, Retry_After="60")) as busy,
        serve(lambda request: request.reply(b"x")) as other,
    ):
        urls = [f"{busy.url}/{number}" for number in range(30)] + [f"{other.url}/{number}" for number in range(30)]
        results = fetch(tmp_path, *urls, connections=2, unit_time_cap_s=5)
    assert {result.reason for result in results[:30]} == {"unit_time_cap"}
    assert all(isinstance(result, Fetched) for result in results[30:])


def test_too_many_open_files_is_an_error_that_says_what_to_do(tmp_path, monkeypatch):
    def none_left(guard, addr_info):
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr("pipelines.http.guard.Guard.open_socket", none_left)
    with pytest.raises(UsageError, match="ulimit"):
        fetch(tmp_path, "http://127.0.0.1:9/")
