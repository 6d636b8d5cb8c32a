"""What do ghost convolutions save in time, and how much of it does the form of the shift give back?

    python benchmarks/ghost_latency.py                  a minute on a CPU; --threads 2 for more of it
    python benchmarks/ghost_latency.py --device cuda    the same on a GPU, by its own clock
    python benchmarks/ghost_latency.py --run my-run     what `million-ird finetune ghost_edsr_laptop` trained, alone

EDSR's residual blocks, four of them, and with --network whole networks: dense, with the shift as a depthwise
convolution (the form that learns) and as slices (frozen), with new weights and as converted from the dense ones (whose
last maps must be put back into their order). All forms take turns in every round; the first round does not count. On a
CPU seconds are those of this process, so that a busy machine lengthens them little.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from machine import describe
from torch import Tensor, nn

from pretrain.models.carn import CARN, CARNSettings
from pretrain.models.edsr import EDSR, ResidualBlock, baseline
from pretrain.models.families import for_inference
from pretrain.models.ghost.convert import convert_from_pretrained, ghostify
from pretrain.models.ghost.freeze import freeze
from pretrain.models.ghost.layer import GhostSettings
from pretrain.models.operations import count_macs
from pretrain.models.pretrained import from_pretrained


def _blocks(width: int) -> nn.Module:
    return nn.Sequential(*(ResidualBlock(width, 1.0) for _ in range(4)))


SUBJECTS: dict[str, tuple[Callable[[], nn.Module], tuple[int, int, int, int]]] = {
    "4 blocks, 64 maps of 96²": (lambda: _blocks(64), (1, 64, 96, 96)),
    "4 blocks, 256 maps of 48²": (lambda: _blocks(256), (1, 256, 48, 48)),
}
NETWORKS: dict[str, tuple[Callable[[], nn.Module], tuple[int, int, int, int]]] = {
    "EDSR-baseline ×2, 96²": (lambda: EDSR(baseline(2)), (1, 3, 96, 96)),
    "CARN ×2, 96²": (lambda: CARN(CARNSettings(2)), (1, 3, 96, 96)),
    "CARN-M ×2, 96²": (lambda: CARN(CARNSettings(2, efficient=True)), (1, 3, 96, 96)),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=1, help="of the CPU")
    parser.add_argument("--network", action="store_true", help="whole networks as well")
    parser.add_argument("--run", type=Path, help="a run with a dense network: these two, on an image of 96²")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    on = torch.cuda.get_device_name(options.device) if options.device != "cpu" else f"{options.threads} threads"
    print(f"{describe()}; PyTorch {torch.__version__}; {on}; {options.rounds} rounds")
    if options.run:
        _report(
            "as trained, image of 96²", trained(options.run), torch.rand(1, 3, 96, 96), options.device, options.rounds
        )
        return
    for name, (build, shape) in (SUBJECTS | (NETWORKS if options.network else {})).items():
        torch.manual_seed(0)
        _report(name, forms(build()), torch.rand(shape), options.device, options.rounds)


def forms(dense: nn.Module) -> dict[str, nn.Module]:
    """The dense network and its ghost forms, in eval mode, by name."""
    dense, settings = dense.eval(), GhostSettings()
    fresh, converted = ghostify(dense, settings), convert_from_pretrained(dense, settings)
    return {
        "dense": dense,
        "depthwise": fresh,
        "slices": freeze(fresh),
        "depthwise, converted": converted,
        "slices, converted": freeze(converted),
    }


def trained(run: Path) -> dict[str, nn.Module]:
    """The dense network of a run, and its ghosts in both forms."""
    dense, ghosts = (from_pretrained(place).model.eval() for place in (run / "dense", run))
    return {"dense": dense, "depthwise": ghosts, "slices": for_inference(ghosts)}


def _report(name: str, models: dict[str, nn.Module], x: Tensor, device: str, rounds: int) -> None:
    models, x = {form: model.to(device) for form, model in models.items()}, x.to(device)
    seconds: dict[str, list[float]] = {form: [] for form in models}
    with torch.no_grad():
        for _ in range(rounds + 1):
            for form, model in models.items():
                seconds[form].append(_timed(model, x))
    print(f"\n| {name} | GMAC | ms, median (min) | against dense, median (quarter, three quarters) |")
    print("| --- | ---: | ---: | ---: |")
    dense = seconds["dense"][1:]
    for form, model in models.items():
        own = seconds[form][1:]
        ratios = [mine / other for mine, other in zip(own, dense, strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4)
        print(
            f"| {form} | {count_macs(model, *x.shape).total / 1e9:.2f} | {1e3 * statistics.median(own):.1f} "
            f"({1e3 * min(own):.1f}) | {middle:.2f} ({low:.2f}, {high:.2f}) |"
        )


def _timed(model: nn.Module, x: Tensor) -> float:
    """Seconds of one pass."""
    if x.is_cuda:
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        model(x)
        end.record()
        torch.cuda.synchronize()
        return float(begin.elapsed_time(end)) / 1e3
    started = time.process_time()
    model(x)
    return time.process_time() - started


if __name__ == "__main__":
    main()
