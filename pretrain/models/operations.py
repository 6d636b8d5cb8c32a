"""How many multiply-accumulates one pass of any network takes, counted by following its shapes.

The pass runs on PyTorch's meta device: nothing is computed and no weight is read. What counts are convolutions and
matrix products; no bias, activation, norm, softmax or resizing does. DyNet has a count of its own in
`pretrain.models.counting`, in the papers' terms, because its attention is computed by a shortcut.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

_COUNTABLE = {"aten", "prim", "prims"}
"""Namespaces of PyTorch's own operators."""
_NO_FORMULA = {torch.ops.aten.mv, torch.ops.aten.addmv, torch.ops.aten.dot, torch.ops.aten.vdot, torch.ops.aten.addbmm}
"""Those among them that multiply matrices or vectors and that `flop_registry` does not know."""


@dataclass(frozen=True)
class Macs:
    """Multiply-accumulates of one pass, by kind."""

    convolutions: int = 0
    """Of convolutions, those with groups included."""
    grouped: int = 0
    """Of convolutions with more than one group (depthwise ones, say); a part of `convolutions`."""
    linears: int = 0
    """Of linear maps: matrix products of something that depends on the image with something that does not."""
    attention: int = 0
    """Of attention's products: matrix products of two things that both depend on the image."""

    def __add__(self, other: Macs) -> Macs:
        return Macs(
            self.convolutions + other.convolutions,
            self.grouped + other.grouped,
            self.linears + other.linears,
            self.attention + other.attention,
        )

    @property
    def total(self) -> int:
        """All of them."""
        return self.convolutions + self.linears + self.attention


def count_macs(model: nn.Module, *input_shape: int) -> Macs:
    """Multiply-accumulates of `model(image)` for an image of this shape, usually (1, 3, H, W).

    The model is copied, not changed, and runs in the mode (training or not) that it is in. Its forward must be one that
    shapes alone can decide, and that does not leave autograd (`detach`, `no_grad`) on the image's way. What does not
    depend on the image (a table of position biases, say) is not counted: it is computed once for all images.

    Raises:
        TypeError: it uses an operator for which no formula is known.
    """
    twin = copy.deepcopy(model).to("meta").requires_grad_(False)
    # Autograd follows what depends on the image, through views and writes in place.
    image = torch.empty(input_shape, device="meta", requires_grad=True)
    counter = _Counter()
    with torch.enable_grad(), counter:
        twin(image)
    return counter.macs


class _Counter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts what PyTorch's dispatcher is asked for."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.macs = Macs()

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if func.namespace not in _COUNTABLE or func.overloadpacket in _NO_FORMULA:
            raise TypeError(f"no way to count {func} is written")
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        formula: Callable[..., int] | None = flop_registry.get(func.overloadpacket)
        if formula is not None:
            self.macs += _by_kind(func.overloadpacket, args, formula(*args, **kwargs, out_val=result) // 2)
        return result


def _by_kind(operator: Any, args: Sequence[Any], macs: int) -> Macs:
    dependent = [arg.requires_grad for arg in args if isinstance(arg, Tensor)]
    if not any(dependent):
        return Macs()
    if operator is torch.ops.aten.convolution:
        groups = args[8]
        return Macs(convolutions=macs, grouped=macs if groups > 1 else 0)
    if operator in (torch.ops.aten.addmm, torch.ops.aten.baddbmm):
        dependent = dependent[1:]  # the first is what is added
    return Macs(attention=macs) if all(dependent[:2]) else Macs(linears=macs)
