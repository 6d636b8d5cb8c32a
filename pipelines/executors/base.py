"""What an executor is: it runs one function over many payloads, in any order, and survives the death of a worker."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class ExecutionSettings:
    """How the work is run. Nothing here changes the dataset, so it is outside the recipe's fingerprint."""

    executor: str = "ray"
    """`ray`, or `serial` for everything in this process (debugging, tests)."""
    workers: int = 0
    """Units at work at once; 0 takes every core (of the cluster, on Ray)."""
    memory_gb: float = 1.5
    """Memory that Ray reserves for a unit: decoding a 100-megapixel photograph takes about 1 GB."""
    retries: int = 3
    """How often Ray starts a unit again whose worker or node died, before it is given up."""
    lease_s: float = 30.0
    """Seconds of silence after which another build on the same output counts as dead (six missed heartbeats)."""
    spill_gb: float = 1.0
    """Memory of the planning sort before it spills to disk."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one payload ended: with a result, or given up with the reason why."""

    payload: Any
    result: Any = None
    failure: str = ""
    """Empty on success; else what killed it, with traceback, for `log/`."""


class Executor(Protocol):
    """Runs `function(job, payload)` for every payload.

    A `MillionIrdError` raised by the function ends the whole run: it is the user's to solve (disk full, wrong recipe).
    Anything else costs its own payload only and comes back as an `Outcome` with a failure.
    """

    name: str
    workers: int
    gpus: int
    """GPUs that actors may claim."""

    def run(self, function: Callable[[Any, Any], Any], job: Any, payloads: Iterable[Any]) -> Iterator[Outcome]: ...

    def close(self) -> None: ...
