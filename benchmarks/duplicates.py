"""How well and how fast are duplicates and benchmark pictures found?

    python benchmarks/duplicates.py scale --images 2000000      candidate search over synthetic hashes
    python benchmarks/duplicates.py copies --every 4            recall by kind of copy; other exposures must stay
    python benchmarks/duplicates.py crops --every 8             crops that keep three quarters
    python benchmarks/duplicates.py contamination --every 4     benchmark pictures inside photographs

Photographs come from a folder of yours (`--photos FOLDER`, which all parts but `scale` need), of which every n-th is
taken. Everything is seeded; times are CPU seconds of this process.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import machine
import numpy as np
from numpy.typing import NDArray

from million_ird.contamination import BenchmarkTable, ContaminationSettings, confirm
from million_ird.duplicates import DuplicateSettings, verify_pair
from million_ird.duplicates.crop_index import crop_pairs
from million_ird.duplicates.crops import crop_features, verify_crop
from million_ird.duplicates.near import near_pairs
from million_ird.fingerprint import (
    TRANSFORMS,
    Transform,
    as_bits,
    inverse,
    is_transposing,
    perceptual_hash,
    sign_changes,
    transformed,
)

Picture = NDArray[np.uint8]


def main() -> None:
    """Run the part that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["scale", "copies", "crops", "contamination"])
    parser.add_argument("--images", type=int, default=200_000)
    parser.add_argument("--every", type=int, default=4)
    parser.add_argument("--photos", type=Path)
    arguments = parser.parse_args()
    if arguments.part != "scale" and arguments.photos is None:
        parser.error(f"{arguments.part} needs --photos FOLDER")
    print(machine.describe())
    if arguments.part == "scale":
        scale(arguments.images)
    else:
        globals()[arguments.part](list(_photographs(arguments.photos))[:: arguments.every])


