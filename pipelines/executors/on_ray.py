"""Units as Ray tasks: a bounded window in flight, memory stated, dead workers and nodes retried by Ray.

Connects to the cluster of `RAY_ADDRESS` (what `ray job submit` sets) or starts a local one. Tasks return counters and
paths, never pixels, so the object store stays nearly empty.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from million_ird.errors import MillionIrdError
from pipelines.executors.base import ExecutionSettings, Outcome
from pipelines.executors.worker import as_worker

_WINDOW = 2
"""Payloads in flight per worker: one at work and one waiting, so that no worker idles between two."""


class RayExecutor:
    """See `Executor`. `close()` ends the local cluster if this object started it."""

    name = "ray"

    def __init__(self, settings: ExecutionSettings) -> None:
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # Ray asks for it in a warning
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # a build talks to the hosts of its manifest alone
        import ray

        self._ray = ray
        self._settings = settings
        self._started_here = False
        if not ray.is_initialized():
            self._connect()
        self._watch = _ClusterWatch(ray.get_runtime_context().gcs_address)
        resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
        cores = max(1, int(resources.get("CPU", 1)))
        self.workers = settings.workers or cores
        self.gpus = int(resources.get("GPU", 0))
        # One waiting payload per worker keeps all busy; where fewer workers are wanted than there are cores, none may.
        self._window = self.workers if self.workers < cores else _WINDOW * self.workers
        # A request that no node can meet would wait for ever.
        nodes: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
        largest = max((node["Resources"].get("memory", 0.0) for node in nodes if node["Alive"]), default=0.0)
        self._memory = int(min(settings.memory_gb * 2**30, largest))

    def _connect(self) -> None:
        quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "error"}
        try:
            if os.environ.get("RAY_ADDRESS"):
                self._ray.init(**quiet)
            else:
                # RAY_TMPDIR is Ray's own setting; a local cluster needs no dashboard.
                workers = self._settings.workers or None
                self._ray.init(address="local", num_cpus=workers, include_dashboard=False, **quiet)
                self._started_here = True
        except (ConnectionError, RuntimeError, TimeoutError) as error:
            where = os.environ.get("RAY_ADDRESS", "a local cluster")
            advice = "" if os.environ.get("RAY_AUTH_MODE") else "; a cluster with tokens needs RAY_AUTH_MODE=token here"
            raise MillionIrdError(f"no Ray at {where}: {str(error).splitlines()[0]}{advice}") from error

    def run(self, function: Callable[[Any, Any], Any], job: Any, payloads: Iterable[Any]) -> Iterator[Outcome]:
        ray = self._ray
        # max_retries covers the death of a worker or node; an exception of the function itself is not retried.
        task = ray.remote(as_worker(function)).options(
            num_cpus=1, memory=self._memory, max_retries=self._settings.retries
        )
        waiting = iter(payloads)
        in_flight: dict[Any, Any] = {}
        try:
            job_ref = ray.put(job)
            while True:
                for payload in waiting:
                    in_flight[task.remote(job_ref, payload)] = payload
                    if len(in_flight) >= self._window:
                        break
                if not in_flight:
                    return
                done, _ = ray.wait(list(in_flight), num_returns=1)
                for reference in done:
                    yield self._outcome(in_flight.pop(reference), reference)
        except (ray.exceptions.RaySystemError, ray.exceptions.RpcError, ConnectionError) as error:
            raise MillionIrdError(
                f"the Ray cluster has gone ({str(error).splitlines()[0]}): run the same command again to resume"
            ) from error
        finally:
            for reference in in_flight:
                ray.cancel(reference, force=True)

    def _outcome(self, payload: Any, reference: Any) -> Outcome:
        errors = self._ray.exceptions
        try:
            return Outcome(payload, self._ray.get(reference))
        except errors.RayTaskError as error:
            if isinstance(error.cause, MillionIrdError):
                raise error.cause from None
            return Outcome(payload, failure=str(error))
        except (errors.WorkerCrashedError, errors.NodeDiedError, errors.OutOfMemoryError) as error:
            return Outcome(payload, failure=f"{type(error).__name__}: {error}")

    def close(self) -> None:
        self._watch.stop()
        if self._started_here:
            self._ray.shutdown()


class _ClusterWatch:
    """Says so when the cluster is gone. Ray itself ends the driver a minute later, in words about its own parts."""

    _EVERY_S = 2.0

    def __init__(self, gcs_address: str) -> None:
        host, _, port = gcs_address.rpartition(":")
        self._address = (host.strip("[]"), int(port))
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="cluster-watch", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopped.wait(self._EVERY_S):
            try:
                socket.create_connection(self._address, timeout=10).close()
            except OSError:
                line = "the Ray cluster does not answer; if this ends here, run the same command again to resume"
                print(f"million-ird: {line}", file=sys.stderr, flush=True)
                return
