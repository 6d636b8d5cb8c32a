"""Bands of rows give what the whole image gives, for every wiring of the network, and hold less at once."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor, nn

from million_ird.errors import UsageError
from pretrain.bands import Bands, restore_banded
from pretrain.models.dynet import DyNet, DyNetSettings
from pretrain.models.restormer import BLOCK_HALO, TransformerBlock
from pretrain.models.variants import LARGE, SMALL, Variant

TINY = Variant.of("tiny", (2, 1, 1, 1))


def _model(depth: Variant | None = None, **settings: object) -> DyNet:
    """A narrow network whose every parameter is random: zeros or ones would hide mistakes."""
    torch.manual_seed(0)
    model = DyNet(DyNetSettings(width=8, heads=(1, 2, 2, 4), refinement=1, **settings), depth)  # type: ignore[arg-type]
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return model.eval()


def _image(height: int, width: int, batch: int = 1) -> Tensor:
    return torch.rand(batch, 3, height, width, generator=torch.Generator().manual_seed(height * 1000 + width))


def _difference(model: DyNet, image: Tensor, variant: Variant, rows: int) -> float:
    given = image.clone()
    with torch.no_grad():
        whole = model(image, variant)
    banded = restore_banded(model, image, variant, rows)
    assert torch.equal(image, given), "the image itself is not written to"
    assert banded.shape == image.shape and not banded.requires_grad
    assert whole.sub(image).abs().max() > 0.05, "a network that changes nothing would prove nothing"
    return float((banded - whole).abs().max())


@pytest.mark.parametrize(
    ("placement", "level_1", "shared"),
    [
        wiring
        for wiring in itertools.product(("skips", "decoder"), (False, True), (True, False))
        if wiring[:2] != ("decoder", True)
    ],
)
def test_every_wiring_gives_the_result_of_the_whole_image(placement: str, level_1: bool, shared: bool) -> None:
    model = _model(TINY, prompt_placement=placement, prompt_level_1=level_1, shared=shared)
    assert _difference(model, _image(45, 26), TINY, 16) < 1e-4


@pytest.mark.parametrize(
    ("height", "width", "rows"),
    [(1, 1, 2), (7, 9, 4), (8, 40, 64), (63, 17, 10), (66, 41, 64), (41, 66, 2), (90, 8, 16), (33, 20, 1000)],
)
def test_any_size_and_any_band(height: int, width: int, rows: int) -> None:
    assert _difference(_model(), _image(height, width), TINY, rows) < 1e-4


@pytest.mark.parametrize("variant", [LARGE, SMALL], ids=lambda variant: variant.name)
def test_both_shipped_variants(variant: Variant) -> None:
    assert _difference(_model(), _image(43, 30), variant, 16) < 1e-4


def test_several_images_at_once_keep_statistics_of_their_own() -> None:
    model, images = _model(), _image(40, 33, batch=3)
    together = restore_banded(model, images, TINY, 8)
    for image, restored in zip(images, together, strict=True):
        torch.testing.assert_close(restore_banded(model, image[None], TINY, 8)[0], restored, atol=1e-5, rtol=0)


def test_bands_without_enough_context_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pretrain.bands.BLOCK_HALO", BLOCK_HALO - 1)
    assert _difference(_model(), _image(45, 26), TINY, 16) > 1e-3


def test_bands_with_statistics_of_their_own_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = TransformerBlock.statistics
    monkeypatch.setattr("pretrain.bands._statistics", lambda block, x, rows: whole(block, x[:, :, :rows], 0, 0))
    assert _difference(_model(), _image(45, 26), TINY, 16) > 1e-3


def test_no_block_ever_sees_more_than_a_band() -> None:
    model, seen = _model(), []
    hooks = [
        module.register_forward_hook(lambda module, inputs, _: seen.append(inputs[0].shape[2]))
        for module in model.modules()
        if isinstance(module, nn.Conv2d)
    ]
    restore_banded(model, _image(200, 16), TINY, 16)
    for hook in hooks:
        hook.remove()
    assert max(seen) == 16 + 2 * BLOCK_HALO


def test_a_part_that_is_not_known_is_run_whole() -> None:
    torch.testing.assert_close(Bands(2)(nn.ReLU(), _image(9, 9) - 0.5), (_image(9, 9) - 0.5).relu())


@pytest.mark.parametrize("rows", [0, -2, 3])
def test_impossible_bands_are_refused(rows: int) -> None:
    with pytest.raises(UsageError, match="even number of rows"):
        restore_banded(_model(), _image(8, 8), TINY, rows)
