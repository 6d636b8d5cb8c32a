"""A network as a function of pictures, in each mode; which mode fits; and sheets of before and after."""

from __future__ import annotations

from collections.abc import Callable
from unittest import mock

import numpy as np
import pytest
import torch
from torch import nn

from million_ird.errors import UsageError
from million_ird.metrics import psnr
from pretrain import restore
from pretrain.images import Pixels
from pretrain.levels import Picture, to_unit
from pretrain.memory import banded_peak_bytes, peak_bytes
from pretrain.models.dynet import DyNet, DyNetSettings
from pretrain.models.edsr import EDSRSettings
from pretrain.models.esrt import ESRTSettings
from pretrain.models.families import ModelSettings, build_network, for_inference
from pretrain.models.variants import WHOLE, Variant
from pretrain.restore import (
    Mode,
    Restorer,
    RestoreSettings,
    TooLargeError,
    before_after,
    choose_device,
)
from pretrain.step import Precision
from tests.pretrain.every_family import NETWORKS

TINY = Variant.of("tiny", (2, 1, 1, 1))
DEEPER = Variant.of("deeper", (3, 1, 1, 1))
CPU = torch.device("cpu")
SMALL_TILES = RestoreSettings(mode="tiled", tile=32, overlap=8)


@pytest.fixture
def model() -> DyNet:
    torch.manual_seed(0)
    model = DyNet(DyNetSettings(width=8, heads=(1, 2, 2, 4), refinement=1))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
    return model


@pytest.fixture
def picture(wheel_photo: Callable[[str], Pixels]) -> Picture:
    return to_unit(wheel_photo("astronaut")[100:151, 200:267])


def test_whole_and_banded_agree_and_tiled_comes_near(model: DyNet, picture: Picture) -> None:
    whole = Restorer(model, TINY, RestoreSettings(mode="whole"))(picture)
    assert whole.shape == picture.shape and whole.dtype == np.float32
    assert np.abs(whole - picture).max() > 0.05, "a network that changes nothing would prove nothing"
    banded = Restorer(model, TINY, RestoreSettings(mode="banded", band_rows=8))(picture)
    assert np.abs(banded - whole).max() < 1e-4
    tiled = Restorer(model, TINY, SMALL_TILES)(picture)
    assert 25 < psnr(tiled, whole, 1.0) < 70


def test_it_is_the_networks_own_output(model: DyNet, picture: Picture) -> None:
    with torch.no_grad():
        expected = model(torch.from_numpy(picture.transpose(2, 0, 1).copy())[None], DEEPER)[0].permute(1, 2, 0)
    got = Restorer(model, DEEPER, RestoreSettings(mode="whole"))(picture)
    np.testing.assert_allclose(got, expected.numpy(), atol=1e-6)
    assert np.abs(got - Restorer(model, TINY, RestoreSettings(mode="whole"))(picture)).max() > 1e-3


@pytest.mark.parametrize("mode", ["tiled", "banded"])
def test_it_says_how_far_it_is(mode: Mode, model: DyNet, picture: Picture) -> None:
    said: list[tuple[int, int]] = []
    settings = RestoreSettings(mode=mode, tile=32, overlap=8)
    Restorer(model, TINY, settings, after_part=lambda done, total: said.append((done, total)))(picture)
    assert said == [(number, len(said)) for number in range(1, len(said) + 1)] and len(said) > 3


@pytest.mark.parametrize("mode", ["whole", "banded", "tiled"])
def test_bf16_stays_near_in_every_mode(mode: Mode, model: DyNet, picture: Picture) -> None:
    def settings(precision: Precision) -> RestoreSettings:
        return RestoreSettings(mode=mode, tile=32, overlap=8, band_rows=8, precision=precision)

    exact, rough = (Restorer(model, TINY, settings(precision))(picture) for precision in ("fp32", "bf16"))
    assert rough.dtype == np.float32
    assert 30 < psnr(rough, exact, 1.0) < 90


