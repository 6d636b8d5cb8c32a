"""What a source of pictures is: something that lists candidates, and reads the bytes of one for ever after."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from annotation.store import Refused
from million_ird.records import Rejection


@dataclass(frozen=True, slots=True)
class Candidate:
    """A picture, or a pair, that may become an item."""

    name: str
    other_name: str
    """What the item is called where another one has the name."""
    blurred: str
    """Where the bytes are, relative to the source."""
    sharp: str | None = None
    provenance: dict[str, str] = field(default_factory=dict)


class Source(Protocol):
    """A place that items come from. `kind`, `place` and `options` are what project.json remembers of it."""

    kind: str
    place: str
    options: dict[str, str]

    def candidates(self) -> Iterator[Candidate | Refused]:
        """Everything that is there now, in a fixed order.

        Raises:
            UsageError: the place itself cannot be read.
        """

    def read(self, where: str, is_sharp: bool = False) -> bytes | Rejection:
        """The bytes of a picture that was listed."""
