"""The networks that `networks.py` compares, and what one pass of one of them takes in this process."""

from __future__ import annotations

import ctypes
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import torch
from lmd_vit_pruning import drawn_decisions
from torch import Tensor, nn
from torch.nn import functional

from pretrain.models import table
from pretrain.models.counting import parameters
from pretrain.models.dynet import DyNet, DyNetSettings
from pretrain.models.ghost.freeze import freeze
from pretrain.models.listing import Listing
from pretrain.models.lmd_vit.costs import count_pass
from pretrain.models.lmd_vit.network import LMDViT
from pretrain.models.operations import Macs
from pretrain.models.variants import LARGE, SHIPPED, Variant

RESULT, CROP = 96, 48
"""Sides of what networks of convolutions make in super-resolution, and of the small image that all of it trains on."""
DYNET, LMD_VIT, LMD_VIT_CROP = 128, 256, 128
"""Sides of what DyNet restores and trains on, of what LMD-ViT restores, and of what it trains on."""
HALF = "lmd-vit half of the windows"
FEWEST, MOST = 2, 25
"""Passes, the first one included."""
Forward = Callable[[nn.Module, Tensor], Tensor]


def _plain(model: nn.Module, image: Tensor) -> Tensor:
    result: Tensor = model(image)
    return result


@dataclass(frozen=True)
class Case:
    """One line of the table."""

    name: str
    build: Callable[[], nn.Module]
    """Gives the network as it learns."""
    side: int
    """Of the square input of inference."""
    crop: int | None
    """Of that of training; None where another line says it."""
    scale: int
    parameters: int
    macs: Macs
    """Of one pass over `side`²."""
    published: tuple[str | None, str | None]
    """Parameters; multiply-accumulates and the input they are of."""
    deploy: Callable[[nn.Module], nn.Module] = lambda model: model
    """Makes of it what restores."""
    forward: Forward = field(default=_plain)

    @property
    def megapixels(self) -> float:
        """Of the result of inference."""
        return (self.side * self.scale) ** 2 / 1e6


def cases() -> dict[str, Callable[[], Case]]:
    """All lines by name, DyNet first, each to be looked at by itself; no weight is drawn."""
    found: dict[str, Callable[[], Case]] = {}
    control = DyNetSettings(shared=False, prompt_placement="decoder")
    for name, settings, variant in (
        *(("dynet", DyNetSettings(), variant) for variant in SHIPPED),
        ("promptir (dynet unshared)", control, LARGE),
    ):
        found[f"{name} {variant.name}"] = partial(_dynet, name, settings, variant)
    for listing in table.LISTED:
        name = f"{listing.name} {listing.variant}"
        if listing.name != "lmd-vit":
            found[name] = partial(_listed, name, listing)
            continue
        found[name] = partial(_lmd_vit, name, listing, 1.0 if listing.variant == "all windows" else 0.0)
        found.setdefault(HALF, partial(_lmd_vit, HALF, listing, 0.5))
    return found


def _dynet(name: str, settings: DyNetSettings, variant: Variant) -> Case:
    listed, counted = (
        next(row for row in table.rows("dynet", size) if (row.name, row.variant) == (name, variant.name))
        for size in (None, DYNET)
    )
    return Case(
        f"{name} {variant.name}",
        lambda: DyNet(settings),
        DYNET,
        DYNET,
        1,
        counted.parameters,
        counted.macs,
        (listed.published_parameters, _at(listed.published_operations, listed.input)),
        forward=lambda model, image: model(image, variant=variant),
    )


def _listed(name: str, listing: Listing) -> Case:
    model = listing.built()
    scale = int(model.scale)  # type: ignore[arg-type]
    own = listing.input[0] if listing.name in ("esrt", "grl") else None
    side, crop = own or RESULT // scale, own or CROP
    return Case(
        name,
        listing.build,
        side,
        crop,
        scale,
        parameters(model),
        listing.count(model, side, side),
        (listing.published_parameters, _at(listing.published_macs, listing.input)),
        deploy=freeze if listing.name.endswith("-ghost") else lambda model: model,
    )


