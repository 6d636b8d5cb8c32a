"""Noise on the choice of offsets that fades from epoch to epoch, and what has been chosen.

Gumbel noise is multiplied by noise_decay^(epoch − 1) (authors' code: 0.97). The authors' released training never says
which epoch it is, so its noise never fades; here the state of the noise is part of every checkpoint.
"""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn

from pretrain.models.ghost.layer import GhostConvolution


def ghost_layers(model: nn.Module) -> Iterator[tuple[str, GhostConvolution]]:
    """The ghost convolutions of a network that can learn, by name."""
    return ((name, part) for name, part in model.named_modules() if isinstance(part, GhostConvolution))


def anneal(model: nn.Module, epoch: float) -> None:
    """Tell every ghost convolution how far training is. To be called before the steps of each epoch.

    Args:
        model: any network.
        epoch: 1 is the first. Fractions are fine: step / steps per epoch + 1 fades the noise step by step.

    Raises:
        ValueError: an epoch before the first, where the noise would grow.
    """
    if epoch < 1:
        raise ValueError(f"epoch: got {epoch}, expected 1 or more")
    for _, layer in ghost_layers(model):
        layer.noise.fill_(layer.settings.noise_decay ** (epoch - 1))


def chosen_offsets(model: nn.Module) -> dict[str, list[tuple[int, int]]]:
    """For each ghost convolution, by name: rows and columns that each of its ghosts looks down and right."""
    return {name: layer.chosen_offsets() for name, layer in ghost_layers(model)}


def unshifted(model: nn.Module) -> dict[str, int]:
    """Ghost convolutions, by name, with ghosts that are plain copies (offset 0, 0), and how many of them.

    One offset of nine is that, nothing forbids it, and such a ghost says nothing new: worth a look after training.
    """
    counts = {name: offsets.count((0, 0)) for name, offsets in chosen_offsets(model).items()}
    return {name: count for name, count in counts.items() if count}
