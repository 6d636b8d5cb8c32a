"""The bytes that tensors hold, counted: no machine, allocator or convolution library changes them."""

from __future__ import annotations

import weakref
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode


class Held(TorchDispatchMode):
    """Counts the bytes of all tensors that operations inside the block have made and that still exist.

    Args:
        known: a network whose weights, of which views are taken, do not count.
    """

    def __init__(self, known: nn.Module | None = None) -> None:
        super().__init__()
        self.now = self.peak = 0
        weights = [] if known is None else [*known.parameters(), *known.buffers()]
        self._known = {weight.untyped_storage()._cdata for weight in weights}

    def __torch_dispatch__(self, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = operation(*args, **(kwargs or {}))
        for tensor in result if isinstance(result, tuple | list) else (result,):
            if isinstance(tensor, Tensor):
                self._note(tensor.untyped_storage())
        return result

    def _note(self, storage: torch.UntypedStorage) -> None:
        place, size = storage._cdata, storage.nbytes()
        if place in self._known:  # a view, or written in place
            return
        self._known.add(place)
        self.now += size
        self.peak = max(self.peak, self.now)
        weakref.finalize(storage, self._gone, place, size)

    def _gone(self, place: int, size: int) -> None:
        self._known.discard(place)
        self.now -= size
