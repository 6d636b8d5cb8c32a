"""What is done to clean pictures follows what the network was trained for."""

from __future__ import annotations

import pytest

from million_ird.errors import DatasetError
from pretrain.evaluate.network_degradations import network_degradations
from pretrain.models.carn import CARNSettings
from pretrain.models.edsr import EDSRSettings
from pretrain.models.families import ModelSettings, build_network, default_variants
from pretrain.models.lmd_vit.settings import LMDViTSettings
from pretrain.models.pretrained import Pretrained
from tests.pretrain.tiny import LARGE, tiny_network

CLEAN = 'clean = ["photographs"]\n'
LMD_VIT = LMDViTSettings(width=4, window=2, depths=(1,) * 9, heads=(1,) * 9)


def _titles(recipe: str, settings: ModelSettings | None = None) -> list[str]:
    model = tiny_network() if settings is None else build_network(settings, default_variants(settings))
    network = Pretrained(model, (LARGE,), {"recipe": recipe} if recipe else {})
    return [each.title for each in network_degradations(network, "run")]


PUBLISHED = ["denoise σ=15", "denoise σ=25", "denoise σ=50"]


@pytest.mark.parametrize(
    ("recipe", "settings", "titles"),
    [
        ("", None, PUBLISHED),
        ("[corrupt]\njpeg_share = 0.0\n", None, PUBLISHED),
        (f"[tasks.a]\n{CLEAN}sigmas = [7.5]\n", None, ["denoise σ=7.5"]),
        (f'[tasks.a]\n{CLEAN}degraded = ["rainy"]\n', None, PUBLISHED),
        (
            f"[tasks.a]\n{CLEAN}qualities = [10, 40]\n[tasks.b]\n{CLEAN}mosaic = true\n[tasks.c]\n{CLEAN}"
            "sigmas = [50]\nweight = 0\n",
            None,
            ["dejpeg q=10", "dejpeg q=40", "demosaic"],
        ),
        (f"[tasks.a]\n{CLEAN}qualities = [10]\n[tasks.b]\n{CLEAN}qualities = [10]\n", None, ["dejpeg q=10"]),
        (f"[tasks.a]\n{CLEAN}scale = 4\n", EDSRSettings(4, width=4, blocks=1), ["enlarge ×4"]),
        ("", CARNSettings(3, width=4), ["enlarge ×3"]),
        ("", LMD_VIT, ["deblur local"]),
        (f"[tasks.a]\n{CLEAN}sigmas = [15]\n", LMD_VIT, ["denoise σ=15"]),
        ('[tasks.a]\ntriples = ["export"]\n', None, ["deblur local"]),
        (f"[tasks.a]\n{CLEAN}[tasks.a.local_blur]\n", None, ["deblur local"]),
    ],
)
def test_a_checkpoint_says_what_it_is_for(recipe: str, settings: ModelSettings | None, titles: list[str]) -> None:
    assert _titles(recipe, settings) == titles


def test_a_recipe_that_cannot_be_read_is_one_line() -> None:
    with pytest.raises(DatasetError, match=r"the recipe in run cannot be read: tasks\.a"):
        _titles("[tasks.a]\nscale = 7\n")
