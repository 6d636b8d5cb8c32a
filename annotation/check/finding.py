"""What the check looks at, and what it says about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from annotation.mask import Mask

Severity = Literal["error", "warning"]
Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, or may be."""

    rule: str
    """Name in `rules.RULES`."""
    severity: Severity
    text: str
    """What is wrong and what to do, in one line."""
    accepted: str = ""
    """Who accepted it and why; then it is no longer counted."""
    at: tuple[tuple[int, int], ...] = ()
    """Where, as (x, y) in pixels of the picture."""

    def accepted_as(self, reason: str) -> Finding:
        return replace(self, accepted=reason)


@dataclass(frozen=True, slots=True)
class Subject:
    """One mask with its picture, as far as they can be had."""

    name: str
    """Of the item; what `--accept` takes."""
    where: str
    """What a person looks for: the mask's file, or the layer."""
    mask: Mask | None
    """None where there is none that decodes."""
    size: tuple[int, int] | None
    """(width, height) of the picture; None where there is none."""
    found: tuple[Finding, ...] = ()
    """What reading it has shown."""
    blurred: Callable[[], Pixels] | None = None
    """Upright RGB (H, W, 3) uint8; may raise a MillionIrdError."""
    sharp: Callable[[], Pixels] | None = None
    """The same of the sharp frame; None where there is none."""
    reason: str = ""
    """What the annotator said when calling it done."""
    annotator: str = ""
    layer: int | None = None
    """Number of the store's layer; None for files."""
    counts: bool = True
    """Whether it is a mask; False for a picture that has none."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A subject and all that was found."""

    subject: Subject
    findings: tuple[Finding, ...]
    polarity: float | None = None
    """See `polarity.agreement`; None where it was not measured."""
    thumbnail: bytes | None = None
    """A JPEG of the picture with its mask, of offenders and where asked for."""

    def number(self, severity: Severity) -> int:
        """Findings of this severity that nobody has accepted."""
        return sum(1 for finding in self.findings if finding.severity == severity and not finding.accepted)
