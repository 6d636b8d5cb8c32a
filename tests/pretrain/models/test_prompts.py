from __future__ import annotations

import torch
from torch import Tensor, nn

from pretrain.models.dynet import DyNetSettings
from pretrain.models.prompts import PromptInteraction


def interaction() -> PromptInteraction:
    torch.manual_seed(0)
    return PromptInteraction(8, 4, 6, 3, heads=2, expansion=2.66, out_channels=5)


def test_a_prompt_is_a_convex_mixture_of_its_components() -> None:
    prompts = interaction()
    mean = torch.randn(2, 8)
    shares = prompts.mixture(mean).softmax(1)
    expected = sum(shares[:, i, None, None, None] * prompts.components[i] for i in range(3))
    assert isinstance(expected, Tensor)
    torch.testing.assert_close(prompts.prompt(mean, 6, 6), expected)


def test_components_begin_between_zero_and_one() -> None:
    components = interaction().components
    assert components.min() >= 0 and components.max() <= 1 and components.std() > 0.2


def test_a_prompt_takes_the_size_of_the_features() -> None:
    prompts = interaction()
    assert prompts.prompt(torch.randn(2, 8), 9, 4).shape == (2, 4, 9, 4)
    assert prompts(torch.randn(2, 8, 9, 4)).shape == (2, 5, 9, 4)


def test_the_image_is_known_by_its_mean_alone() -> None:
    """Whoever has the mean of the features can make the prompt without them."""
    prompts = interaction()
    x = torch.randn(1, 8, 6, 6)
    shuffled = x.flatten(2)[:, :, torch.randperm(36)].view_as(x)
    torch.testing.assert_close(prompts.prompt(prompts.mean(x), 6, 6), prompts.prompt(prompts.mean(shuffled), 6, 6))


def test_every_part_is_run_by_the_function_given() -> None:
    prompts = interaction()
    ran: list[nn.Module] = []

    def run(part: nn.Module, x: Tensor) -> Tensor:
        ran.append(part)
        result: Tensor = part(x)
        return result

    prompts(torch.randn(1, 8, 6, 6), run)
    assert ran == [prompts.convolution, prompts.block, prompts.reduce]


def test_means_are_float32_in_half_precision() -> None:
    assert interaction().mean(torch.ones(1, 8, 2, 2).bfloat16()).dtype == torch.float32


def test_prompts_are_as_wide_as_the_authors_at_their_width_and_narrow_in_a_narrow_network() -> None:
    names = ("latent", "level_3", "level_2", "level_1")
    assert [DyNetSettings().prompt_channels(name) for name in names] == [320, 128, 64, 32]
    assert [DyNetSettings(width=24).prompt_channels(name) for name in names] == [160, 64, 32, 16]
    assert [DyNetSettings(width=8).prompt_channels(name) for name in names] == [52, 20, 12, 4]
