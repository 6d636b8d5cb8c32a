"""What a run counts from its first step to its last, resumes included."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pretrain.models.variants import AnyVariant


@dataclass
class Tally:
    """What goes on counting over the whole run, resumes included."""

    updates: dict[str, int]
    """Variant → steps that trained it and changed the weights."""
    seconds: dict[str, float]
    """Variant → seconds of its steps without the wait for data, skipped ones included. Where a step trains several,
    its seconds are divided in proportion to their applications of blocks."""
    substituted: int = 0
    """Samples that stood in for damaged ones."""

    @classmethod
    def fresh(cls, variants: tuple[AnyVariant, ...]) -> Tally:
        names = [variant.name for variant in variants]
        return cls(dict.fromkeys(names, 0), dict.fromkeys(names, 0.0))

    def add(self, variants: tuple[AnyVariant, ...], seconds: float, skipped: bool) -> None:
        """Takes one step down."""
        whole = sum(variant.applications for variant in variants)
        for variant in variants:
            self.updates[variant.name] += not skipped
            self.seconds[variant.name] += seconds * variant.applications / whole

    def state(self) -> dict[str, Any]:
        """Plain values for the checkpoint."""
        return {"updates": dict(self.updates), "seconds": dict(self.seconds), "substituted": self.substituted}