def test_auto_takes_whole_then_banded_then_says_what_would_help(model: DyNet, monkeypatch: pytest.MonkeyPatch) -> None:
    restorer = Restorer(model, TINY)
    whole = peak_bytes(model.settings, 3000, 4000)
    banded = banded_peak_bytes(model.settings, 3000, 4000, RestoreSettings().band_rows)
    assert banded < whole / 5
    free = {"now": whole}
    monkeypatch.setattr(restore, "available_bytes", lambda device: free["now"])
    assert restorer.mode_for(3000, 4000) == "whole"
    free["now"] = whole - 1
    assert restorer.mode_for(3000, 4000) == "banded"
    free["now"] = banded - 1
    with pytest.raises(TooLargeError, match=r"4000×3000 pixels need about [0-9.]+ GB in bands, .* choose mode tiled"):
        restorer.mode_for(3000, 4000)
    assert Restorer(model, TINY, SMALL_TILES).mode_for(3000, 4000) == "tiled", "what was asked for is done"


def test_a_mode_that_does_not_exist_is_refused() -> None:
    with pytest.raises(UsageError, match="mode: got 'tiles', expected one of whole, tiled, banded, auto"):
        RestoreSettings(mode="tiles")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("CUDA out of memory."), RuntimeError("can't allocate memory")]
)
def test_memory_that_ends_is_said_with_what_may_help(error: Exception, model: DyNet, picture: Picture) -> None:
    def full(*arguments: object, **more: object) -> None:
        raise error

    model.forward = full  # type: ignore[method-assign,assignment]
    with pytest.raises(TooLargeError, match="mode whole: choose mode banded"):
        Restorer(model, TINY, RestoreSettings(mode="whole"))(picture)


def test_other_errors_of_torch_are_not_taken_for_it(model: DyNet, picture: Picture) -> None:
    def broken(*arguments: object, **more: object) -> None:
        raise RuntimeError("shapes do not fit")

    model.forward = broken  # type: ignore[method-assign,assignment]
    with pytest.raises(RuntimeError, match="shapes do not fit"):
        Restorer(model, TINY, RestoreSettings(mode="whole"))(picture)


def test_a_variant_that_the_network_has_not_is_refused_at_once() -> None:
    model = DyNet(DyNetSettings(width=8, heads=(1, 2, 2, 4), shared=False), depth=TINY)
    with pytest.raises(UsageError, match="deeper"):
        Restorer(model, DEEPER)


OTHERS = {name: settings for name, settings in NETWORKS.items() if not isinstance(settings, DyNetSettings)}
"""Networks without variants and bands."""


@pytest.mark.parametrize("settings", OTHERS.values(), ids=list(OTHERS))
def test_every_network_restores_pictures_of_any_size_whole_and_tiled(settings: ModelSettings, picture: Picture) -> None:
    torch.manual_seed(0)
    model = for_inference(build_network(settings, (WHOLE,)))
    whole = Restorer(model, WHOLE, RestoreSettings("whole"))
    with torch.no_grad():
        own = model.eval()(torch.from_numpy(picture.transpose(2, 0, 1).copy())[None])[0].permute(1, 2, 0)
    restored = whole(picture)
    assert restored.shape == (whole.scale * picture.shape[0], whole.scale * picture.shape[1], 3)
    np.testing.assert_allclose(restored, own.numpy(), atol=1e-6)
    tiled = Restorer(model, WHOLE, RestoreSettings("tiled", tile=32, overlap=0 if settings.family == "lmd-vit" else 8))
    assert psnr(tiled(picture), restored, 1.0) > 20
    assert tiled.settings.tile == 32
    with pytest.raises(UsageError, match="mode banded: DyNet alone can be run in bands"):
        Restorer(model, WHOLE, RestoreSettings("banded"))
    with pytest.raises(UsageError, match="variants are DyNet's"):
        Restorer(model, TINY)


