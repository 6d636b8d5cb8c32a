"""How much time does LMD-ViT save by leaving windows out, and how near is that to the multiply-accumulates it saves?

Full-size LMD-ViT (54.55 M parameters, first weights, float32) restores one picture of noise with forced decisions: in
each of the 16 maps a share of the windows, drawn at random, is kept. Predictors run in any case. The baseline is the
same network computing all windows without gathering any. CPU-seconds of one thread, alternating rounds, minimum.

    python benchmarks/lmd_vit_pruning.py [--side 512] [--rounds 3]
"""

from __future__ import annotations

import argparse
import functools
import statistics
import time
from collections.abc import Callable

import machine
import torch
from torch import Tensor

from pretrain.models.lmd_vit.costs import count_pass
from pretrain.models.lmd_vit.network import LMDViT
from pretrain.models.lmd_vit.settings import LMDViTSettings

SHARES = (1.0, 0.75, 0.5, 0.25, 0.12, 0.0)
BASELINE = "all computed, none gathered"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=512, help="of the picture, in pixels")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = LMDViT(LMDViTSettings(drop_path=0.0)).requires_grad_(False)
    image = torch.rand(1, 3, options.side, options.side)
    passes = {f"{share:.0%}": drawn_decisions(model, options.side, share) for share in SHARES}
    giga = {name: count_pass(model.settings, decisions).total / 1e9 for name, decisions in passes.items()}
    giga[BASELINE] = giga["100%"]
    runs: dict[str, Callable[[], object]] = {BASELINE: lambda: model.train()(image, decisions=passes["100%"])}
    for name, decisions in passes.items():
        runs[name] = functools.partial(_skip, model, image, decisions)
    _print(options.side, giga, _measure(runs, options.rounds))


def _skip(model: LMDViT, image: Tensor, decisions: list[Tensor]) -> Tensor:
    restored: Tensor = model.eval()(image, decisions=decisions)
    return restored


def drawn_decisions(model: LMDViT, side: int, share: float) -> list[Tensor]:
    """This share of each map's windows, rounded to whole ones."""
    found = []
    for rows, columns in model.grids(side, side):
        kept = torch.zeros(rows * columns, dtype=torch.bool)
        kept[torch.randperm(rows * columns)[: round(share * rows * columns)]] = True
        found.append(kept.view(1, rows, columns))
    return found


def _measure(runs: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            begun = time.process_time()
            run()
            seconds[name].append(time.process_time() - begun)
    return seconds


def _print(side: int, giga: dict[str, float], seconds: dict[str, list[float]]) -> None:
    print(machine.describe())
    print(f"one picture of {side}², one thread, PyTorch {torch.__version__}\n")
    print("| windows kept | GMAC | of all | CPU s: minimum (median) | of the baseline | times faster |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    least = min(seconds[BASELINE])
    for name, found in seconds.items():
        best = min(found)
        print(
            f"| {name} | {giga[name]:.1f} | {giga[name] / giga[BASELINE]:.1%} | "
            f"{best:.2f} ({statistics.median(found):.2f}) | {best / least:.1%} | {least / best:.2f} |"
        )


if __name__ == "__main__":
    main()
