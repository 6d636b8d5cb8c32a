"""How much memory does ESRT's split attention save, which is its paper's point?

    python benchmarks/esrt_memory.py                  a CPU, about 6 GB free, some minutes
    python benchmarks/esrt_memory.py --device cuda    the same on a GPU

One pass of ESRT ×4 over a small image, in training (forward, backward) and in inference, with attention in 4 segments
and unsplit, each written out (the matrices of all pairs of tokens lie in memory, as in the authors' code) and fused
(they never do). Every number is a process of its own: the most it held beyond what it held after a pass over 8 × 8
pixels, as resident memory on a CPU and as PyTorch's allocations on a GPU. The paper gives 16,057 M unsplit and 4,191 M
split for its training on a GPU, 3.83 times less. Prints a table with the machine, and writes nothing.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys

import machine
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from pretrain.models.esrt import ESRT, ESRTSettings

ARMS = (("written out", 1), ("written out", 4), ("fused", 1), ("fused", 4))
"""How attention is computed, and in how many segments."""
CASES = (("training", 48), ("training", 64), ("inference", 96), ("inference", 128))
"""What is done, and the side of the small image."""
TOO_LARGE_MB = 8_000
"""Written-out attention whose matrices alone take more than this is left out."""


def main() -> None:
    """Prints the table, or, for the child process that the table starts, one number."""
    parser = argparse.ArgumentParser(description="memory of ESRT's split attention")
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--batch", type=int, default=1, metavar="IMAGES")
    parser.add_argument("--one", nargs=4, metavar=("FORM", "SEGMENTS", "WORK", "SIDE"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.one:
        form, segments, work, side = arguments.one
        print(_peak_mb(arguments.device, arguments.batch, form, int(segments), work, int(side)))
        return
    print(f"{machine.describe()}; PyTorch {torch.__version__}; {arguments.device}; batch {arguments.batch}; MiB")
    print(
        "pass | "
        + " | ".join(f"{form}, {_named(segments)}" for form, segments in ARMS)
        + " | written out, unsplit / split"
    )
    for work, side in CASES:
        peaks = [_of_a_child(arguments, form, segments, work, side) for form, segments in ARMS]
        ratio = f"{peaks[0] / peaks[1]:.1f}" if peaks[0] and peaks[1] else "–"
        cells = [f"{peak:,.0f}" if peak else "–" for peak in peaks]
        print(f"{work} {side}² | " + " | ".join(cells) + f" | {ratio}", flush=True)


def _named(segments: int) -> str:
    return "unsplit" if segments == 1 else f"{segments} segments"


def _of_a_child(arguments: argparse.Namespace, form: str, segments: int, work: str, side: int) -> float | None:
    heads, floats = ESRTSettings().heads, 2  # the products and their softmax
    matrices_mb = arguments.batch * floats * heads * 4 * (side * side // segments) ** 2 / 2**20
    if form == "written out" and matrices_mb > TOO_LARGE_MB:
        return None
    command = [sys.executable, __file__, "--device", arguments.device, "--batch", str(arguments.batch)]
    command += ["--one", form, str(segments), work, str(side)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _peak_mb(device: str, batch: int, form: str, segments: int, work: str, side: int) -> float:
    """MiB that one pass takes at most, beyond what the process has taken before."""
    torch.manual_seed(0)
    model = ESRT(ESRTSettings(segments=segments)).to(device)
    _pass(model, device, batch, form, work, 8)  # libraries, threads and kernels are loaded now
    before = _held_mb(device)
    _pass(model, device, batch, form, work, side)
    return _held_mb(device) - before


def _pass(model: ESRT, device: str, batch: int, form: str, work: str, side: int) -> None:
    backends = (
        [SDPBackend.MATH] if form == "written out" else [SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION]
    )
    with sdpa_kernel(backends), torch.set_grad_enabled(work == "training"):
        result = model(torch.rand(batch, 3, side, side, device=device))
        if work == "training":
            result.mean().backward()
            model.zero_grad()


def _held_mb(device: str) -> float:
    """The most that this process ever held."""
    if device == "cuda":
        return torch.cuda.max_memory_allocated() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10  # Linux counts in KiB


if __name__ == "__main__":
    main()