def _lmd_vit(name: str, listing: Listing, share: float) -> Case:
    model = listing.built()
    assert isinstance(model, LMDViT)
    decisions = drawn_decisions(model, LMD_VIT, share)
    return Case(
        name,
        listing.build,
        LMD_VIT,
        LMD_VIT_CROP if share == 1.0 else None,
        1,
        parameters(model),
        count_pass(model.settings, decisions),
        (listing.published_parameters, None if name == HALF else _at(listing.published_macs, listing.input)),
        forward=_forced(decisions),
    )


def _forced(decisions: list[Tensor]) -> Forward:
    """Inference with these decisions; training draws its own and computes all windows."""

    def forward(model: nn.Module, image: Tensor) -> Tensor:
        forced = None if model.training else [decided.to(image.device) for decided in decisions]
        result: Tensor = model(image, decisions=forced)
        return result

    return forward


def _at(macs: str | None, size: tuple[int, int]) -> str | None:
    return None if macs is None else f"{macs} at {size[0]} × {size[1]}"


@dataclass
class Cost:
    """What was measured of inference or of training."""

    seconds: list[float]
    """Of each pass: CPU seconds of the process; on a GPU those of the clock."""
    clock: list[float]
    """Of each pass: seconds of the clock."""
    mib: float | None
    """What the first pass held at most beyond what was held before; None: more than was allowed."""


def measure(case: Case, work: str, device: str, seconds: float, most_gib: float) -> Cost:
    """Passes of a network for about so many seconds, in this process, which should do nothing else.

    Args:
        case: the network.
        work: "inference", or "training": forward, L1, backward, a step of Adam.
        device: "cpu" or "cuda".
        seconds: no further pass is begun once they have taken so many together.
        most_gib: what a first pass on a CPU may hold; where it needs more, nothing is measured.
    """
    torch.manual_seed(0)
    run, found = _pass(case, work, device), Cost([], [], None)

    def timed() -> None:
        started, clock = time.process_time(), time.perf_counter()
        run()
        _wait(device)
        found.clock.append(time.perf_counter() - clock)
        found.seconds.append(time.process_time() - started if device == "cpu" else found.clock[-1])

    try:
        found.mib = _peak_mib(timed, device, most_gib)
    except RuntimeError as error:  # torch has no error of its own for a CPU that is out of memory
        if "allocate memory" not in str(error):
            raise
        return found
    while len(found.seconds) < FEWEST or (sum(found.seconds) < seconds and len(found.seconds) < MOST):
        timed()
    return found


def _pass(case: Case, work: str, device: str) -> Callable[[], None]:
    model = case.build().to(device)
    if work == "inference":
        model = case.deploy(model.eval())
        image = torch.rand(1, 3, case.side, case.side, device=device)
        return torch.no_grad()(lambda: _drop(case.forward(model, image)))
    assert case.crop is not None
    model.train()
    side = case.crop * case.scale
    image, wanted = (torch.rand(1, 3, each, each, device=device) for each in (case.crop, side))
    optimizer = torch.optim.Adam([weight for weight in model.parameters() if weight.requires_grad])

    def step() -> None:
        optimizer.zero_grad()
        functional.l1_loss(case.forward(model, image), wanted).backward()
        optimizer.step()

    return step


def _drop(_result: Tensor) -> None:
    """Nobody needs it."""


def _peak_mib(run: Callable[[], None], device: str, most_gib: float) -> float:
    """What `run` holds at most, beyond what is held before."""
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        run()
        return (torch.cuda.max_memory_allocated() - before) / 2**20
    _load_libraries()
    ctypes.CDLL(None).malloc_trim(0)  # what was freed so far would hide as much of what is needed now
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew, which getrusage's cannot
    before_mib = _status_mib("VmRSS")
    allowed = int((_status_mib("VmData") + most_gib * 1024) * 2**20)
    resource.setrlimit(resource.RLIMIT_DATA, (allowed, resource.getrlimit(resource.RLIMIT_DATA)[1]))
    run()
    return _status_mib("VmHWM") - before_mib


def _load_libraries() -> None:
    """What the first convolution, product, attention, backward pass and step load is no network's need."""
    parts = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Linear(14, 8))
    x = parts(torch.rand(1, 3, 16, 16))
    functional.scaled_dot_product_attention(x, x, x).sum().backward()
    torch.optim.Adam(parts.parameters()).step()


def _status_mib(field_name: str) -> float:
    """A number of Linux's account of this process."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{field_name}:"):
            return int(line.split()[1]) / 1024
    raise KeyError(field_name)


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()