def test_auto_takes_whole_then_tiled_where_there_are_no_bands(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = EDSRSettings(scale=2, width=4, blocks=1)
    restorer = Restorer(build_network(settings, (WHOLE,)), WHOLE)
    free = {"now": peak_bytes(settings, 3000, 4000)}
    monkeypatch.setattr(restore, "available_bytes", lambda device: free["now"])
    assert restorer.mode_for(3000, 4000) == "whole"
    free["now"] -= 1
    assert restorer.mode_for(3000, 4000) == "tiled"
    free["now"] = 1000
    with pytest.raises(TooLargeError, match=r"4000×3000 pixels need about [0-9.]+ GB in tiles, .* choose smaller"):
        restorer.mode_for(3000, 4000)
    esrt = Restorer(build_network(ESRTSettings(width=8, heads=2), (WHOLE,)), WHOLE)
    free["now"] = 10**15
    assert (esrt.mode_for(300, 200), esrt.mode_for(301, 200)) == ("whole", "tiled")


def test_memory_that_ends_while_tiling_is_said_with_what_may_help(picture: Picture) -> None:
    model = build_network(EDSRSettings(scale=2, width=4, blocks=1), (WHOLE,))

    def full(*arguments: object, **more: object) -> None:
        raise RuntimeError("can't allocate memory")

    model.forward = full
    for mode, advice in (("whole", "choose mode tiled, which"), ("tiled", "choose smaller tiles")):
        with pytest.raises(TooLargeError, match=f"mode {mode}: {advice}"):
            Restorer(model, WHOLE, RestoreSettings(mode))(picture)  # type: ignore[arg-type]


def test_devices_are_those_there_are() -> None:
    assert choose_device("cpu") == CPU
    assert choose_device("auto").type in ("cpu", "cuda")
    with pytest.raises(UsageError, match="no device 'cuda:99' here"):
        choose_device("cuda:99")
    with pytest.raises(UsageError, match="no device 'toaster'"):
        choose_device("toaster")


@pytest.mark.parametrize(("name", "value"), [("tile", 100), ("overlap", 300), ("band_rows", 7)])
def test_impossible_settings_are_refused(name: str, value: int, model: DyNet) -> None:
    with pytest.raises(UsageError, match=str(value)):
        Restorer(model, TINY, RestoreSettings(**{name: value}))  # type: ignore[arg-type]


class _Brighter(nn.Module):
    """Adds to every pixel as much as the variant's latent level has repeats, in tenths."""

    def __init__(self) -> None:
        super().__init__()
        self.zero = nn.Parameter(torch.zeros(()))

    def forward(self, x: torch.Tensor, variant: Variant) -> torch.Tensor:
        return x + self.zero + variant.latent / 10 if variant.latent < 9 else x * torch.nan


def test_a_sheet_shows_input_every_variant_and_clean() -> None:
    flat = [np.full((5, 7, 3), level, np.float32) for level in (0.2, 0.4)]
    clean = np.zeros((5, 7, 3), np.float32)
    variants = [Variant.of("brighter", (1, 1, 1, 2)), Variant.of("broken", (1, 1, 1, 9))]
    with mock.patch("pretrain.restore.draw_table", lambda rows, headings: (rows, headings)):
        rows, headings = before_after(_Brighter(), variants, [(seen, clean) for seen in flat])
    assert headings == ["input", "brighter", "broken", "clean"]
    assert [[picture[0, 0, 0] for picture in row] for row in rows] == [[51, 102, 0, 0], [102, 153, 0, 0]]
    picture = before_after(_Brighter(), variants, [(seen, clean) for seen in flat])
    assert picture.dtype == np.uint8 and {51, 102, 153} <= set(np.unique(picture[..., 0]))


def test_what_is_sure_to_be_too_large_is_not_even_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system would end the process: it gives memory out that is not there."""
    settings = EDSRSettings(scale=2, width=4, blocks=1)
    free = {"now": peak_bytes(settings, 3000, 4000) * 2 // 3 + 1}
    monkeypatch.setattr(restore, "available_bytes", lambda device: free["now"])
    whole = Restorer(build_network(settings, (WHOLE,)), WHOLE, RestoreSettings("whole"))
    assert whole.mode_for(3000, 4000) == "whole", "it may fit: the estimate is from above"
    free["now"] -= 10
    with pytest.raises(TooLargeError, match=r"4000×3000 pixels need [0-9.]+ GB or more in mode whole, .* mode tiled"):
        whole.mode_for(3000, 4000)
