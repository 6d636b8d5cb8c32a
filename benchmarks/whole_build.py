"""What does a whole build cost, per megapixel, against img2dataset followed by decode → crop → PNG?

Both get the same list of photographs from the same server (a process of its own, whose CPU is not counted):

    million-ird   `million-ird build`: plan, fetch, screen, deduplicate, cut, pack, report; the patches as tars with
                  their rows. Serial executor; every photograph is kept, so that both sides cut the same pixels.
    today         img2dataset without re-encoding into tars, then every photograph decoded, cut into 512² crops and
                  written as PNG level 1 with OpenCV (what BasicSR's extraction does), on one thread. No screens, no
                  deduplication, no report.

CPU-seconds are user + system of all processes. Each side does the whole list, and every sixth photograph of it; the
difference gives the cost per megapixel without the interpreters' start-up, which is shown apart. Rounds alternate.

Target: today / million-ird with the cheap screens ≥ 3. The costly screens are budgeted one by one.

    python benchmarks/whole_build.py                         # mosaics of 12 megapixels; installs img2dataset apart
    python benchmarks/whole_build.py FOLDER --megapixels 2   # the JPEG files in FOLDER of at least 2 megapixels
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tarfile
import tempfile
import venv
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

import machine
from local_server import serving
from photographs import write_mosaics
from process_cost import measure

from million_ird import open_dataset
from million_ird.pixels import DecodeSettings, Header, read_header
from million_ird.screens import SCREENS

CUT = "cut"
TODAY = "today"
SCREENED: dict[str, tuple[str, ...]] = {
    "no screens": (),
    "cheap screens": ("cheap",),
    "cheap + NIQE": ("cheap", "niqe"),
    "cheap + perceptual blur": ("cheap", "perceptual_blur"),
    "cheap + noise sigma": ("cheap", "noise_sigma"),
    "all screens": ("all",),
}

RECIPE = """
name = "whole"
[manifest]
path = {manifest}
[fetch]
allow_private_networks = true
robots = "ignore"
per_host_connections = 16
per_host_interval_s = 0.0
[screens]
measure = {measure}
[screens.keep]
{open_intervals}
"""

IMG2DATASET = """
import sys
from img2dataset import download
if __name__ == "__main__":
    download(url_list=sys.argv[1], output_folder=sys.argv[2], input_format="txt", output_format="webdataset",
             processes_count=1, thread_count=16, resize_mode="no", disable_all_reencoding=True,
             compute_hash="sha256", enable_wandb=False)
"""


def main() -> None:
    """Run the comparison and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", help="searched for JPEG photographs, with its subfolders")
    parser.add_argument("--megapixels", type=float, default=8.0, help="the smallest photograph to take (default 8)")
    parser.add_argument("--photos", type=int, default=18, help="how many, the largest files first (default 18)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--img2dataset", metavar="PYTHON", help="an interpreter that has img2dataset")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        web = folder / "photographs"
        web.mkdir()
        photos = _photographs(web, options.folder, options.megapixels, options.photos)
        python = options.img2dataset or _install_img2dataset(folder / "environment")
        with serving(str(web)) as url:
            _compare(url, photos, python, options.rounds, folder)


def _compare(url: str, photos: Sequence[tuple[str, float]], python: str, rounds: int, folder: Path) -> None:
    few, many = photos[::6], photos
    extra = sum(megapixels for _, megapixels in many) - sum(megapixels for _, megapixels in few)
    total = sum(megapixels for _, megapixels in photos)
    print(f"{machine.describe()}; {len(photos)} photographs, {total:.0f} megapixels; load {os.getloadavg()[0]:.1f}")
    each: dict[str, list[float]] = {side: [] for side in (*SCREENED, TODAY)}
    start_up: dict[str, list[float]] = {side: [] for side in each}
    for _ in range(rounds):
        for side in each:
            costs = [_run(side, url, list_, python, folder) for list_ in (few, many)]
            each[side].append((costs[1] - costs[0]) / extra)
            start_up[side].append(costs[1] - each[side][-1] * total)
    _print_table(each, start_up)


