"""Networks into ghost networks: with new weights, or with those of a trained network.

Source: GhostSR, arXiv 2101.08525: the filters of a trained layer are clustered by k-means, each cluster keeps one as
intrinsic filter, and a layer's choice is taken into account in the layer that reads it. The paper leaves the indexing
open and no code of it is public; ours is written at `convert_from_pretrained`.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import nn

from pretrain.models.ghost.clusters import Points, k_means, squared_distances
from pretrain.models.ghost.layer import GhostConvolution, GhostSettings

Select = Callable[[str], bool]
"""Whether the convolution of this name is converted."""


def chains(model: nn.Module) -> Iterator[list[str]]:
    """Names of convolutions that run one after another, each reading the one before with activations between alone.

    A block says so of itself by an attribute `chain`. The last one's maps keep their order: many read them.
    """
    for name, block in model.named_modules():
        chain = getattr(block, "chain", ())
        if chain:
            yield [f"{name}.{own}" if name else own for own in chain]


def inner_convolutions(model: nn.Module) -> list[str]:
    """What is converted where nobody selects: all convolutions in chains.

    Of EDSR the two of each residual block; of RDN the growing ones; of CARN and CARN-M those of the residual units.
    """
    return [name for chain in chains(model) for name in chain]


def ghostify(model: nn.Module, settings: GhostSettings, select: Select | None = None) -> nn.Module:
    """A copy of a network with new ghost convolutions; all other weights are those of the network.

    Args:
        model: any network.
        settings: a share that leaves a convolution no ghost leaves it as it is; 0 therefore changes nothing.
        select: which convolutions; None takes `inner_convolutions`.
    """
    converted = copy.deepcopy(model)
    for name, dense in _selected(converted, settings, select):
        converted.set_submodule(name, GhostConvolution(dense, settings).train(dense.training))
    return converted


def convert_from_pretrained(model: nn.Module, settings: GhostSettings, select: Select | None = None) -> nn.Module:
    """`ghostify` with the weights of a trained network.

    Filters are clustered by k-means within each group of a convolution, and of each cluster the member nearest the
    mean stays, with its bias. Every other filter becomes a ghost of its cluster's intrinsic map, as long as that has no
    more ghosts than any other needs to have; else of the nearest that has room. (Ghosts of one map with one offset
    would be equal.) The ghost convolution gives its maps in the order of the dense one. Within a chain, where a single
    convolution without groups reads them, they stay as they are made instead and the reader's weights are reordered.

    Args:
        model: the trained network; not changed.
        settings: as in `ghostify`.
        select: as in `ghostify`.
    """
    converted = copy.deepcopy(model)
    for name, dense in _selected(converted, settings, select):
        converted.set_submodule(name, _from_dense(dense, settings).train(dense.training))
    for chain in chains(converted):
        for first, second in pairwise(chain):
            _inherit(converted.get_submodule(first), converted.get_submodule(second))
    return converted


def _selected(model: nn.Module, settings: GhostSettings, select: Select | None) -> list[tuple[str, nn.Conv2d]]:
    chosen = select or set(inner_convolutions(model)).__contains__
    return [
        (name, part)
        for name, part in model.named_modules()
        if isinstance(part, nn.Conv2d) and chosen(name) and settings.intrinsic(part) < part.out_channels
    ]


@dataclass(frozen=True)
class Choice:
    """What becomes of each filter of a convolution, by number."""

    intrinsic: list[int]
    """Those that stay, ascending."""
    ghosts: list[int]
    """Those that become ghosts, ascending."""
    source: list[int]
    """For each ghost a place in `intrinsic`."""


def choose(filters: Points, intrinsic: int) -> Choice:
    """Choose so many of N filters, (N, numbers of one), as `convert_from_pretrained` says."""
    labels, means = k_means(filters, intrinsic)
    to_mean = squared_distances(filters, means)[np.arange(len(filters)), labels]
    nearest = [min(np.flatnonzero(labels == cluster), key=to_mean.__getitem__) for cluster in range(intrinsic)]
    kept = sorted(int(member) for member in nearest)
    ghosts = sorted(set(range(len(filters))) - set(kept))
    own = [kept.index(int(nearest[labels[ghost]])) for ghost in ghosts]
    return Choice(kept, ghosts, _paired(squared_distances(filters[ghosts], filters[kept]), own))


def _paired(distances: Points, own: Sequence[int]) -> list[int]:
    """For each ghost (row) an intrinsic filter (column): its own or else the nearest, each as often as it must be.

    The ghost that is nearest to its own comes first.
    """
    count, intrinsic = distances.shape
    room = np.full(intrinsic, -(-count // intrinsic))
    source = [-1] * count
    for ghost in sorted(range(count), key=lambda ghost: distances[ghost, own[ghost]]):
        if room[own[ghost]]:
            source[ghost] = own[ghost]
            room[own[ghost]] -= 1
    for ghost in (ghost for ghost in range(count) if source[ghost] < 0):
        source[ghost] = int(np.where(room > 0, distances[ghost], np.inf).argmin())
        room[source[ghost]] -= 1
    return source


@torch.no_grad()
def _from_dense(dense: nn.Conv2d, settings: GhostSettings) -> GhostConvolution:
    layer, groups = GhostConvolution(dense, settings), dense.groups
    filters = dense.weight.detach().double().cpu().flatten(1).numpy()
    per_group, kept_per_group = len(filters) // groups, settings.intrinsic(dense) // groups
    choices = [choose(group, kept_per_group) for group in np.split(filters, groups)]
    kept = [group * per_group + own for group, choice in enumerate(choices) for own in choice.intrinsic]
    ghosts = [group * per_group + own for group, choice in enumerate(choices) for own in choice.ghosts]
    source = [group * kept_per_group + own for group, choice in enumerate(choices) for own in choice.source]
    layer.primary.weight.copy_(dense.weight[kept])
    if dense.bias is not None and layer.primary.bias is not None:
        layer.primary.bias.copy_(dense.bias[kept])
    layer.source.set(torch.tensor(source))
    layer.order.set(torch.tensor(kept + ghosts).argsort())
    return layer


@torch.no_grad()
def _inherit(first: nn.Module, second: nn.Module) -> None:
    """Let `first` give its maps as they are made, and reorder the weights of `second`, which alone reads them."""
    reader = second.primary if isinstance(second, GhostConvolution) else second
    if not isinstance(first, GhostConvolution) or not isinstance(reader, nn.Conv2d) or reader.groups > 1:
        return
    reader.weight.copy_(reader.weight[:, first.order.index.argsort()])
    first.order.set(torch.arange(len(first.order.index)))
