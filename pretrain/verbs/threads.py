"""How the threads of a computation wait."""

from __future__ import annotations

import os


def sleep_when_idle() -> None:
    """Lets PyTorch's threads sleep while they have nothing to do, unless the environment says otherwise.

    By default they spin. Networks of many small operations on a CPU that others use as well, data workers for example,
    then take twice the CPU time and wait for each other's turns (measured at width 8 with 2 threads on 2 busy cores:
    1.1 s a step spinning, 0.55 s sleeping). Read once, so it must be called before torch is imported.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
