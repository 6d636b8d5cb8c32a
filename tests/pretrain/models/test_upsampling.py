"""What EDSR, RDN, CARN and CARN-M have in common: enlarging, and how each is proven."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from pretrain.models.upsampling import MeanColour, upsampler
from tests.pretrain.models.reference_super_resolution import Array, Reference
from tests.pretrain.models.super_resolution import TINY, tiny


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def _plain(name: str, model: nn.Module, image: Array, scale: int) -> Array:
    reference = Reference(
        {key: value.double().numpy() for key, value in model.state_dict().items()}, groups=2 if name == "carn-m" else 1
    )
    if name == "edsr":
        return reference.edsr(image, scale, blocks=2, residual_scale=0.3)
    if name == "rdn":
        return reference.rdn(image, scale, blocks=2, layers=2)
    return reference.carn(image, scale, efficient=name == "carn-m")


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("name", TINY)
def test_networks_compute_what_is_written_down_plainly(name: str, scale: int) -> None:
    model, images = tiny(name, scale).double(), torch.rand(2, 3, 3, 4, dtype=torch.float64)
    with torch.no_grad():
        result = model(images).numpy()
    for image, found in zip(images.numpy(), result, strict=True):
        np.testing.assert_allclose(found, _plain(name, model, image, scale), rtol=0, atol=1e-7)


@pytest.mark.parametrize(("scale", "steps"), [(2, [2]), (3, [3]), (4, [2, 2])])
def test_enlarging_by_4_is_twice_by_2(scale: int, steps: list[int]) -> None:
    plain, activated = upsampler(4, scale), upsampler(4, scale, groups=2, relu=True)
    assert [part.upscale_factor for part in plain if isinstance(part, nn.PixelShuffle)] == steps
    assert sum(isinstance(part, nn.ReLU) for part in activated) == len(steps)
    assert {part.groups for part in activated if isinstance(part, nn.Conv2d)} == {2}


def test_the_average_colour_is_given_back() -> None:
    image = torch.rand(1, 3, 2, 2)
    torch.testing.assert_close(MeanColour(255).restore(MeanColour(255).remove(image)), image)
