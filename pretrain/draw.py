"""Which variants a step trains: a pure function of (seed, step), so every rank and every resumed run draws the same.

The paper activates one variant an iteration, "randomly", without saying with what probability (arXiv 2404.02154,
section on dynamic pre-training); one half each is assumed here. The sandwich rule is the known alternative for
weight-shared networks: each step trains the largest and the smallest and some between, the smaller ones on the
largest one's output (Yu and Huang, Universally Slimmable Networks, arXiv 1903.05134, sections 3.2 and 3.3; Once for
All, arXiv 1908.09791, calls the second half progressive shrinking's distillation).
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from million_ird.errors import UsageError
from pretrain.models.variants import AnyVariant


@dataclass(frozen=True)
class DrawSettings:
    """Which variants a step trains."""

    rule: Literal["random", "sandwich"] = "random"
    """"random": one variant a step (paper). "sandwich": the largest, the smallest and `between` of the others."""
    probability: Mapping[str, float] = field(default_factory=dict)
    """For "random": the share of steps of each variant, by name; they need not sum to 1, and a variant with 0 is
    validated but never trained. Empty: equal shares (assumed; the paper does not say)."""
    between: int = 0
    """For "sandwich": how many variants between the largest and the smallest are drawn each step; 0 or more."""
    distil: bool = True
    """For "sandwich": the smaller variants learn the largest one's output of the same step (detached) in place of the
    target, as in the slimmable networks' paper; false: everybody learns the target."""

    def __post_init__(self) -> None:
        shares = self.probability.values()
        if any(share < 0 for share in shares) or (self.probability and not sum(shares) > 0):
            raise UsageError("draw.probability: shares must be at least 0, and one of them above")
        if self.rule == "sandwich" and self.probability:
            raise UsageError('draw.probability: means nothing under rule = "sandwich"; leave it out')
        if self.between < 0:
            raise UsageError(f"draw.between: got {self.between}, expected 0 or more")


def by_size(variants: Sequence[AnyVariant]) -> list[AnyVariant]:
    """The variants from the fewest applications of blocks to the most; equal ones in the order of their names."""
    return sorted(variants, key=lambda variant: (variant.applications, variant.name))


def draw_variants(
    seed: int, step: int, settings: DrawSettings, variants: Sequence[AnyVariant]
) -> tuple[AnyVariant, ...]:
    """The variants that step `step` (from 0) trains, the largest first.

    One under the rule "random"; under "sandwich" the largest, the smallest and the drawn ones between. The order in
    which `variants` are given does not matter.

    Raises:
        UsageError: `settings.probability` names no variant that is here.
    """
    ordered = by_size(variants)
    if settings.rule == "sandwich":
        return _sandwich(seed, step, settings.between, ordered)
    shares = shares_of(settings, variants)
    place = _uniform(seed, step, 0) * sum(shares.values())
    for variant in ordered:
        place -= shares[variant.name]
        if place < 0:
            return (variant,)
    return (max((v for v in ordered if shares[v.name] > 0), key=lambda v: (v.applications, v.name)),)


def shares_of(settings: DrawSettings, variants: Sequence[AnyVariant]) -> dict[str, float]:
    """Relative share of steps of each variant by name; those that the settings leave out have 0."""
    names = [variant.name for variant in variants]
    unknown = [name for name in settings.probability if name not in names]
    if unknown:
        raise UsageError(f"draw.probability.{unknown[0]}: there is no such variant; known are {', '.join(names)}")
    if not settings.probability:
        return dict.fromkeys(names, 1.0)
    return {name: settings.probability.get(name, 0.0) for name in names}


def _sandwich(seed: int, step: int, between: int, ordered: list[AnyVariant]) -> tuple[AnyVariant, ...]:
    if len(ordered) < 2:
        return tuple(ordered)
    middle = ordered[1:-1]
    by_lot = sorted(range(len(middle)), key=lambda index: _uniform(seed, step, 1 + index))
    chosen = sorted(by_lot[:between], reverse=True)
    return (ordered[-1], *(middle[index] for index in chosen), ordered[0])


def _uniform(seed: int, step: int, purpose: int) -> float:
    """A number in [0, 1) with 53 random bits, the same for ever: BLAKE2b of the three integers."""
    digest = hashlib.blake2b(struct.pack("<QQQ", seed, step, purpose), digest_size=8, person=b"variant draw").digest()
    return float(int.from_bytes(digest, "little") >> 11) / 2.0**53
