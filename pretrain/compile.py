"""How a network is made fast for training: what `torch.compile` takes, which kernels run, what is kept for gradients.

One call, `compile_model`, changes the network in place; its weights, their names and its results stay what they are.

Every size is compiled for itself (`dynamic=False`): a training run has one or few. Validation meets images of any size,
so it runs as it stands, inside `eager()`; then training never compiles anew because of it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from million_ird.errors import UsageError
from pretrain.models.dynet import DyNet
from pretrain.models.families import blocks_of
from pretrain.models.gated_depthwise import Kernel, choose_kernel
from pretrain.models.prompts import apply
from pretrain.models.restormer import TransformerBlock


@dataclass(frozen=True)
class CompileSettings:
    """The recipe's section `[compile]`: decides speed and memory, not results."""

    enabled: Literal["auto", "on", "off"] = "auto"
    """Whether anything is compiled; "auto": DyNet on CUDA. Not on a CPU, where compiling costs more than short runs
    gain, and no other network, of which nobody has measured what it gains."""
    region: Literal["blocks", "model"] = "blocks"
    """What is compiled as one graph: a transformer block, so that all its applications and all variants share one of
    about nine graphs, or the whole network, one graph for each variant (minutes to compile, more to fuse). Of networks
    other than DyNet always the whole."""
    backend: str = "inductor"
    """Name of a `torch.compile` backend; "eager" and "aot_eager" show on a CPU what would be compiled."""
    recompile_limit: int = 64
    """Graphs that one function may have: blocks × crop sizes, or variants × crop sizes. PyTorch's own 8 are too few;
    beyond the limit it warns and runs what is new as it stands."""
    deterministic: bool = False
    """Whether the compiler may not choose by timing, so that compiling anew gives the same bits (slower)."""
    kernel: Kernel = "auto"
    """"plain": never the Triton kernels, not even where they run."""
    checkpoint: Literal["none", "blocks"] = "none"
    """"blocks": only the input of every block is kept and the block computed again for the gradient, a third more time
    for a fraction of the memory. In bfloat16 a batch of 32 crops of 128² should not need it on 80 GB."""

    def __post_init__(self) -> None:
        if self.recompile_limit < 1:
            raise UsageError(f"recompile_limit: got {self.recompile_limit}, expected 1 or more")
        known = torch.compiler.list_backends(exclude_tags=None)
        if self.backend not in known:
            raise UsageError(f"backend: there is no {self.backend!r}; known are {', '.join(known)}")


def compile_model(model: nn.Module, settings: CompileSettings, device: torch.device | None = None) -> nn.Module:
    """Makes `model` ready for fast training, in place, and returns it. To be called once, on the device it trains on.

    Args:
        model: the network itself, not wrapped for several ranks; that comes afterwards.
        settings: see there.
        device: where it will train; None: where its weights are.
    """
    choose_kernel(settings.kernel)
    if settings.checkpoint == "blocks":
        _checkpoint_blocks(model)
    if not _is_on(settings, device or next(model.parameters()).device, model):
        return model
    limits = torch._dynamo.config
    limits.recompile_limit = max(limits.recompile_limit, settings.recompile_limit)
    limits.accumulated_recompile_limit = max(limits.accumulated_recompile_limit, 4 * settings.recompile_limit)
    for part in compiled_parts(model, settings.region):
        # What windows an LMD-ViT keeps, say, no graph can know: networks other than DyNet may break into several.
        whole = isinstance(model, DyNet)
        part.compile(backend=settings.backend, dynamic=False, fullgraph=whole, options=_options(settings))
    return model


def compiled_parts(model: nn.Module, region: Literal["blocks", "model"]) -> list[nn.Module]:
    """The modules that are compiled, of DyNet each as one graph."""
    if region == "model" or not isinstance(model, DyNet):
        return [model]
    return [part for part in model.modules() if isinstance(part, TransformerBlock)]


def eager() -> AbstractContextManager[object]:
    """Inside, compiled networks run as if they had never been compiled: for validation, on images of any size."""
    stance: AbstractContextManager[object] = torch.compiler.set_stance("force_eager")
    return stance


def checkpointed(module: nn.Module, x: Tensor) -> Tensor:
    """A `pretrain.models.prompts.Run`: keeps a block's input alone and computes the block again for its gradient."""
    if not isinstance(module, TransformerBlock) or not torch.is_grad_enabled():
        return apply(module, x)
    # Blocks draw nothing at random, so there is no generator's state to bring back.
    result: Tensor = checkpoint(module, x, use_reentrant=False, preserve_rng_state=False)
    return result


def _checkpoint_blocks(model: nn.Module) -> None:
    """Lets a network keep the inputs of its blocks alone, in place."""
    # Partials of bound methods, not closures: a copy of the model gets methods of its own.
    if isinstance(model, DyNet):
        model.forward = functools.partial(model.forward, run=checkpointed)  # type: ignore[method-assign]
        return
    for block in blocks_of(model):
        block.forward = functools.partial(_recomputed, block.forward)


def _recomputed(forward: Callable[..., Tensor], *args: Any, **kwargs: Any) -> Tensor:
    """A block's result, of which only the inputs are kept; its random draws are the same the second time."""
    if not torch.is_grad_enabled():
        return forward(*args, **kwargs)
    result: Tensor = checkpoint(forward, *args, use_reentrant=False, **kwargs)
    return result


def _is_on(settings: CompileSettings, device: torch.device, model: nn.Module) -> bool:
    automatic = device.type == "cuda" and isinstance(model, DyNet)
    return settings.enabled == "on" or (settings.enabled == "auto" and automatic)


def _options(settings: CompileSettings) -> dict[str, bool] | None:
    if settings.backend != "inductor":
        return None
    # Pictures stay NCHW: see docs/gpu.md. Inductor would turn them round for the sake of a few convolutions.
    return {"layout_optimization": False, "deterministic": settings.deterministic}
