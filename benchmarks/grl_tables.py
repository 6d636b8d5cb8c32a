"""What does GRL's keeping of position tables save at inference?

    python benchmarks/grl_tables.py                   a CPU, one thread, some minutes

One pass of GRL ×4 over a small image of 64 × 64, with the tables of position biases kept from the pass before and made
anew, in alternating rounds; and how much the kept tables hold. The authors' code makes them in every pass, and keeps
masks and tables of indices as buffers besides, 552 MiB at 256² (1,416 MiB in the base network). Prints a table with the
machine, and writes nothing.
"""

from __future__ import annotations

import argparse
import statistics
import time

import machine
import torch

from pretrain.models.grl.coordinates import PositionBias
from pretrain.models.grl.network import GRL
from pretrain.models.grl.settings import SIZES, preset

SIDE = 64
"""Of the small image, in pixels."""


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description="time of GRL with position tables kept and made anew")
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    print(f"{machine.describe()}; PyTorch {torch.__version__}; 1 thread; {rounds} rounds; CPU seconds, median")
    print("network | made anew | kept | made anew / kept | kept tables, MiB")
    for size in SIZES:
        torch.manual_seed(0)
        model = GRL(preset(size, "sr", 4)).eval()
        _seconds(model)
        pairs = [(_seconds(model.eval()), _seconds(model)) for _ in range(rounds)]  # eval() forgets the tables
        made, kept = (statistics.median(times) for times in zip(*pairs, strict=True))
        print(f"{size} | {made:.2f} | {kept:.2f} | {made / kept:.2f} | {_kept_mb(model):.1f}", flush=True)


def _seconds(model: GRL) -> float:
    """CPU seconds of one pass."""
    image = torch.rand(1, 3, SIDE, SIDE)
    started = time.process_time()
    with torch.no_grad():
        model(image)
    return time.process_time() - started


@torch.no_grad()
def _kept_mb(model: GRL) -> float:
    tables = [part.table() for part in model.modules() if isinstance(part, PositionBias)]
    return sum(table.numel() * table.element_size() for table in tables) / 2**20


if __name__ == "__main__":
    main()
