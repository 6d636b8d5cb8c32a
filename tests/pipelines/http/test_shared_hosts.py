"""Two real workers, Ray tasks in processes of their own, and one server that must not notice that they are two."""

import asyncio
import os
import signal
import tempfile
import time
from pathlib import Path

import pytest

from pipelines.http.client import Client
from pipelines.http.hosts import Ask, HostLedger, Outcome, Returned, RobotsFile
from pipelines.http.settings import HttpSettings
from pipelines.http.shared_hosts import LocalHosts, RayHosts, start_hosts_actor
from tests.pipelines.hostile_server import serve


@pytest.fixture(scope="module")
def ray_cluster():
    """A small cluster of this test's own, gone afterwards."""
    import ray

    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="error")
    try:
        yield ray
    finally:
        ray.shutdown()


async def fetch_all(urls, settings, hosts, shared, spool):
    async with Client(settings, hosts, spool=spool, shared_hosts=shared) as client:
        return [getattr(result, "reason", "ok") for result in await asyncio.gather(*map(client.fetch, urls))]


def work(urls, settings, hosts, shared):
    """One unit in a worker's process: what became of each row, and the process id."""
    with tempfile.TemporaryDirectory() as spool:
        return asyncio.run(fetch_all(urls, settings, hosts, shared, Path(spool))), os.getpid()


def run_two_workers(ray, server, settings, rows=30):
    hosts = start_hosts_actor(settings)
    task = ray.remote(num_cpus=1)(work)
    urls = [[f"{server.url}/{worker}/{row}" for row in range(rows)] for worker in range(2)]
    results = ray.get([task.remote(part, settings, hosts, frozenset({server.host})) for part in urls], timeout=120)
    assert len({pid for _, pid in results}) == 2
    return [reason for reasons, _ in results for reason in reasons]


def test_two_workers_stay_within_the_hosts_limit_and_read_robots_txt_once(ray_cluster):
    def answer(request):
        if request.path == "/robots.txt":
            request.sleep(0.3)  # long enough for both to want it
            request.reply(b"User-agent: *\nDisallow: /0/7\n")
        else:
            request.sleep(0.03)
            request.reply(b"x")

    settings = HttpSettings(allow_private_networks=True, per_host_connections=3)
    with serve(answer) as server:
        reasons = run_two_workers(ray_cluster, server, settings)
    assert sorted(set(reasons)) == ["ok", "robots"]
    assert reasons.count("robots") == 1
    assert server.record.count("/robots.txt") == 1
    assert server.record.most_parallel == 3


def test_the_starts_of_two_workers_are_spaced(ray_cluster):
    settings = HttpSettings(allow_private_networks=True, per_host_interval_s=0.1, robots="ignore")
    with serve(lambda request: request.reply(b"x")) as server:
        reasons = run_two_workers(ray_cluster, server, settings, rows=10)
    assert set(reasons) == {"ok"}
    starts = server.record.starts
    assert len(starts) == 20
    assert starts[-1] - starts[0] > 1.5  # 19 intervals, less what single starts may be late


def test_a_rest_that_one_worker_earned_holds_for_the_other(ray_cluster):
    def answer(request):
        if len(server.record.paths) == 1:
            request.reply(status=429, Retry_After="2")
        else:
            request.reply(b"x")

    settings = HttpSettings(allow_private_networks=True, per_host_connections=1, robots="ignore", backoff_s=0.01)
    with serve(answer) as server:
        reasons = run_two_workers(ray_cluster, server, settings, rows=5)
    assert set(reasons) == {"ok"}
    assert server.record.starts[1] - server.record.starts[0] > 1.9


