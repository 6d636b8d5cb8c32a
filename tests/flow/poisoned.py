"""A build that some of its images kill: `python -m tests.flow.poisoned PLAN build …`.

PLAN is a JSON object: `examined` (names of pictures; whoever examines one dies), `planned` (whoever works on a unit
that holds one dies before it examines anything), `deaths` (a file that grows by a byte with each death) and `most` (so
many deaths in all; further ones do not happen).
"""

from __future__ import annotations

import json
import os
import signal
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from million_ird.cli import main
from million_ird.examine import Examination
from million_ird.records import Rejection, image_key
from million_ird.tombstones import Tombstones
from pipelines import build


@dataclass(frozen=True)
class Deaths:
    """Counts the deaths there have been in a file, over all processes, and dies up to `most` times.

    The process `spared`, the driver, never does.
    """

    file: str
    most: int
    spared: int

    def die(self) -> None:
        if os.getpid() == self.spared:
            return
        with Path(self.file).open("ab") as file:
            if file.tell() < self.most:
                file.write(b"x")
                file.flush()
                os.kill(os.getpid(), signal.SIGKILL)


class LethalKeys(set[str]):
    """An empty set of keys; whoever asks whether it holds one of `lethal` dies."""

    def __init__(self, lethal: frozenset[str], deaths: Deaths) -> None:
        super().__init__()
        self.lethal, self.deaths = lethal, deaths

    def __reduce__(self) -> tuple[type[LethalKeys], tuple[frozenset[str], Deaths]]:
        return LethalKeys, (self.lethal, self.deaths)

    def __contains__(self, key: object) -> bool:
        if key in self.lethal:
            self.deaths.die()
        return False


class LethalTombstones(Tombstones):
    """No tombstones; whoever looks for one of the keys `examined` dies, whoever compares one of `planned` likewise."""

    def __init__(self, examined: frozenset[str], planned: frozenset[str], deaths: Deaths) -> None:
        super().__init__()
        self.examined, self.deaths = examined, deaths
        self.keys = LethalKeys(planned, deaths)

    def find(self, key: str, sha256: str = "", pixel_hash: str = "", phash: bytes = b"") -> Rejection | None:
        if key in self.examined:
            self.deaths.die()
        return None


def poison(plan: str) -> None:
    """Makes every build of this process meet pictures as the plan says."""
    content = json.loads(plan)
    deaths = Deaths(content["deaths"], content["most"], os.getpid())
    examined, planned = (frozenset(map(image_key, content[name])) for name in ("examined", "planned"))
    harmless = build.examination

    def examination(*arguments: object) -> Examination:
        settings = harmless(*arguments)  # type: ignore[arg-type]
        return replace(settings, tombstones=LethalTombstones(examined, planned, deaths))

    build.examination = examination  # type: ignore[assignment]


if __name__ == "__main__":
    from tests.flow import poisoned  # workers find the classes by a name that they can import

    poisoned.poison(sys.argv[1])
    sys.exit(main(sys.argv[2:]))
