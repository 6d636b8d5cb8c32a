"""What samples are made of: clean pictures, alone or with their degraded ones; listed, or made when asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import overload

from pretrain.finetune.pictures import AnyPicture
from pretrain.local_blur.masks import BlurMask
from pretrain.pairs import LeftOut


@dataclass(frozen=True, slots=True)
class Example:
    """What a sample is made of: a clean picture; where nothing degrades it, the degraded one of the same size, and the
    mask of where that is blurred if there is one."""

    clean: AnyPicture
    degraded: AnyPicture | None = None
    mask: BlurMask | None = None

    @property
    def key(self) -> str:
        return (self.degraded or self.clean).key


class MadeExamples(Sequence[Example]):
    """Examples that are made when they are asked for.

    Args:
        count: how many there are.
        make: the example of a number, 0 … count - 1.
    """

    def __init__(self, count: int, make: Callable[[int], Example]) -> None:
        self._count, self._make = count, make

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> Example: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Example]: ...
    def __getitem__(self, index: int | slice) -> Example | Sequence[Example]:
        chosen = range(self._count)[index]
        return self._make(chosen) if isinstance(chosen, int) else [self._make(number) for number in chosen]


def joined(first: Sequence[Example], second: Sequence[Example]) -> Sequence[Example]:
    """Those of `first`, then those of `second`, without asking for any."""
    before = len(first)
    return MadeExamples(
        before + len(second), lambda number: first[number] if number < before else second[number - before]
    )


def examples_of(examples: Sequence[Example], side: int) -> tuple[list[Example], list[LeftOut]]:
    """Those from which squares of `side` pixels can be cut; of a pair both must have one size."""
    fit, unfit = [], []
    for example in examples:
        sizes = {(part.width, part.height) for part in (example.degraded, example.clean) if part is not None}
        if len(sizes) > 1:
            unfit.append(LeftOut(Path(example.key), "degraded and clean picture differ in size"))
        elif min(*next(iter(sizes))) < side:
            unfit.append(LeftOut(Path(example.key), f"smaller than the crop of {side} pixels"))
        else:
            fit.append(example)
    return fit, unfit