def scale(count: int) -> None:
    """Random hashes, 5 % of them copies of others with bits changed, 5 % all alike."""
    random = np.random.default_rng(1)
    hashes = random.integers(0, 256, (count, 32), np.uint8)
    planted = count // 20
    sources = random.choice(count // 2, planted, replace=False)
    copies = count // 2 + random.choice(count * 9 // 20, planted, replace=False)
    # How often a border crop of 2 % on all sides changes the sign of a frequency; measured on 158 photographs.
    frequency = np.add.outer(np.arange(16), np.arange(16))
    chance = np.clip(0.010 + 0.0075 * frequency, 0, 0.30)
    for source, copy in zip(sources, copies, strict=True):
        transform = TRANSFORMS[random.integers(8)]
        bits = as_bits(hashes[source])
        bits = bits.T if is_transposing(transform) else bits
        changed = sign_changes(transform) ^ (random.random((16, 16)) < chance)
        hashes[copy] = np.packbits(bits ^ changed)
    hashes[count * 19 // 20 :] = 0
    start, began = time.process_time(), time.monotonic()
    pairs = near_pairs(hashes, DuplicateSettings())
    print(f"{count} images: {time.process_time() - start:.1f} CPU s, {time.monotonic() - began:.1f} s of wall clock")
    found = set(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True))
    recall = np.mean([(s, c) in found for s, c in zip(sources.tolist(), copies.tolist(), strict=True)])
    alike = int((pairs.first >= count * 19 // 20).sum())
    print(f"planted {planted}: recall {recall:.4f}; {alike} pairs for {count - count * 19 // 20} equal hashes")
    others = len(found) - round(recall * planted) - alike
    print(f"{others} other pairs to verify; peak memory {_peak_memory():.0f} MB")


def copies(photographs: list[tuple[str, Picture]]) -> None:
    """Share of copies whose hash is near, and that are accepted; share of other exposures that are."""
    settings = DuplicateSettings()
    pictures = [_at_most(picture, 1600) for _, picture in photographs]
    print(f"{len(pictures)} photographs\nkind                 candidates  accepted  distance p95  agreement p1")
    for kind, change in {**_copies(), **_other_exposures()}.items():
        rows = [_compared(picture, *change(picture), settings) for picture in pictures]
        distances, near, scores, accepted = (np.array(column) for column in zip(*rows, strict=True))
        found = (near & accepted).mean()
        numbers = f"{near.mean():10.3f} {found:9.3f} {np.percentile(distances, 95):13.0f}"
        print(f"{kind:20s} {numbers} {np.percentile(scores, 1):13.2f}")
    _unrelated(pictures, settings)


def crops(photographs: list[tuple[str, Picture]]) -> None:
    """Crops that keep 75 to 80 % of the picture, re-encoded, resized, turned."""
    settings = DuplicateSettings(crops=True)
    pictures = [_at_most(picture, 1600) for _, picture in photographs]
    count = len(pictures)
    random = np.random.default_rng(5)
    start = time.process_time()
    features = [crop_features(picture, settings.crop_features) for picture in pictures]
    print(f"{count} photographs; features {(time.process_time() - start) / count * 1e3:.0f} CPU ms an image")
    kinds: list[tuple[Transform, float]] = [("identity", 1.0), ("identity", 0.5), ("mirror", 1.0), ("rot90", 0.8)]
    for transform, size in kinds:
        cut = [_crop_of(picture, transform, size, random) for picture in pictures]
        rows = crop_pairs(features + [crop_features(c, settings.crop_features) for c in cut], settings).to_pylist()
        pairs = {(row["first"], row["second"]) for row in rows}
        start = time.process_time()
        judged = {(i, j): verify_crop((pictures + cut)[i], (pictures + cut)[j], settings)[0] for i, j in sorted(pairs)}
        cost = (time.process_time() - start) / max(len(pairs), 1) * 1e3
        wanted = {(i, i + count) for i in range(count)}
        accepted = {pair for pair, agreement in judged.items() if agreement.accepted}
        recall, wrong = len(accepted & wanted) / count, len(accepted - wanted)
        candidates = f"candidates {len(pairs & wanted) / count:.3f} + {len(pairs - wanted)} others"
        print(f"{transform:9s} x{size}: {candidates}; found {recall:.3f}, wrong {wrong}; {cost:.0f} CPU ms a pair")


def contamination(photographs: list[tuple[str, Picture]]) -> None:
    """Cuts of photographs, shrunk one to four times, hidden among real benchmark sets."""
    settings = ContaminationSettings()
    sources = [(n, p) for n, p in photographs if "testsets" not in n and min(p.shape[:2]) >= 900]
    random = np.random.default_rng(3)
    planted = {f"planted/{i}": _benchmark_cut(picture, random) for i, (_, picture) in enumerate(sources)}
    real = {n: p for n, p in photographs if "testsets" in n}
    table = BenchmarkTable.from_pictures({**planted, **real})
    found, wrong, offered, cost, decodes = [], [], 0, 0.0, 0.0
    for i, (name, picture) in enumerate(sources):
        start = time.process_time()
        hits = table.lookup(picture, settings)
        cost += time.process_time() - start
        decodes += _decode_time(picture)
        judged = [(hit, confirm(picture, hit, table[hit.benchmark], settings)) for hit in hits]
        accepted = {hit.benchmark for hit, agreement in judged if agreement.accepted}
        offered += any(hit.benchmark == f"planted/{i}" for hit in hits)
        found.append(f"planted/{i}" in accepted)
        wrong += [(name, benchmark) for benchmark in accepted - {f"planted/{i}"}]
    print(f"{len(sources)} photographs, {len(table)} benchmark pictures ({len(real)} real)")
    print(f"looked up {offered / len(sources):.3f}, confirmed {np.mean(found):.3f}, wrong {wrong}")
    megapixels = sum(p.shape[0] * p.shape[1] for _, p in sources) / len(sources) / 1e6
    print(f"{megapixels:.1f} megapixels on average; a decode takes {decodes / len(sources) * 1e3:.0f} CPU ms")
    print(f"lookup {cost / len(sources) * 1e3:.0f} CPU ms an image = {cost / decodes:.2f} decodes of it (JPEG q90)")
    _opposite(sources, settings)


def _opposite(sources: list[tuple[str, Picture]], settings: ContaminationSettings) -> None:
    """The source is a cut, 75 % of each side, of the benchmark picture."""
    small = {name: _at_most(picture, 1000) for name, picture in sources}
    table = BenchmarkTable.from_pictures(small)
    found = []
    for name, picture in small.items():
        height, width = picture.shape[:2]
        part = _jpeg(picture[height // 8 : height * 7 // 8, width // 8 : width * 7 // 8], 85)
        hits = [hit for hit in table.lookup(part, settings) if hit.benchmark == name]
        found.append(any(confirm(part, hit, table[name], settings).accepted for hit in hits))
    print(f"source a cut of the benchmark: confirmed {np.mean(found):.3f}")


def _compared(
    picture: Picture, copy: Picture, transform: Transform, settings: DuplicateSettings
) -> tuple[int, bool, float, bool]:
    turned = np.ascontiguousarray(transformed(copy, transform))
    bits = as_bits(np.frombuffer(perceptual_hash(picture) + perceptual_hash(turned), np.uint8).reshape(2, 32))
    distance = int((bits[0] != bits[1]).sum())
    agreement = verify_pair(picture, copy, transform, settings)
    return distance, distance <= settings.max_distance, agreement.score, agreement.accepted


def _unrelated(pictures: list[Picture], settings: DuplicateSettings) -> None:
    hashes = np.stack([np.frombuffer(perceptual_hash(p), np.uint8) for p in pictures])
    pairs = near_pairs(hashes, settings)
    accepted = sum(
        verify_pair(pictures[i], pictures[j], TRANSFORMS[t], settings).accepted
        for i, j, t in zip(pairs.first, pairs.second, pairs.transform, strict=True)
    )
    total = len(pictures) * (len(pictures) - 1) // 2
    print(f"unrelated pairs: {total}, candidates {len(pairs.first)}, accepted {accepted}")


_Change = Callable[[Picture], tuple[Picture, Transform]]


def _copies() -> dict[str, _Change]:
    changes: dict[str, _Change] = {}
    for quality in (30, 50, 75, 95):
        changes[f"quality {quality}"] = lambda p, q=quality: (_jpeg(p, q), "identity")
    for size in (0.25, 0.5, 2.0):
        changes[f"resized x{size}"] = lambda p, s=size: (_jpeg(_resized(p, s), 85), "identity")
    for name in ("mirror", "rot90", "transverse"):
        changes[name] = lambda p, n=name: (_jpeg(transformed(_resized(p, 0.7), inverse(n)), 85), n)
    borders = {"1 side": (1, 0, 0, 0), "corner": (1, 1, 0, 0), "all sides": (1, 1, 1, 1)}
    for name, sides in borders.items():
        changes[f"2 % off {name}"] = lambda p, s=sides: (_jpeg(_border(p, s), 90), "identity")
    changes["brighter"] = lambda p: (_jpeg(np.clip(p * 1.08 + 5, 0, 255).astype(np.uint8), 90), "identity")
    changes["sharpened"] = lambda p: (
        _jpeg(cv2.addWeighted(p, 1.6, cv2.GaussianBlur(p, (0, 0), 1.5), -0.6, 0), 90),
        "identity",
    )
    return changes


def _other_exposures() -> dict[str, _Change]:
    names = ("parallax", "perspective", "camera turned", "object moved")
    return {f"NOT: {name}": lambda p, n=name: (_second_exposure(p, n), "identity") for name in names}


def _second_exposure(picture: Picture, kind: str) -> Picture:
    random = np.random.default_rng(7)
    height, width = picture.shape[:2]
    other = picture.astype(np.float32)
    size, edge = (width, height), cv2.BORDER_REFLECT
    if kind == "parallax":
        other[height // 2 :] = np.roll(other, round(0.008 * width), axis=1)[height // 2 :]
    elif kind == "perspective":
        corners = np.array([[0, 0], [width, 0], [0, height], [width, height]], np.float32)
        moved = corners + np.array([[0.012, 0], [0, 0.01], [0, 0], [-0.01, -0.008]], np.float32) * max(size)
        other = cv2.warpPerspective(other, cv2.getPerspectiveTransform(corners, moved), size, borderMode=edge)
    elif kind == "camera turned":
        other = cv2.warpAffine(other, cv2.getRotationMatrix2D((width / 2, height / 2), 0.8, 1.0), size, borderMode=edge)
    else:
        side, top, left = round(0.08 * width), height // 2, round(0.4 * width)
        other[top : top + side, left : left + side] = other[height // 5 :, width // 10 :][:side, :side]
    noisy = other * 1.05 + random.normal(0, 3, other.shape)
    return _jpeg(np.clip(noisy, 0, 255).astype(np.uint8), 90)


def _crop_of(picture: Picture, transform: Transform, size: float, random: np.random.Generator) -> Picture:
    height, width = picture.shape[:2]
    across = random.uniform(0.77, 1.0)
    down = min(1.0, random.uniform(0.75, 0.80) / across)
    x, y = int(random.uniform(0, width * (1 - across))), int(random.uniform(0, height * (1 - down)))
    part = picture[y : y + int(height * down), x : x + int(width * across)]
    return _jpeg(transformed(_resized(part, size), transform), 85)


def _benchmark_cut(picture: Picture, random: np.random.Generator) -> Picture:
    height, width = picture.shape[:2]
    shrink = float(np.exp(random.uniform(0, np.log(4))))
    long = min(500 * shrink, min(height, width))
    shape = [(long, long), (long, long / 1.5), (long / 1.5, long)][random.integers(3)]
    x, y = int(random.uniform(0, width - shape[0])), int(random.uniform(0, height - shape[1]))
    part = _resized(picture[y : y + int(shape[1]), x : x + int(shape[0])], 1 / shrink)
    return np.ascontiguousarray(part[:, ::-1]) if random.random() < 0.3 else part


def _decode_time(picture: Picture) -> float:
    data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 90])[1]
    start = time.process_time()
    cv2.imdecode(data, cv2.IMREAD_COLOR)
    return time.process_time() - start


def _border(picture: Picture, sides: tuple[int, int, int, int]) -> Picture:
    height, width = picture.shape[:2]
    left, top, right, bottom = (
        round(side * 0.02 * n) for side, n in zip(sides, (width, height, width, height), strict=True)
    )
    return picture[top : height - bottom, left : width - right]


def _resized(picture: Picture, scale: float) -> Picture:
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, None, fx=scale, fy=scale, interpolation=method), np.uint8)


def _at_most(picture: Picture, side: int) -> Picture:
    scale = side / max(picture.shape[:2])
    return picture if scale >= 1 else _resized(picture, scale)


def _jpeg(picture: Picture, quality: int) -> Picture:
    data = cv2.imencode(".jpg", np.ascontiguousarray(picture), [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


def _photographs(folder: Path) -> Iterator[tuple[str, Picture]]:
    """Every photograph once (the orientation examples are copies of two)."""
    if not folder.is_dir():
        sys.exit(f"{folder} is no folder: name one with --photos")
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        is_wanted = path.suffix.lower() in (".jpg", ".jpeg", ".png") and not name.startswith(("oddcases", "nonphoto"))
        is_copy = "orientation" in name and not path.stem.endswith("_1")
        if is_wanted and not is_copy and not name.startswith("blur"):
            picture = cv2.imread(str(path), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
            if picture is not None:
                yield name, np.ascontiguousarray(picture[..., ::-1])


def _peak_memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


if __name__ == "__main__":
    main()
