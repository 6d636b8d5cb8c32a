"""Images that take their worker down: which one was being examined at each death of a unit's workers.

A decoder that crashes, or memory that runs out, ends the process, not the image alone. So a worker notes the image it
examines in a small file beside the dataset's scratch, never in the dataset; the next attempt at the unit finds there
what the last one died of. An image at which `STRIKES` attempts of one run died is rejected unseen. A worker killed for
another reason dies at another image, or at none, each time.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from million_ird.records import Rejection

STRIKES = 2
"""Deaths at the same image after which it is left alone: one may be chance."""
MOST_DEATHS = 16
"""Deaths of one unit after which it gets no further round of attempts: more than single images is at fault then."""


@dataclass(frozen=True)
class CrashJournal:
    """The notes of one run: `folder` is a scratch folder that the run's driver made and takes away."""

    folder: str

    def open(self, unit: str) -> UnitJournal:
        """The notes on one unit, with the death of the attempt before, if there was one, taken down."""
        return UnitJournal(Path(self.folder), unit)

    def may_pass(self, unit: str) -> bool:
        """Whether a unit that died at every attempt died of images, few enough to be left out one by one.

        Asked on the driver: deaths on other machines, whose notes it cannot see, are not counted.
        """
        folder = Path(self.folder)
        if not (folder / f"{unit}.now").exists() or not (folder / f"{unit}.now").stat().st_size:
            return False
        return 1 + len(_deaths(folder / f"{unit}.deaths")) < MOST_DEATHS


class UnitJournal:
    """What one attempt at a unit writes down and knows of the attempts before it. Use as a context manager."""

    def __init__(self, folder: Path, unit: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)  # the driver's own may be on another machine
        deaths = folder / f"{unit}.deaths"
        self._now = os.open(folder / f"{unit}.now", os.O_RDWR | os.O_CREAT, 0o600)
        victim = os.pread(self._now, 200, 0).decode()
        if victim:
            with deaths.open("a") as file:
                file.write(f"{victim}\n")
            os.ftruncate(self._now, 0)
        self._strikes = Counter(_deaths(deaths))

    def verdict(self, key: str) -> Rejection | None:
        """The rejection of an image at which too many attempts died, else None."""
        deaths = self._strikes[key]
        if deaths < STRIKES:
            return None
        return Rejection("decode", "crashes_decoder", detail=f"{deaths} workers died while they examined it")

    @contextmanager
    def examining(self, key: str) -> Iterator[None]:
        """Notes that an image is being examined while the block runs. Costs two small writes to a file, unsynced."""
        os.pwrite(self._now, key.encode(), 0)
        try:
            yield
        finally:
            os.ftruncate(self._now, 0)

    def __enter__(self) -> UnitJournal:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._now)


def _deaths(file: Path) -> list[str]:
    """The keys of the images at which attempts died, one for each death."""
    return file.read_text().split() if file.exists() else []
