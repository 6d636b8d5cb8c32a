"""Restore a picture file, or a folder of them into a folder of the same shape. Run again, it goes on where it ended."""

from __future__ import annotations

import errno
import math
import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from million_ird.errors import StoreError, UsageError
from million_ird.fingerprint import UPRIGHT, transformed
from million_ird.pixels import DecodeSettings, decode, encode_png, read_header
from million_ird.progress import Progress
from million_ird.records import Rejection
from million_ird.store import Store
from pretrain.degradations.resize import as_large
from pretrain.images import Pixels, explain, file_bytes, image_files_below
from pretrain.kept_windows import draw_shares
from pretrain.levels import Picture, to_pixels, to_unit
from pretrain.picture_table import side_by_side
from pretrain.restore import TooLargeError
from pretrain.restore_names import Job, job_of, plan_names
from pretrain.restore_trial import Trial


@dataclass(frozen=True)
class Wanted:
    """What is made of each picture besides the restored one."""

    compare: bool = False
    """Also write before and after (and the clean picture, if it was degraded) side by side; a smaller input enlarged by
    bicubic interpolation."""
    overwrite: bool = False
    """Restore also what is there already."""
    trial: Trial | None = None
    """Take the pictures as clean ones, and restore what this makes of them."""
    windows: Callable[[Picture], Picture] | None = None
    """Also write which windows LMD-ViT keeps: the shares of `pretrain.kept_shares.KeptShares`, made of the input."""


@dataclass
class Outcome:
    """What became of the pictures."""

    restored: int = 0
    there_already: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    """By reason."""
    gains: list[tuple[float, float]] = field(default_factory=list)
    """PSNR in dB before and after, of pictures that were degraded on purpose."""
    metric: str = "RGB"
    """What that PSNR is of, in words."""


def plan_jobs(source: Path, out: str) -> tuple[str, list[Job]]:
    """The place that outputs go to, and a job for each picture, in the order of their paths.

    A file goes to `out` if that ends in `.png`, else into the folder `out`. Pictures of a folder go to the same place
    below `out`, as PNG. Where two have one name but for the suffix, their outputs keep it: `a.jpg.png`, `a.bmp.png`.

    Raises:
        UsageError: nothing to restore, outputs would lie among the inputs, or two would have one name.
    """
    if not out:
        raise UsageError("--out: name a folder, or FILE.png for one picture")
    if source.is_dir():
        files = image_files_below(source)
        if not files:
            raise UsageError(f"{source} holds no file that could be a picture")
        if _is_within(out, source):
            raise UsageError(f"--out {out} lies in {source}: the results would be taken for pictures to restore")
        jobs = plan_names(source, files)
        homes = {str(Path(job.restored).parent) for job in jobs}
        if "://" not in out and any(_is_within(str(Path(out, home)), source) for home in homes):
            raise UsageError(f"--out {out}: some results would lie in {source}, in place of its pictures")
        return out, jobs
    if not source.exists():
        raise UsageError(f"there is no file or folder {source}")
    place, jobs = out, plan_names(source.parent, [source])
    if out.lower().endswith(".png"):
        place, _, name = f"./{out}".rpartition("/") if "/" not in out else out.rpartition("/")
        jobs = [job_of(source, name[: -len(".png")], name)]
    if "://" not in out and Path(place or "/", jobs[0].restored).expanduser().resolve() == source.resolve():
        raise UsageError(f"--out {out}: the result would replace the picture itself")
    return place or "/", jobs


def restore_files(
    jobs: Sequence[Job],
    place: str,
    restore: Callable[[Picture], Picture],
    progress: Progress,
    wanted: Wanted | None = None,
) -> Outcome:
    """Does the jobs in order; each output appears whole or not at all.

    Args:
        jobs: as `plan_jobs` gives them.
        place: where outputs go.
        restore: as `pretrain.restore.Restorer` does.
        progress: advanced once for each job; told a line for each file that is refused.
        wanted: what else; nothing by default.

    Raises:
        StoreError: an output cannot be written. Those before it stay.
        DatasetError: the network gives numbers that are not finite.
    """
    wanted, store, outcome = wanted or Wanted(), Store(place), Outcome()
    if wanted.trial is not None:
        outcome.metric = wanted.trial.metric
    try:
        for job in jobs:
            if not wanted.overwrite and all(store.exists(name) for name in _outputs(job, wanted)):
                outcome.there_already += 1
            else:
                with store.spool():  # a place that cannot be written is told before hours of work
                    pass
                reason = _done_or_why_not(job, store, restore, wanted, outcome)
                if reason:
                    outcome.refused[reason.partition(":")[0]] += 1
                    progress.line(f"refused {printable(job.source)}: {reason}")
            progress.advance({})
    finally:
        store.sweep()
    return outcome


