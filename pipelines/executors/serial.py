"""Everything in this process, one unit after the other: the meaning that the Ray executor has to match."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from million_ird.errors import MillionIrdError
from pipelines.executors.base import Outcome
from pipelines.executors.worker import as_worker


class SerialExecutor:
    """See `Executor`."""

    name = "serial"
    workers = 1
    gpus = 0

    def run(self, function: Callable[[Any, Any], Any], job: Any, payloads: Iterable[Any]) -> Iterator[Outcome]:
        work = as_worker(function)
        for payload in payloads:
            try:
                yield Outcome(payload, work(job, payload))
            except MillionIrdError:
                raise
            except Exception:  # noqa: BLE001 - a bug in one unit must not take the others along
                yield Outcome(payload, failure=traceback.format_exc())

    def close(self) -> None:
        """Nothing was started."""
