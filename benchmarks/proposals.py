"""How good are proposals? Overlap with exact masks (pairs) and with people's masks (single frames), and their time.

    python benchmarks/proposals.py pairs FOLDER      # FOLDER/blur/00.png, sharp/00.png, mask/00.png …
    python benchmarks/proposals.py singles FOLDER    # FOLDER/image/*.jpg, mask/*.png; 255 = blurred
    python benchmarks/proposals.py pairs FOLDER --sheet S.jpg   # and a picture of what was found and missed

Nothing was tuned on these pictures (benchmarks/proposal_fit.py does that on others); whoever looks at them often is
tuning all the same, so docs/proposals.md counts how often they were looked at.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import machine
import numpy as np
import numpy.typing as npt

from annotation.propose import Proposal, propose_pair, propose_single

Pixels = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Case:
    """A picture with its mask, and the sharp frame if it has one."""

    name: str
    blurred: Pixels
    sharp: Pixels | None
    mask: Mask


@dataclass(frozen=True)
class Score:
    """Overlap of a proposal with the mask: each 0..1."""

    iou: float
    precision: float
    recall: float


def main() -> None:
    """Print one row for each picture, and their means."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("which", choices=("pairs", "singles"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sheet", type=Path, help="write a contact sheet: true mask white, proposal magenta")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    cases = list(_pairs(options.folder) if options.which == "pairs" else _singles(options.folder))
    if not cases:
        raise SystemExit(f"{options.folder} has no such pictures; see --help for how they must lie")
    print(f"{len(cases)} {options.which}, one thread; {machine.describe()}\n")
    print(f"{'':22}{'IoU':>7}{'precision':>11}{'recall':>8}{'confidence':>12}{'CPU s/Mpx':>11}  note")
    scores, tiles, speeds = [], [], []
    for case in cases:
        started = time.process_time()
        proposal = propose_single(case.blurred) if case.sharp is None else propose_pair(case.blurred, case.sharp)
        speeds.append((time.process_time() - started) / (case.mask.size / 1e6))
        scores.append(score(proposal.mask, case.mask))
        print(_row(case.name, scores[-1], proposal.confidence, speeds[-1]) + f"  {proposal.note}", flush=True)
        tiles.append(_tile(case, proposal))
    means = Score(*(float(np.mean([getattr(s, name) for s in scores])) for name in ("iou", "precision", "recall")))
    print(_row("mean", means, float("nan"), float(np.median(speeds))))
    everything = [Score(*(float(v) for v in _all_blurred(case.mask))) for case in cases]
    print(f"{'calling all blurred':22}{np.mean([s.iou for s in everything]):7.3f}")
    if options.sheet:
        tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % 4)
        cv2.imwrite(str(options.sheet), np.vstack([np.hstack(tiles[i : i + 4]) for i in range(0, len(tiles), 4)]))


def score(found: Mask, truth: Mask) -> Score:
    """IoU, precision, recall; an empty denominator counts as 0."""
    both = np.count_nonzero(found & truth)
    return Score(
        both / max(np.count_nonzero(found | truth), 1),
        both / max(np.count_nonzero(found), 1),
        both / max(np.count_nonzero(truth), 1),
    )


def _all_blurred(truth: Mask) -> tuple[float, float, float]:
    share = np.count_nonzero(truth) / truth.size
    return share, share, 1.0


def _row(name: str, value: Score, confidence: float, speed: float) -> str:
    said = f"{confidence:12.2f}" if confidence == confidence else f"{'':12}"
    return f"{name:22}{value.iou:7.3f}{value.precision:11.3f}{value.recall:8.3f}{said}{speed:11.2f}"


def _pairs(folder: Path) -> Iterator[Case]:
    for file in sorted((folder / "blur").glob("*.png")):
        mask = _read_mask(folder / "mask" / file.name)
        yield Case(file.stem, _read(file), _read(folder / "sharp" / file.name), mask)


def _singles(folder: Path) -> Iterator[Case]:
    for file in sorted((folder / "image").glob("*.jpg")):
        yield Case(file.stem, _read(file), None, _read_mask(folder / "mask" / f"{file.stem}.png"))


def _read(file: Path) -> Pixels:
    picture = cv2.imread(str(file), cv2.IMREAD_COLOR_RGB)
    if picture is None:
        raise SystemExit(f"{file} cannot be read")
    return np.asarray(picture, np.uint8)


def _read_mask(file: Path) -> Mask:
    grey = cv2.imread(str(file), cv2.IMREAD_GRAYSCALE)
    if grey is None:
        raise SystemExit(f"{file} cannot be read")
    return np.asarray(grey > 127, np.bool_)


def _tile(case: Case, proposal: Proposal) -> Pixels:
    """The blurred frame, 480 pixels wide, with the outline of the true mask in white and of the proposal in magenta."""
    bgr = np.ascontiguousarray(case.blurred[..., ::-1])
    for mask, colour in ((case.mask, (255, 255, 255)), (proposal.mask, (255, 0, 255))):
        outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(bgr, outlines, -1, colour, 2)
    return np.asarray(cv2.resize(bgr, (480, 320), interpolation=cv2.INTER_AREA), np.uint8)


if __name__ == "__main__":
    main()
