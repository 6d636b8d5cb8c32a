"""Every network has tiles of its own that it can be run with, on the grid of its windows."""

from __future__ import annotations

import pytest

from million_ird.errors import UsageError
from pretrain.models.carn import CARNSettings
from pretrain.models.dynet import DyNetSettings
from pretrain.models.edsr import EDSRSettings
from pretrain.models.esrt import ESRTSettings
from pretrain.models.families import ModelSettings
from pretrain.models.ghost.network import GhostNetworkSettings
from pretrain.models.grl.settings import GRLSettings, preset
from pretrain.models.lmd_vit.settings import LMDViTSettings
from pretrain.tile_defaults import largest_whole, tiles_for
from pretrain.tiles import Tiles


@pytest.mark.parametrize(
    ("settings", "tiles"),
    [
        (DyNetSettings(), Tiles(512, 32, 8)),
        (ESRTSettings(), Tiles(240, 20, 2)),
        (LMDViTSettings(), Tiles(512, 128, 128)),
        (EDSRSettings(), Tiles(256, 32)),
        (CARNSettings(), Tiles(256, 32)),
        (GhostNetworkSettings(), Tiles(256, 32)),
        (preset("tiny", "sr", 4), Tiles(256, 32, 64)),
        (preset("small", "jpeg"), Tiles(288, 32, 144)),
        (preset("tiny", "dn"), Tiles(256, 32, 128)),
        (GRLSettings(stripe=(256, 512)), Tiles(512, 0, 512)),
    ],
)
def test_the_networks_own(settings: ModelSettings, tiles: Tiles) -> None:
    assert tiles_for(settings) == tiles


def test_what_is_asked_for_is_taken_and_the_overlap_of_smaller_tiles_is_smaller() -> None:
    assert tiles_for(DyNetSettings(), 64, 8) == Tiles(64, 8, 8)
    assert tiles_for(DyNetSettings(), 32) == Tiles(32, 16, 8)
    assert tiles_for(LMDViTSettings(), 128) == Tiles(128, 0, 128)
    with pytest.raises(UsageError, match="tile: got 200, expected a multiple of 128"):
        tiles_for(LMDViTSettings(), 200)


def test_only_esrt_is_cut_whatever_the_memory() -> None:
    assert largest_whole(ESRTSettings()) == 60_000
    assert largest_whole(EDSRSettings()) is None
