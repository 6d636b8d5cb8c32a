"""A build as `ray job submit` runs it: a real cluster with its job server, a token, and killed workers.

The cluster lives on ports, in a folder and with a token of this test's own, and is ended by process id: `ray stop`
would end every other cluster of this machine along with it.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from million_ird.dataset import open_dataset
from tests.flow.web_world import problems
from tests.flow.world import World, digest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

_RAY = [sys.executable, "-m", "ray.scripts.scripts"]
_REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass
class Cluster:
    """A cluster that runs: its job server, its environment, the process that holds it."""

    address: str
    home: Path
    environment: Mapping[str, str]
    process: subprocess.Popen[bytes]

    def processes(self) -> list[psutil.Process]:
        """All processes of the cluster."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def submit(self, folder: Path, *command: str, **environment: str) -> subprocess.Popen[str]:
        """`ray job submit` at work, which prints what the driver prints and ends as it ends."""
        arguments = ["job", "submit", "--address", self.address, "--working-dir", str(folder), "--", *command]
        return subprocess.Popen(
            [*_RAY, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**self.environment, **environment},
        )

    def run(self, folder: Path, *command: str, **environment: str) -> tuple[int, str]:
        """The same, awaited: exit code and output."""
        with self.submit(folder, *command, **environment) as process:
            printed, _ = process.communicate(timeout=240)
        return process.returncode, printed


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A head node with two cores, its dashboard and job server; nothing of it is left afterwards."""
    home = Path(tempfile.mkdtemp(prefix="r", dir="/tmp"))  # a socket's path may have 107 bytes at most
    (home / "token").write_text(secrets.token_hex(32))
    port, dashboard, agent, metrics, client = _free_ports(5)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    environment |= {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(home / "token"),
        "RAY_TMPDIR": str(home),
        "RAY_USAGE_STATS_ENABLED": "0",
        "PYTHONPATH": str(_REPOSITORY),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",  # a job's `python` is this one
    }
    command = [
        *(*_RAY, "start", "--head", "--block", "--num-cpus=2", f"--temp-dir={home}", f"--port={port}"),
        *("--node-ip-address=127.0.0.1", "--include-dashboard=true", "--dashboard-host=127.0.0.1"),
        *(f"--dashboard-port={dashboard}", f"--dashboard-agent-listen-port={agent}"),
        *(f"--metrics-export-port={metrics}", f"--ray-client-server-port={client}"),
        f"--object-store-memory={100 * 2**20}",
    ]
    with (home / "start.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment, start_new_session=True)
    started = Cluster(f"http://127.0.0.1:{dashboard}", home, environment, process)
    try:
        _await_job_server(started)
        yield started
    finally:
        doomed = started.processes()
        for each in [*doomed, psutil.Process(process.pid)]:
            with contextlib.suppress(psutil.NoSuchProcess):
                each.kill()
        process.wait()
        psutil.wait_procs(doomed, timeout=20)
        shutil.rmtree(home)
    assert not [each for each in doomed if each.is_running()]
    assert not [
        each.pid for each in psutil.process_iter(["cmdline"]) if str(home) in " ".join(each.info["cmdline"] or ())
    ]
    for each in (port, dashboard, agent, metrics, client):
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", each)), f"port {each} is still taken"


def _await_job_server(cluster: Cluster) -> None:
    command = [*_RAY, "job", "list", "--address", cluster.address]
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        assert cluster.process.poll() is None, (cluster.home / "start.log").read_text()
        if not subprocess.run(command, env=cluster.environment, capture_output=True, check=False).returncode:
            return
        time.sleep(1)
    raise TimeoutError((cluster.home / "start.log").read_text())


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small folder that travels with a job."""
    folder = tmp_path_factory.mktemp("job")
    (folder / "note.txt").write_text("goes along with the job\n")
    return folder


@pytest.fixture(scope="module")
def serial(world: World) -> Mapping[str, str]:
    """What a serial build leaves."""
    code, printed = world.build(str(world.root / "serial"))
    assert code == 0, printed
    return digest(str(world.root / "serial"))


def _build(world: World, out: Path, *settings: str) -> list[str]:
    command = ["python", "-m", "million_ird.cli", "build", str(world.recipe), "--out", str(out)]
    for setting in ("execution.memory_gb=0.3", "execution.lease_s=4", *settings):
        command += ["--set", setting]
    return command


def _workers(cluster: Cluster) -> list[psutil.Process]:
    """Workers that are at work on a unit."""
    found = []
    for process in cluster.processes():
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.name().startswith("ray::"):
                found.append(process)
    return [process for process in found if "_unit" in process.name()]


def test_a_job_builds_what_a_serial_build_builds_and_resumes(
    cluster: Cluster, world: World, job: Path, serial: Mapping[str, str], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    code, printed = cluster.run(job, *_build(world, out))
    assert code == 0, printed
    assert "fetch: 5/5 units" in printed and "cut: " in printed, "the driver's progress is what submit prints"
    assert "succeeded" in printed and "Traceback" not in printed
    assert digest(str(out)) == serial
    assert problems(out) == []
    for marker in sorted((out / "patches").rglob("*.json"))[:1]:
        marker.unlink()  # as if killed before the last shard
    code, printed = cluster.run(job, *_build(world, out))
    assert code == 0, printed
    assert "fetch:" not in printed and "units were done already" in printed
    assert digest(str(out)) == serial


def test_a_killed_worker_changes_nothing(
    cluster: Cluster, world: World, job: Path, serial: Mapping[str, str], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    with cluster.submit(job, *_build(world, out)) as process:
        killed = 0
        while process.poll() is None and killed < 2:
            for worker in _workers(cluster)[:1]:
                with contextlib.suppress(psutil.NoSuchProcess):
                    os.kill(worker.pid, signal.SIGKILL)
                    killed += 1
                time.sleep(1)
            time.sleep(0.005)
        printed, _ = process.communicate(timeout=240)
    assert killed, printed
    assert process.returncode == 0, printed
    assert digest(str(out)) == serial
    assert open_dataset(str(out)).info["state"] == "complete"


def test_a_build_that_fails_fails_the_job(cluster: Cluster, world: World, job: Path, tmp_path: Path) -> None:
    code, printed = cluster.run(job, *_build(world, tmp_path / "out", "manifest.path=/no/such/folder"))
    assert code != 0
    assert "/no/such/folder" in printed and "failed" in printed


def test_without_the_token_nobody_submits(cluster: Cluster, world: World, job: Path, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(secrets.token_hex(32))
    for environment in (
        {"RAY_AUTH_MODE": "disabled"},
        {"RAY_AUTH_TOKEN_PATH": str(tmp_path / "token")},
    ):
        code, printed = cluster.run(job, *_build(world, tmp_path / "out"), **environment)
        assert code != 0
        assert any(word in printed.lower() for word in ("unauthorized", "authentication", "401", "403")), printed
    assert not (tmp_path / "out").exists()
