"""This process among those that train together: which one it is, and how they agree.

Everything that must be the same on every rank (a verdict, a stop, a validation) goes through `gather`: each rank
gets the same lists, so the same arithmetic gives the same answer everywhere, whatever the number of ranks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from million_ird.errors import MillionIrdError

Value = TypeVar("Value")


class ToldError(MillionIrdError):
    """An error of the first rank, which has said it already, as it reaches the other ranks."""

    def __init__(self, text: str, exit_code: int) -> None:
        super().__init__(text)
        self.exit_code = exit_code

    def __reduce__(self) -> tuple[type[ToldError], tuple[str, int]]:
        return ToldError, (str(self), self.exit_code)


@dataclass(frozen=True)
class Ranks:
    """One rank of a run; the default is a run in a single process."""

    rank: int = 0
    """This process, 0 to count - 1."""
    count: int = 1
    """Processes that train together; more than one need an initialised process group."""
    device: torch.device = torch.device("cpu")  # noqa: RUF009 (immutable)
    """Where this rank computes."""

    @property
    def is_first(self) -> bool:
        """Whether this rank writes the logs and checkpoints."""
        return self.rank == 0

    def gather(self, numbers: Sequence[float]) -> list[list[float]]:
        """The numbers of every rank, in the order of ranks; every rank must give equally many."""
        if self.count == 1:
            return [list(numbers)]
        mine = torch.tensor(numbers, dtype=torch.float64, device=self.device)
        everyone = [torch.empty_like(mine) for _ in range(self.count)]
        dist.all_gather(everyone, mine)
        rows: list[list[float]] = torch.stack(everyone).tolist()
        return rows

    def from_first(self, make: Callable[[], Value]) -> Value:
        """What `make` returns on the first rank, which alone calls it; every rank calls this and waits.

        Raises:
            MillionIrdError: what `make` raised, on the first rank.
            ToldError: the same on the others, whose message need not be read once more.
        """
        if self.count == 1:
            return make()
        parcel: list[Any] = [None, None]
        if self.is_first:
            try:
                parcel[0] = make()
            except MillionIrdError as error:
                parcel[1] = error
        dist.broadcast_object_list(parcel, src=0, device=self.device)
        if isinstance(parcel[1], MillionIrdError):
            raise parcel[1] if self.is_first else ToldError(str(parcel[1]), parcel[1].exit_code)
        value: Value = parcel[0]
        return value

    def first_then_all(self, make: Callable[[], Value]) -> Value:
        """What `make` returns on this rank; the others call it once the first is done, and only if it did not fail.

        Raises:
            MillionIrdError, ToldError: as `from_first`.
        """
        made: list[Value] = []
        self.from_first(lambda: made.append(make()))
        return made[0] if self.is_first else make()

    def share_gradients(self, model: nn.Module, some_unused: bool) -> nn.Module:
        """The model whose backward pass averages gradients over the ranks; the model itself where there is one rank.

        Args:
            model: on this rank's device, with equal weights on every rank.
            some_unused: a step may leave parameters without gradient, see `pretrain.models.families`; looking for them
                costs a walk over the graph each step.
        """
        if self.count == 1:
            return model
        devices = [self.device] if self.device.type == "cuda" else None
        return DistributedDataParallel(
            model, device_ids=devices, gradient_as_bucket_view=True, find_unused_parameters=some_unused
        )
