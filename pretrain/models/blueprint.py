"""A network on the meta device: its shapes, without memory. What a stranger's file or a slip of the pen asks for is
looked at here before anything large is made."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar

import torch
from torch import nn
from torch.nn.modules.module import register_module_parameter_registration_hook

from million_ird.errors import UsageError

Network = TypeVar("Network", bound=nn.Module)


class _TooLargeError(Exception):
    """Raised by the hook below, to end the building."""


def blueprint(build: Callable[[], Network], tensors: float = math.inf, nbytes: float = math.inf) -> Network:
    """What `build` gives, on the meta device.

    Args:
        build: makes a network.
        tensors: parameters that it may have at most.
        nbytes: what they may take in memory at most. Building ends with the first that is too much.

    Raises:
        UsageError: it has more, sizes that no tensor can have, or what `build` itself finds wrong.
    """
    held = [0, 0]

    def count(_module: nn.Module, _name: str, parameter: nn.Parameter | None) -> None:
        if parameter is not None:
            held[0] += 1
            held[1] += parameter.numel() * parameter.element_size()
        if held[0] > tensors or held[1] > nbytes:
            raise _TooLargeError

    hook = register_module_parameter_registration_hook(count)
    try:
        with torch.device("meta"):
            return build()
    except _TooLargeError:
        most = f"{tensors:,} tensors" if held[0] > tensors else f"{nbytes / 1e9:,.1f} GB"
        raise UsageError(f"its weights are more than {most}") from None
    except (RuntimeError, TypeError, OverflowError, MemoryError) as error:
        first = str(error).partition("\n")[0]  # PyTorch says more than is wanted
        raise UsageError(f"no tensors have such sizes: {first}") from None
    finally:
        hook.remove()
