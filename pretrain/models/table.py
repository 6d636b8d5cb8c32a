"""The table of networks: one row per network and variant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from pretrain.models.counting import (
    CONVENTIONS,
    UNUSED_IN_DYNET,
    UNUSED_IN_PROMPTIR,
    Operations,
    count_operations,
    parameters,
    unused_parameters,
)
from pretrain.models.dynet import PUBLISHED_WIDTH, DyNet, DyNetSettings
from pretrain.models.variants import LARGE, SHIPPED, Variant


@dataclass(frozen=True)
class Network:
    """A network that this project knows how to build."""

    name: str
    settings: DyNetSettings
    variants: tuple[Variant, ...]
    unused: tuple[tuple[int, int], ...]
    """(in, out) of the 1×1 convolutions that the published code builds and never runs, at the published width."""


def networks(width: int) -> tuple[Network, ...]:
    """All of them, at a width."""
    control = DyNetSettings(width=width, shared=False, prompt_placement="decoder")
    return (
        Network("dynet", DyNetSettings(width=width), SHIPPED, UNUSED_IN_DYNET),
        Network("promptir (dynet unshared)", control, (LARGE,), UNUSED_IN_PROMPTIR),
    )


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    name: str
    variant: Variant
    width: int
    parameters: int
    """Numbers that training may change."""
    published_parameters: int | None
    """The same with the convolutions that the published code never runs; known at its own width only."""
    size: int
    """Side of the square image that operations are counted for, in pixels."""
    operations: Operations

    def as_json(self) -> dict[str, Any]:
        """Everything, by name, with what each number counts."""
        return {
            "name": self.name,
            "variant": self.variant.name,
            "repeats": list(self.variant.repeats),
            "width": self.width,
            "parameters": self.parameters,
            "parameters_with_unused_published": self.published_parameters,
            "size": self.size,
            **{name: getattr(self.operations, name) for name in CONVENTIONS},
            "conventions": CONVENTIONS,
        }


def rows(size: int, width: int) -> list[Row]:
    """The table for square images of `size` pixels a side.

    Raises:
        UsageError: no network has this width.
    """
    found = []
    for network in networks(width):
        with torch.device("meta"):
            model = DyNet(network.settings)
        own = parameters(model)
        published = own + unused_parameters(network.unused) if width == PUBLISHED_WIDTH else None
        for variant in network.variants:
            operations = count_operations(model, variant, size, size)
            found.append(Row(network.name, variant, width, own, published, size, operations))
    return found


def describe(found: list[Row]) -> str:
    """The table as aligned text, and what its numbers count."""
    size = found[0].size
    head = ("network", "variant", "repeats", "parameters", "with unused", "MAC", "published")
    cells = [head, *(_cells(row) for row in found)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(head))]
    left = 3  # the first columns are text
    lines = [
        "  ".join(
            text.ljust(width) if column < left else text.rjust(width)
            for column, (text, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in cells
    ]
    return "\n".join(
        [
            *lines,
            "",
            f"at width {found[0].width}, one image of {size} × {size} pixels",
            "with unused: parameters with the convolutions that the published code builds and never runs",
            f"MAC: {CONVENTIONS['multiply_accumulates']}",
            f"published: {CONVENTIONS['published']}",
        ]
    )


def _cells(row: Row) -> tuple[str, ...]:
    published = "–" if row.published_parameters is None else f"{row.published_parameters:,}"
    repeats = ",".join(map(str, row.variant.repeats))
    giga = (f"{number / 1e9:,.2f} G" for number in (row.operations.multiply_accumulates, row.operations.published))
    return row.name, row.variant.name, repeats, f"{row.parameters:,}", published, *giga