def _outputs(job: Job, wanted: Wanted) -> list[str]:
    return [job.restored] + [job.comparison] * wanted.compare + [job.windows] * (wanted.windows is not None)


def _done_or_why_not(
    job: Job, store: Store, restore: Callable[[Picture], Picture], wanted: Wanted, outcome: Outcome
) -> str:
    """`_do`, and the reason where the file system takes no such name."""
    try:
        return _do(job, store, restore, wanted, outcome)
    except StoreError as error:
        if isinstance(error.__cause__, OSError) and error.__cause__.errno in (errno.ENAMETOOLONG, errno.EILSEQ):
            return f"name: {error.__cause__.strerror}"
        raise


def _do(job: Job, store: Store, restore: Callable[[Picture], Picture], wanted: Wanted, outcome: Outcome) -> str:
    """One job; the reason why the file is refused, or "" if it is done."""
    read = read_upright(job.source)
    if isinstance(read, Rejection):
        return explain(read)
    made = None
    if wanted.trial is not None:
        try:
            made = wanted.trial.degrade(read, job.restored)
        except UsageError as error:
            return f"too_small: {error}"
    seen = to_unit(read if made is None else made.input)
    try:
        restored = to_pixels(restore(seen))
        shares = wanted.windows(seen) if wanted.windows is not None else None
    except TooLargeError as error:
        return f"too_large: {error}"
    if made is not None and wanted.trial is not None:
        scores = [wanted.trial.score(picture, made) for picture in (_before(seen, restored), restored)]
        outcome.gains += [(before, after) for before, after in [scores] if before is not None and after is not None]
    if wanted.compare:
        pictures = [_before(seen, restored), restored] + ([made.target] if made is not None else [])
        store.write(job.comparison, encode_png(side_by_side(pictures)))
    if shares is not None:
        store.write(job.windows, encode_png(draw_shares(to_pixels(seen), shares[..., 0])))
    store.write(job.restored, encode_png(restored))
    outcome.restored += 1
    return ""


def _before(seen: Picture, restored: Pixels) -> Pixels:
    """The input at the size of the restored picture."""
    return to_pixels(as_large(seen, restored))


def read_upright(path: Path) -> Pixels | Rejection:
    """The pixels of a file: sRGB, uint8, (H, W, 3), turned as its EXIF orientation says; or why there are none.

    Judged as in a dataset (docs/decoding.md). A file that cannot be read is rejected as `unreadable_file`.
    """
    settings, data = DecodeSettings(), file_bytes(path)
    if isinstance(data, Rejection):
        return data
    header = read_header(data, settings)
    if isinstance(header, Rejection):
        return header
    pixels = decode(data, header, settings)
    if isinstance(pixels, Rejection):
        return pixels
    return np.ascontiguousarray(transformed(pixels, UPRIGHT[header.orientation - 1]))


def summary(outcome: Outcome, place: str, variant: str) -> str:
    """What became of the pictures, in a line or two."""
    parts = [f"restored {outcome.restored:,} into {place} (variant {variant})"]
    if outcome.there_already:
        parts.append(f"{outcome.there_already:,} were there already (--overwrite restores them again)")
    if outcome.refused:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in outcome.refused.most_common())
        parts.append(f"{outcome.refused.total():,} refused: {reasons}")
    lines = ["; ".join(parts)]
    finite = [pair for pair in outcome.gains if all(map(math.isfinite, pair))]
    if finite:
        before, after = (math.fsum(values) / len(finite) for values in zip(*finite, strict=True))
        of = f"{outcome.metric}, mean of {len(finite):,} pictures"
        lines.append(f"PSNR before {before:.2f} dB, after {after:.2f} dB ({of})")
    return "\n".join(lines)


def printable(path: Path) -> str:
    """A path as text that any terminal takes; bytes that are no UTF-8 become replacement characters."""
    return os.fsencode(path).decode("utf-8", "replace")


def _is_within(out: str, folder: Path) -> bool:
    return "://" not in out and Path(out).expanduser().resolve().is_relative_to(folder.resolve())
