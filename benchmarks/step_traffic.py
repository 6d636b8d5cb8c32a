"""How many bytes a training step moves through memory: counted operation by operation, and as it could be.

`counted` runs a step on tensors without contents and adds up what every operation reads and writes, which is what the
eager step really moves but for caches. `fused` is the model of docs/gpu.md: every pass over an image that is left when
each row of the table below is one kernel.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

PASSES: Mapping[str, tuple[float, float]] = {
    # kernel: passes over the block's C channels, and over the 2h channels of the feed-forward
    "attention norm": (2, 0),
    "project in": (4, 0),
    "depthwise": (6, 0),
    "Gram matrix and norms": (4, 0),
    "apply matrix": (2, 0),
    "add, feed-forward norm": (4, 0),
    "feed-forward in": (1, 1),
    "gated depthwise": (0, 1.5),
    "feed-forward out": (1, 0.5),
    "add": (3, 0),
    "gradient of feed-forward out": (2, 1),
    "gradient of gated depthwise": (0, 4.5),
    "gradient of feed-forward in": (2, 2),
    "gradient of feed-forward norm": (6, 0),
    "gradient of apply matrix": (4, 0),
    "gradient of Gram matrix and norms": (10, 0),
    "gradient of depthwise": (9, 0),
    "gradient of project in": (8, 0),
    "gradient of attention norm": (6, 0),
}
"""Reads and writes of a transformer block's forward and backward pass, matrices of weights and statistics left out."""


def fused(repeats: Sequence[int], width: int, size: int, batch: int, itemsize: int = 2) -> float:
    """Bytes of a step whose blocks take the passes of `PASSES`; what lies between blocks is some percent more.

    Args:
        repeats: applications at levels 1 to 3 and latent.
        width: channels at level 1.
        size: side of a crop.
        batch: crops.
        itemsize: bytes of a number (2 for bfloat16).
    """
    first, second, third, latent = repeats
    blocks = [  # how many, channels, level
        (first, width, 0),
        (second, 2 * width, 1),
        (third, 4 * width, 2),
        (latent, 8 * width, 3),
        (third, 4 * width, 2),
        (second, 2 * width, 1),
        (first + 4, 2 * width, 0),  # decoder level 1 and refinement
        (1, 704 * width // 48, 3),  # the blocks of the prompts
        (1, 320 * width // 48, 2),
        (1, 160 * width // 48, 1),
    ]
    plain, wide = (sum(passes[index] for passes in PASSES.values()) for index in (0, 1))
    return sum(
        count * batch * (size >> level) ** 2 * itemsize * (plain * channels + wide * 2 * int(channels * 2.66))
        for count, channels, level in blocks
    )


class _Bytes(TorchDispatchMode):
    """Adds up the sizes of what operations take and give, views left out."""

    def __init__(self) -> None:
        super().__init__()
        self.total = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if not any(part.alias_info is not None and not part.alias_info.is_write for part in func._schema.returns):
            leaves = torch.utils._pytree.tree_leaves((args, kwargs, result))
            self.total += sum(_size(leaf) for leaf in leaves if isinstance(leaf, Tensor))
        return result


def _size(tensor: Tensor) -> int:
    return min(tensor.numel() * tensor.element_size(), tensor.untyped_storage().nbytes())


def counted(make: Callable[[], Callable[[Tensor], Tensor]], image: Sequence[int], bf16: bool) -> int:
    """Bytes that all operations of a forward and backward pass read and write, run one by one.

    Args:
        make: builds the network and gives what is to be called with the images.
        image: shape of the images, (B, 3, H, W).
        bf16: under autocast.
    """
    with FakeTensorMode():
        forward = make()
        images = torch.empty(*image)
        with _Bytes() as counter:
            with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
                output = forward(images)
            (output.float() - images).abs().mean().backward()
    return counter.total


def main() -> None:
    """Both, for the plain reference and for blocks fused as in the table, at the paper's batch of 32 crops of 128²."""
    from plain_dynet import LARGE, SMALL, PlainDyNet

    def plain(repeats: Sequence[int]) -> Callable[[], Callable[[Tensor], Tensor]]:
        def make() -> Callable[[Tensor], Tensor]:
            model = PlainDyNet()
            return lambda images: model(images, repeats)

        return make

    for name, repeats in (("large", LARGE), ("small", SMALL)):
        fp32, bf16 = (counted(plain(repeats), (32, 3, 128, 128), half) / 1e9 for half in (False, True))
        best = fused(repeats, 48, 128, 32) / 1e9
        print(f"{name}: plain eager fp32 {fp32:.0f} GB, plain eager bf16 {bf16:.0f} GB, fused bf16 {best:.0f} GB")


if __name__ == "__main__":
    main()