def test_slots_of_a_killed_worker_come_back(ray_cluster):
    def answer(request):
        if request.path.startswith("/0/"):
            request.sleep(60)
        request.reply(b"x")

    settings = HttpSettings(allow_private_networks=True, per_host_connections=2, lease_s=1, robots="ignore")

    def unit(urls, hosts, shared, note):
        Path(note).write_text(str(os.getpid()))
        return work(urls, settings, hosts, shared)

    with serve(answer) as server, tempfile.TemporaryDirectory() as folder:
        hosts = start_hosts_actor(settings)
        note = Path(folder) / "pid"
        task = ray_cluster.remote(num_cpus=1, max_retries=0)(unit)
        doomed = task.remote([f"{server.url}/0/{row}" for row in range(4)], hosts, frozenset({server.host}), str(note))
        while len(server.record.paths) < 2:  # both slots are taken, and the server does not answer
            time.sleep(0.02)
        os.kill(int(note.read_text()), signal.SIGKILL)
        with pytest.raises(ray_cluster.exceptions.WorkerCrashedError):
            ray_cluster.get(doomed, timeout=60)
        urls = [f"{server.url}/1/{row}" for row in range(4)]
        reasons, _ = ray_cluster.get(
            ray_cluster.remote(num_cpus=1)(work).remote(urls, settings, hosts, frozenset({server.host})), timeout=60
        )
    assert reasons == ["ok"] * 4


def test_many_requests_share_few_calls_to_the_ledger(tmp_path):
    class Counting(LocalHosts):
        gap_s = RayHosts.gap_s
        calls = 0

        async def exchange(self, worker, asks):
            Counting.calls += 1
            return await super().exchange(worker, asks)

    settings = HttpSettings(allow_private_networks=True, robots="ignore", per_host_connections=16)
    with serve(lambda request: request.reply(b"x")) as server:
        urls = [f"{server.url}/{row}" for row in range(300)]
        hosts = Counting(HostLedger(settings))
        reasons = asyncio.run(fetch_all(urls, settings, hosts, frozenset({server.host}), tmp_path))
    assert reasons == ["ok"] * 300
    assert Counting.calls < 150


def test_a_ledger_that_breaks_ends_the_fetch_with_its_error(tmp_path):
    class Broken(LocalHosts):
        async def exchange(self, worker, asks):
            raise ConnectionAbortedError("the actor is gone")

    settings = HttpSettings(allow_private_networks=True, robots="ignore")
    hosts = Broken(HostLedger(settings))
    with pytest.raises(ConnectionAbortedError, match="the actor is gone"):
        asyncio.run(fetch_all(["http://127.0.0.1:9/"], settings, hosts, frozenset({"127.0.0.1:9"}), tmp_path))


def test_hosts_of_one_unit_never_trouble_the_shared_ledger(tmp_path):
    class Untouched(LocalHosts):
        async def exchange(self, worker, asks):
            raise AssertionError("asked about a host that is not shared")

    settings = HttpSettings(allow_private_networks=True)
    hosts = Untouched(HostLedger(settings))
    with serve(lambda request: request.reply(b"x")) as server:
        reasons = asyncio.run(fetch_all([server.url], settings, hosts, frozenset({"elsewhere"}), tmp_path))
    assert reasons == ["ok"]


def test_a_host_that_only_redirects_lead_to_stands_in_the_shared_ledger(tmp_path):
    asked = []

    class Watched(LocalHosts):
        async def exchange(self, worker, asks):
            asked.extend(ask.host for ask in asks)
            return await super().exchange(worker, asks)

    settings = HttpSettings(allow_private_networks=True)
    with serve(lambda request: request.reply(b"x")) as cdn, serve(lambda request: request.redirect(cdn.url)) as front:
        hosts = Watched(HostLedger(settings))
        reasons = asyncio.run(fetch_all([front.url + "/a"], settings, hosts, frozenset(), tmp_path))
    assert reasons == ["ok"]
    assert set(asked) == {cdn.host}


def test_the_ledgers_faces_have_the_same_methods(ray_cluster):
    settings = HttpSettings(per_host_connections=2)

    async def talk(hosts):
        told = [await hosts.exchange("a", [Ask("h", 3), Ask("g", 1)])]
        told.append(await hosts.exchange("a", [Ask("h", 0, (Returned(Outcome.ANSWERED, 5.0),))]))
        told.append(await hosts.robots("http://h"))
        await hosts.keep_robots("http://h", RobotsFile("absent"))
        told.append(await hosts.robots("http://h"))
        await hosts.space("h", 1.0)
        await hosts.leave("a")
        told.append([grant.waits_s for grant in await hosts.exchange("b", [Ask("h", 1), Ask("g", 2)])])
        return told

    assert asyncio.run(talk(LocalHosts(HostLedger(settings)))) == asyncio.run(talk(start_hosts_actor(settings)))
