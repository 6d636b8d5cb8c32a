"""The ghost networks in the table of `million-ird models`."""

from __future__ import annotations

from dataclasses import replace

from pretrain.models import carn, edsr, rdn
from pretrain.models.ghost.convert import ghostify
from pretrain.models.ghost.freeze import freeze
from pretrain.models.ghost.layer import GhostSettings
from pretrain.models.listing import Listing
from pretrain.models.operations import count_macs


def _ghost(dense: Listing) -> Listing:
    """Its parameters are those that learn, its operations those of the sliced form: a shift costs none."""
    settings = GhostSettings()
    return replace(
        dense,
        name=f"{dense.name}-ghost",
        build=lambda: ghostify(dense.build(), settings),
        settings={**dense.settings, "share": settings.share, "reach": settings.reach},
        count=lambda model, height, width: count_macs(freeze(model), 1, 3, height, width),
        published_parameters=None,
        published_macs=None,
    )


LISTED = tuple(_ghost(dense) for dense in (*edsr.LISTED, *rdn.LISTED, *carn.LISTED))
"""The paper's figures for them are shares of a cut, which docs/models.md compares."""