def _print_table(each: dict[str, list[float]], start_up: dict[str, list[float]]) -> None:
    print(f"\n{'':26}{'CPU ms/megapixel':>18}{'':12}{'today / this':>14}{'':10}{'start-up':>10}")
    print(f"{'':26}{'min':>18}{'median':>12}{'min':>14}{'median':>10}{'CPU s':>10}")
    for side, costs in each.items():
        low, middle = min(costs), statistics.median(costs)
        ratios = min(each[TODAY]) / low, statistics.median(each[TODAY]) / middle
        name = "img2dataset + PNG" if side == TODAY else side
        print(
            f"{name:26}{1000 * low:>18.1f}{1000 * middle:>12.1f}{ratios[0]:>13.1f}×{ratios[1]:>9.1f}×"
            f"{statistics.median(start_up[side]):>10.1f}"
        )
    print("target: cheap screens ≥ 3×")


def _run(side: str, url: str, photos: Sequence[tuple[str, float]], python: str, folder: Path) -> float:
    """CPU-seconds of one side over one list."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        urls, out = Path(name) / "urls.txt", Path(name) / "out"
        urls.write_text("".join(f"{url}/{quote(photo)}\n" for photo, _ in photos))
        if side == TODAY:
            fetched = measure([python, "-c", IMG2DATASET, str(urls), str(out)])
            return fetched.cpu_s + measure([sys.executable, __file__, CUT, str(out), str(Path(name) / "png")]).cpu_s
        recipe = Path(name) / "recipe.toml"
        intervals = "\n".join(f"{screen.name} = [-inf, inf]" for screen in SCREENS)
        measured = json.dumps(SCREENED[side])
        recipe.write_text(
            RECIPE.format(manifest=json.dumps(str(urls)), measure=measured, open_intervals=intervals), "utf-8"
        )
        command = [sys.executable, "-m", "million_ird.cli", "build", str(recipe), "--out", str(out)]
        cost = measure([*command, "--set", "execution.executor=serial"])
        cut = {
            row["image_key"] for batch in open_dataset(str(out)).patch_rows(["image_key"]) for row in batch.to_pylist()
        }
        if len(cut) != len(photos):
            raise SystemExit(f"{len(cut)} of {len(photos)} photographs were cut: the two sides cannot be compared")
        return cost.cpu_s


def _photographs(web: Path, folder: Path | None, megapixels: float, count: int) -> list[tuple[str, float]]:
    """(name, megapixels) of the photographs to serve, put into the folder `web`."""
    if folder is None:
        write_mosaics(web, count, 4000, 3000)
    else:
        files = (path for path in folder.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg"))
        for number, path in enumerate(sorted(files, key=lambda path: (-path.stat().st_size, path))):
            if number < count and _megapixels(path) >= megapixels:
                (web / f"{number:04d}.jpg").symlink_to(path.resolve())
    found = [(path.name, _megapixels(path)) for path in sorted(web.iterdir())]
    if len(found) < 2:
        raise SystemExit("fewer than two photographs to measure; try --megapixels or another folder")
    return found


def _megapixels(path: Path) -> float:
    header = read_header(path.read_bytes(), DecodeSettings())
    return header.width * header.height / 1e6 if isinstance(header, Header) else 0.0


def _install_img2dataset(folder: Path) -> str:
    venv.create(folder, with_pip=True)
    python = str(folder / "bin" / "python")
    subprocess.run([python, "-m", "pip", "install", "--quiet", "img2dataset"], check=True)
    return python


def cut_pngs(tars: Path, out: Path) -> None:
    """Every photograph in the tars decoded and cut into 512² PNG files, one after the other."""
    import cv2
    import numpy as np

    cv2.setNumThreads(1)
    out.mkdir()
    for tar in sorted(tars.glob("*.tar")):
        with tarfile.open(tar) as archive:
            for member in archive:
                file = archive.extractfile(member)
                if file is None or not member.name.endswith(".jpg"):
                    continue
                picture = cv2.imdecode(np.frombuffer(file.read(), np.uint8), cv2.IMREAD_COLOR)
                assert picture is not None
                stem = Path(member.name).stem
                for y in range(0, picture.shape[0] - 511, 512):
                    for x in range(0, picture.shape[1] - 511, 512):
                        path = out / f"{stem}_{y}_{x}.png"
                        cv2.imwrite(str(path), picture[y : y + 512, x : x + 512], [cv2.IMWRITE_PNG_COMPRESSION, 1])


if __name__ == "__main__":
    if sys.argv[1:2] == [CUT]:
        cut_pngs(Path(sys.argv[2]), Path(sys.argv[3]))
    else:
        main()
