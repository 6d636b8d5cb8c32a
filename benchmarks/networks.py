"""What does each network cost: parameters, multiply-accumulates, time and memory, beside what is published?

    python benchmarks/networks.py                          Linux, one thread; half an hour, up to 8 GiB
    python benchmarks/networks.py --only "grl tiny sr ×4"  those whose network and variant begin so
    python benchmarks/networks.py --device cuda            the same on a GPU

Every network of `million-ird models`, new weights, float32, one picture of noise; ghost networks frozen at inference
and as they learn in training, LMD-ViT with all, half and none of its windows kept. Each is measured in a process of its
own: inference, then training (forward, L1, backward, Adam).

- Inputs are small. Super-resolution by convolutions makes 96² and trains on 48²; ESRT and GRL get their listed input,
  which GRL need not pad; DyNet 128², LMD-ViT 256² and in training 128². Time grows linearly with the pixels, as
  multiply-accumulates do, but for ESRT, whose attention grows with their square: its figures are those of such tiles.
  GRL unfolds its position tables once a pass whatever the size.
- Time is per megapixel of the result: CPU seconds (user and system) of one thread, minimum and median, and seconds of
  the clock, minimum, which a busy machine lengthens most. On a GPU all are seconds of the clock. "of" is the ratio to
  the reference of the same scale: DyNet large, or EDSR-baseline.
- Memory is the most that the process (on a GPU, PyTorch) held in the first pass beyond what it held before, so beyond
  the weights. In training gradients and Adam's moments are in it, 12 bytes a parameter. A pass that needs more than
  --most is named as such.

Prints a table with the machine; --json writes every number as well.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import machine
import torch
from one_network import Case, Cost, cases, measure

REFERENCES = {1: "dynet large", 2: "edsr-baseline ×2", 3: "edsr-baseline ×3", 4: "edsr-baseline ×4"}
"""By scale: the network whose time per megapixel is 1."""
ELSEWHERE = {
    "dynet large": "pass 5.07 CPU s (code)",
    "dynet small": "pass 3.38 CPU s (code)",
    "esrt ×4": "training 4,191 M on a GPU (paper)",
    "edsr-ghost ×2": "0.58 of EDSR's time on a GPU (paper)",
    "grl tiny sr ×4": "training, whole process 3,774 MiB (code)",
    "lmd-vit no windows": "0.11 of all windows' time (code)",
}
"""Time and memory of others, on other machines: the papers', or measured on the authors' code."""
HEAD = (
    "network | parameters | published | published MAC | input | GMAC/MP | CPU s/MP, min (median) | of | clock s/MP | "
    "MiB | trained on | CPU s a step | MiB | elsewhere"
)


def main() -> None:
    """Prints the table, or, for the child process that the table starts, one measurement."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--only", default="", metavar="NAME", help="networks whose name and variant begin so")
    parser.add_argument(
        "--seconds", type=float, default=4.0, help="after which no further pass is begun; at least 2 are"
    )
    parser.add_argument("--most", type=float, default=8.0, metavar="GIB", help="of memory on a CPU")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--one", metavar="NAME", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.device == "cuda" and not torch.cuda.is_available():
        sys.exit("networks: there is no CUDA device here")
    torch.set_num_threads(1)
    if options.one:
        case = cases()[options.one]()
        works = ("inference", "training") if case.crop else ("inference",)
        costs = [measure(case, work, options.device, options.seconds, options.most) for work in works]
        print(json.dumps([asdict(cost) for cost in costs]))
        return
    found = [look() for name, look in cases().items() if name.startswith(options.only)]
    if not found:
        sys.exit(f"networks: no name begins with {options.only!r}; `million-ird models` lists them")
    _report(options, found)


def _report(options: argparse.Namespace, found: list[Case]) -> None:
    on = torch.cuda.get_device_name() if options.device == "cuda" else "1 thread"
    about = f"{time.strftime('%Y-%m-%d')}; {machine.describe()}; PyTorch {torch.__version__}; {on}"
    print(f"{about}\n\n| {HEAD} |\n| --- |{' ---: |' * HEAD.count('|')}", flush=True)
    rows: list[dict[str, Any]] = []
    for case in found:
        rows.append(_row(case, *_of_a_child(options, case)))
        print(f"{case.name}: load {rows[-1]['load']:.1f}", file=sys.stderr, flush=True)
    fastest = {row["network"]: row["seconds_per_megapixel"] for row in rows}
    for row in rows:
        reference = fastest.get(REFERENCES[row["scale"]])
        row["relative"] = row["seconds_per_megapixel"] / reference if reference else None
        print(_line(row))
    if options.json:
        options.json.write_text(json.dumps({"about": about, "networks": rows}, indent=1, ensure_ascii=False) + "\n")


def _of_a_child(options: argparse.Namespace, case: Case) -> tuple[Cost, Cost | None]:
    """Of inference and of training."""
    command = [sys.executable, __file__, "--device", options.device, "--seconds", str(options.seconds)]
    command += ["--most", str(options.most), "--one", case.name]
    one_thread = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=os.environ | one_thread)
    inference, *training = [Cost(**cost) for cost in json.loads(done.stdout)]
    return inference, training[0] if training else None


def _row(case: Case, inference: Cost, training: Cost | None) -> dict[str, Any]:
    if not inference.seconds:
        raise MemoryError(f"{case.name}: inference takes more memory than --most allows")
    per_megapixel = [seconds / case.megapixels for seconds in inference.seconds]
    return {
        "network": case.name,
        "scale": case.scale,
        "parameters": case.parameters,
        "published_parameters": case.published[0],
        "published_macs": case.published[1],
        "input": case.side,
        "macs_per_megapixel": case.macs.total / case.megapixels,
        "passes": len(per_megapixel),
        "seconds_per_megapixel": min(per_megapixel),
        "median_seconds_per_megapixel": statistics.median(per_megapixel),
        "clock_per_megapixel": min(inference.clock) / case.megapixels,
        "mib": inference.mib,
        "trained_on": case.crop,
        "seconds_per_step": min(training.seconds) if training and training.seconds else None,
        "training_mib": training.mib if training else None,
        "load": os.getloadavg()[0],
    }


def _line(row: dict[str, Any]) -> str:
    too_much = row["trained_on"] and row["training_mib"] is None
    cells = [
        row["network"],
        f"{row['parameters']:,}",
        row["published_parameters"] or "–",
        row["published_macs"] or "–",
        f"{row['input']}²",
        f"{row['macs_per_megapixel'] / 1e9:,.0f}",
        f"{_three(row['seconds_per_megapixel'])} ({_three(row['median_seconds_per_megapixel'])})",
        f"{row['relative']:.2f}" if row["relative"] else "–",
        _three(row["clock_per_megapixel"]),
        f"{row['mib']:,.0f}",
        f"{row['trained_on']}²" if row["trained_on"] else "–",
        _three(row["seconds_per_step"]) if row["seconds_per_step"] else "–",
        "more than allowed" if too_much else f"{row['training_mib']:,.0f}" if row["trained_on"] else "–",
        ELSEWHERE.get(row["network"], "–"),
    ]
    return "| " + " | ".join(cells) + " |"


def _three(number: float) -> str:
    """With three digits, or all those before the point."""
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"


if __name__ == "__main__":
    main()
