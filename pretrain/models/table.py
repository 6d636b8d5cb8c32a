"""The table of networks: one row per network and variant."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from million_ird.errors import UsageError
from pretrain.models import carn, edsr, esrt, rdn
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
from pretrain.models.ghost import listing as ghost
from pretrain.models.grl import counting as grl
from pretrain.models.listing import Listing
from pretrain.models.lmd_vit import listing as lmd_vit
from pretrain.models.operations import Macs
from pretrain.models.variants import LARGE, SHIPPED, Variant

LISTED: tuple[Listing, ...] = (
    *esrt.LISTED,
    *edsr.LISTED,
    *rdn.LISTED,
    *carn.LISTED,
    *ghost.LISTED,
    *lmd_vit.LISTED,
    *grl.LISTED,
)
"""All networks but DyNet, whose counts have terms of their own."""
DYNET_SIZE = 224
"""Side of the image, in pixels, for which DyNet's paper counts operations."""
MACS = "multiply-accumulates of convolutions, linear maps and attention's two matrix products"


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    name: str
    variant: str | None
    settings: dict[str, Any]
    """Those that matter, by name."""
    parameters: int
    """Numbers that training may change."""
    input: tuple[int, int]
    """Height and width of the image that multiply-accumulates are counted for, in pixels."""
    macs: Macs
    """Of one pass over it."""
    published_parameters: str | None
    """The figure of the paper, or the one measured on the authors' code."""
    published_operations: str | None
    """The same for one pass over `input`."""
    more: dict[str, Any] = field(default_factory=dict)
    """What the JSON of this network has besides."""

    def as_json(self) -> dict[str, Any]:
        """Everything, by name, with what each number counts."""
        return {
            "name": self.name,
            "variant": self.variant,
            "settings": self.settings,
            "parameters": self.parameters,
            "input": list(self.input),
            "multiply_accumulates": self.macs.total,
            "convolutions": self.macs.convolutions,
            "grouped_convolutions": self.macs.grouped,
            "linears": self.macs.linears,
            "attention": self.macs.attention,
            "published_parameters": self.published_parameters,
            "published_operations": self.published_operations,
            "conventions": {"multiply_accumulates": MACS},
            **self.more,
        }

    def cells(self) -> tuple[str, ...]:
        """What a table of people shows of it: name, variant, settings, parameters, published, MAC, at, published."""
        giga = self.macs.total / 1e9
        return (
            self.name,
            self.variant or "–",
            ", ".join(f"{name} {_short(value)}" for name, value in self.settings.items()) or "–",
            f"{self.parameters:,}",
            self.published_parameters or "–",
            f"{giga:,.{2 if giga >= 10 else 3}f} G",
            f"{self.input[0]} × {self.input[1]}",
            self.published_operations or "–",
        )


def rows(name: str | None = None, size: int | None = None, width: int = PUBLISHED_WIDTH) -> list[Row]:
    """The table.

    Args:
        name: the network to list; None lists all.
        size: side of the square image that operations are counted for, in pixels; None takes each network's own.
        width: channels of DyNet and of its control.

    Raises:
        UsageError: there is no network of this name, or DyNet has no such width.
    """
    known = list(dict.fromkeys(["dynet", *(listing.name for listing in LISTED)]))
    if name is not None and name not in known:
        raise UsageError(f"there is no network {name!r}; known are {', '.join(map(repr, known))}")
    found = list(_dynet_rows(size or DYNET_SIZE, width)) if name in (None, "dynet") else []
    return found + [_row(listing, size) for listing in LISTED if name in (None, listing.name)]


def _row(listing: Listing, size: int | None) -> Row:
    model = listing.built()
    height, width = listing.input if size is None else (size, size)
    return Row(
        listing.name,
        listing.variant,
        dict(listing.settings),
        parameters(model),
        (height, width),
        listing.count(model, height, width),
        listing.published_parameters,
        listing.published_macs if (height, width) == listing.input else None,
    )


def _dynet_rows(size: int, width: int) -> Iterator[Row]:
    control = DyNetSettings(width=width, shared=False, prompt_placement="decoder")
    networks: tuple[tuple[str, DyNetSettings, Sequence[Variant], tuple[tuple[int, int], ...]], ...] = (
        ("dynet", DyNetSettings(width=width), SHIPPED, UNUSED_IN_DYNET),
        ("promptir (dynet unshared)", control, (LARGE,), UNUSED_IN_PROMPTIR),
    )
    for name, settings, variants, unused in networks:
        with torch.device("meta"):
            model = DyNet(settings)
        own = parameters(model)
        with_unused = own + unused_parameters(unused) if width == PUBLISHED_WIDTH else None
        for variant in variants:
            yield _dynet_row(name, variant, width, own, with_unused, size, count_operations(model, variant, size, size))


def _dynet_row(
    name: str, variant: Variant, width: int, own: int, with_unused: int | None, size: int, operations: Operations
) -> Row:
    """`with_unused`: parameters with the convolutions that the published code never runs; known at its width only."""
    repeats = list(variant.repeats)
    return Row(
        name,
        variant.name,
        {"width": width, "repeats": repeats},
        own,
        (size, size),
        Macs(operations.convolutions, operations.grouped, operations.linears, operations.attention),
        None if with_unused is None else f"{with_unused:,}",
        f"{operations.published / 1e9:,.2f} G" if (width, size) == (PUBLISHED_WIDTH, DYNET_SIZE) else None,
        {
            "repeats": repeats,
            "width": width,
            "parameters_with_unused_published": with_unused,
            "size": size,
            **{name: getattr(operations, name) for name in CONVENTIONS},
            "conventions": CONVENTIONS,
        },
    )


def describe(found: list[Row]) -> str:
    """The table as aligned text, and what its numbers count."""
    head = ("network", "variant", "settings", "parameters", "published", "MAC", "at", "published")
    cells = [head, *(row.cells() for row in found)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(head))]
    left = 3  # the first columns are text
    lines = [
        "  ".join(
            text.ljust(width) if column < left else text.rjust(width)
            for column, (text, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in cells
    ]
    notes = [f"MAC: {MACS}, for one image of the size beside it (height × width); in super-resolution the small image"]
    notes.append("published: the figure of the paper or measured on the authors' code, – where none is known for sure")
    if any("repeats" in row.more for row in found):
        notes.append(
            "published parameters of dynet: with the convolutions that the published code builds and never runs"
        )
        notes.append(f"published MAC of dynet: {CONVENTIONS['published']}")
    return "\n".join([*lines, "", *notes])


def _short(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
