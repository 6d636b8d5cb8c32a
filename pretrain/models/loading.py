"""Weights into a network, once they have been looked at: names, shapes, types, and numbers that can be used."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from million_ird.errors import DatasetError, UsageError
from pretrain.models.dynet import DyNet
from pretrain.models.ghost.layer import check_indices


def load_weights(model: nn.Module, state: Mapping[str, Tensor], place: str) -> None:
    """Puts weights into a model: bit by bit as they are, where they have the model's type of numbers.

    Raises:
        DatasetError: they are of another network. The text names `place` and, where that is why, both widths.
    """
    own = model.state_dict()
    compare_shapes(model, {name: tuple(tensor.shape) for name, tensor in state.items()}, place)
    for name, tensor in state.items():
        if tensor.is_floating_point() != own[name].is_floating_point() or tensor.is_complex():
            raise DatasetError(f"{place} is damaged: {name} has numbers of the type {_type(tensor)}")
    try:
        check_indices(model, state)
    except UsageError as error:
        raise DatasetError(f"{place} is damaged: {error}") from None
    model.load_state_dict(dict(state))


def _type(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def compare_shapes(model: nn.Module, found: Mapping[str, tuple[int, ...]], place: str) -> None:
    """Whether tensors of the shapes that were found are the model's.

    Raises:
        DatasetError: they are not. The text names `place` and, where that is why, both widths.
    """
    own = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    if isinstance(model, DyNet):
        _check_width(model, found, place)
    for name in sorted(own.keys() | found.keys()):
        if name not in found or name not in own:
            how = "misses" if name not in found else "has, beyond the network's weights,"
            raise DatasetError(f"{place} is of another network: it {how} {one_line(name)}")
        if own[name] != found[name]:
            there, here = list(found[name]), list(own[name])
            raise DatasetError(f"{place} is of another network: {name} is {there} there and {here} here")


def one_line(text: str) -> str:
    """Text of strangers that can stand in a message: of 200 printable letters at most."""
    return "".join(letter if letter.isprintable() else "?" for letter in text[:200])


def _check_width(model: DyNet, found: Mapping[str, tuple[int, ...]], place: str) -> None:
    width = next(iter(found.get("embed.weight", ())), None)
    if width is not None and width != model.settings.width:
        raise DatasetError(f"{place} is of width {width}, the network here of width {model.settings.width}")


def check_finite(state: Mapping[str, Tensor], place: str) -> None:
    """Whether all weights are finite: what a training that diverged leaves behind is no network.

    Raises:
        DatasetError: some are not; the text names `place` and the first tensor.
    """
    for name, tensor in state.items():
        if tensor.is_floating_point() and not tensor.float().isfinite().all():  # as the network will have them
            raise DatasetError(
                f"{place} cannot be used: {name} has numbers that are not finite; the training diverged, or the file "
                "is damaged: take an earlier checkpoint"
            )
