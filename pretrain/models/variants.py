"""A variant: how often each shared block of the network is applied. Data, passed at call time; no weights of its own.

Source: Dudhane et al., "Dynamic Pre-training", arXiv 2404.02154, and the authors' code, where large and small differ in
these numbers alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from million_ird.errors import UsageError
from pretrain.models.limits import MOST_BLOCKS

LEVELS = 3
"""Levels of the encoder and of the decoder; the latent level lies below them."""


@dataclass(frozen=True)
class Variant:
    """Applications of a block per level; the first level is the one of full resolution, in the decoder as well."""

    name: str
    """What recipes and commands call it."""
    encoder: tuple[int, int, int]
    """Applications at encoder levels 1, 2, 3; each at least 1."""
    latent: int
    """Applications at the latent level; at least 1."""
    decoder: tuple[int, int, int]
    """Applications at decoder levels 1, 2, 3 (level 3 runs first); each at least 1."""

    def __post_init__(self) -> None:
        counts = (*self.encoder, self.latent, *self.decoder)
        if len(self.encoder) != LEVELS or len(self.decoder) != LEVELS:
            raise UsageError(f"variant {self.name!r}: encoder and decoder need {LEVELS} numbers each")
        if not all(type(count) is int and 1 <= count <= MOST_BLOCKS for count in counts):
            raise UsageError(
                f"variant {self.name!r}: every level needs a whole number of repeats, 1 or more, {MOST_BLOCKS} at most"
            )
        if not self.name or not self.name.isprintable() or "/" in self.name:
            raise UsageError(f"variant {self.name!r}: the name must be printable text without a slash")

    @classmethod
    def of(cls, name: str, repeats: Sequence[int]) -> Variant:
        """A variant from `repeats`: encoder 1 to 3 and latent, which the decoder mirrors; or decoder 1 to 3 as well.

        Raises:
            UsageError: neither 4 nor 7 numbers, or one below 1.
        """
        if len(repeats) not in (LEVELS + 1, 2 * LEVELS + 1):
            raise UsageError(
                f"variant {name!r}: got {len(repeats)} repeats, expected 4 (encoder levels 1 to 3 and latent; the "
                "decoder mirrors the encoder) or 7 (decoder levels 1 to 3 after them)"
            )
        first, second, third, latent, *rest = repeats
        encoder = (first, second, third)
        return cls(name, encoder, latent, (rest[0], rest[1], rest[2]) if rest else encoder)

    @property
    def repeats(self) -> tuple[int, ...]:
        """What `of` takes: 4 numbers where the decoder mirrors the encoder, else 7."""
        own = () if self.decoder == self.encoder else self.decoder
        return (*self.encoder, self.latent, *own)

    @property
    def applications(self) -> int:
        """Applications of shared blocks in one pass."""
        return sum(self.encoder) + self.latent + sum(self.decoder)

    @property
    def arguments(self) -> dict[str, Any]:
        """What a network of variants is called with besides the image."""
        return {"variant": self}


@dataclass(frozen=True)
class Whole:
    """The one variant of a network that has none: it is run as it is."""

    name: str = "whole"
    """What commands and tables call it."""

    @property
    def repeats(self) -> tuple[int, ...]:
        """None: there is nothing to choose."""
        return ()

    @property
    def applications(self) -> int:
        """One pass through the network."""
        return 1

    @property
    def arguments(self) -> dict[str, Any]:
        """Nothing is passed besides the image."""
        return {}


AnyVariant = Variant | Whole
"""What is called as `model(x_B3HW, **variant.arguments)`."""

WHOLE = Whole()


LARGE = Variant.of("large", (4, 6, 6, 8))
"""The paper's DyNet-L (authors' net/DyNet_large.py)."""
SMALL = Variant.of("small", (2, 3, 3, 4))
"""The paper's DyNet-S (authors' net/DyNet_small.py)."""
SHIPPED = (LARGE, SMALL)
"""The variants that need no mention in a recipe."""


def deepest(variants: Sequence[Variant]) -> Variant:
    """The fewest distinct blocks that serve every one of `variants` in a network that shares none."""

    def most(counts: Sequence[tuple[int, int, int]]) -> tuple[int, int, int]:
        first, second, third = (max(level) for level in zip(*counts, strict=True))
        return first, second, third

    return Variant(
        "depth",
        most([variant.encoder for variant in variants]),
        max(variant.latent for variant in variants),
        most([variant.decoder for variant in variants]),
    )


def variant_of(name: str, repeats: Sequence[int]) -> AnyVariant:
    """What `Variant.of` makes of some repeats, and `WHOLE` of none."""
    return Variant.of(name, repeats) if repeats or name != WHOLE.name else WHOLE


def named(name: str, variants: Sequence[AnyVariant]) -> AnyVariant:
    """The variant of that name.

    Raises:
        UsageError: there is none; the text names those there are.
    """
    for variant in variants:
        if variant.name == name:
            return variant
    known = ", ".join(repr(variant.name) for variant in variants)
    raise UsageError(f"there is no variant {name!r}; known are {known}")
