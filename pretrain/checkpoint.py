"""Checkpoints of a run: whole or not there at all, each file with its checksum, the last few and the best one kept.

    DIR/checkpoints/
      step-00001000/
        model.safetensors    weights, loadable by any safetensors reader; metadata says of what model and data
        ema.safetensors      their moving average, where the recipe keeps one
        state.safetensors    optimiser and random generators
        checkpoint.json      step, position in the stream, counters, checksums of the files above; written last
      best.json              which of them validated best

A checkpoint is written to a hidden folder, flushed to the disk, and renamed. Whoever reads one trusts nothing without
its checksum, and goes back to the one before where a newer one is damaged.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import safetensors
from blake3 import blake3
from torch import Tensor

from million_ird.errors import DatasetError, StoreError
from million_ird.shards import file_checksum
from million_ird.store import explained
from pretrain.weights import TREE, flatten, read_safetensors, safetensors_bytes, unflatten

FOLDER = "checkpoints"
MODEL, EMA, STATE, MANIFEST, BEST = (
    "model.safetensors",
    "ema.safetensors",
    "state.safetensors",
    "checkpoint.json",
    "best.json",
)
FORMAT = 1
"""Version of the layout above; a reader refuses a higher one."""

_PREFIX = "step-"
_UNFINISHED, _DOOMED = ".writing-", ".removing-"


@dataclass(frozen=True)
class CheckpointSettings:
    """How often a run is saved, and how much of its past is kept."""

    every: int = 2000
    """Steps between two checkpoints (ours: about three minutes of the paper's recipe on one H100). One is also written
    at the last step and when the run is told to stop."""

    keep: int = 3
    """How many of the newest are kept, the best one excepted, which always is (ours)."""

    def __post_init__(self) -> None:
        for name in ("every", "keep"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: got {getattr(self, name)}, expected 1 or more")


@dataclass(frozen=True)
class Checkpoint:
    """Everything that a run needs to go on as if nothing had happened."""

    step: int
    """Optimiser updates done."""
    position: int
    """The next sample of the endless sequence."""
    model: Mapping[str, Tensor]
    """The model's `state_dict()`."""
    optimiser: Mapping[str, Any]
    """The optimiser's `state_dict()`."""
    metadata: Mapping[str, str]
    """Written into model and EMA: architecture, variants, recipe, dataset fingerprint, licences."""
    ema: Mapping[str, Tensor] | None = None
    """The moving average of the model's parameters, under the same names."""
    rng: Mapping[str, Any] = field(default_factory=dict)
    """States of random generators, as tensors or plain values."""
    best: float | None = None
    """Highest mean validation PSNR so far, in dB."""
    counters: Mapping[str, Any] = field(default_factory=dict)
    """Plain values that go on counting: updates and seconds per variant, substituted samples …"""


class Checkpoints:
    """The checkpoints of one run folder.

    Args:
        folder: the run folder; checkpoints lie below `checkpoints/`.
        settings: how many to keep.
        say: told in one line whatever a person should know (a damaged checkpoint that was passed over).
    """

    def __init__(self, folder: Path, settings: CheckpointSettings, say: Callable[[str], None] = print) -> None:
        self.folder = folder / FOLDER
        self._settings, self._say = settings, say
        self._damaged: set[int] = set()
        self._sound: set[int] = set()

    def steps(self) -> list[int]:
        """Steps of the checkpoints there are, oldest first; some of them may be damaged."""
        with explained("list", str(self.folder)):
            names = [path.name for path in self.folder.glob(f"{_PREFIX}*")] if self.folder.is_dir() else []
        return sorted(int(name.removeprefix(_PREFIX)) for name in names if name.removeprefix(_PREFIX).isdigit())

    def path(self, step: int) -> Path:
        """The folder of the checkpoint of that step."""
        return self.folder / f"{_PREFIX}{step:08d}"

    def newest(self) -> Checkpoint | None:
        """The newest checkpoint that is whole; None if the run has none.

        Raises:
            DatasetError: there are some, and none of them can be used.
            StoreError: a file may not be read.
        """
        steps = self.steps()
        reason = ""
        for step in reversed(steps):
            try:
                checkpoint = read_checkpoint(self.path(step))
            except DatasetError as error:
                reason = reason or str(error)
                self._damaged.add(step)
                self._say(f"{error}; trying the one before")
                continue
            self._sound.add(step)
            return checkpoint
        if steps:
            raise DatasetError(
                f"no checkpoint below {self.folder} can be used (the newest: {reason}): "
                "give another --out to begin anew, or put a copy of a checkpoint back"
            )
        return None

    def save(self, checkpoint: Checkpoint, best: bool) -> Path:
        """Writes a checkpoint, then removes the ones that are no longer kept; returns its folder.

        One that is there already, whole, stays as it is.

        Args:
            checkpoint: what to keep.
            best: whether it validated better than all before.

        Raises:
            StoreError: it cannot be written. The ones before are as they were.
        """
        target = self.path(checkpoint.step)
        try:
            with explained("save", str(target)):
                self.folder.mkdir(parents=True, exist_ok=True)
                if not self._is_whole(checkpoint.step, best):
                    self._write(checkpoint, best, target)
                self._prune(checkpoint.step)
                self._point_to_best()
        except StoreError as error:
            cause = error.__cause__
            if isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT):
                raise StoreError(self._full(checkpoint.step)) from cause
            raise
        return target

    def best(self) -> Path | None:
        """The folder of the checkpoint that validated best; None before the first validation."""
        step = self._best_step()
        return None if step is None else self.path(step)

    def _is_whole(self, step: int, best: bool) -> bool:
        """Whether the checkpoint of that step is there, as good as a new one."""
        if step not in self.steps():
            return False
        try:
            manifest = _manifest(self.path(step)) if step in self._sound else _verify(self.path(step))
        except DatasetError:
            return False
        self._sound.add(step)
        return bool(manifest["is_best"]) or not best

    def _write(self, checkpoint: Checkpoint, best: bool, target: Path) -> None:
        part = self.folder / f"{_UNFINISHED}{checkpoint.step:08d}"
        _remove(part)
        part.mkdir()
        try:
            files = [_write_file(part / name, pieces) for name, pieces in _files(checkpoint)]
            manifest = {
                "format": FORMAT,
                "step": checkpoint.step,
                "position": checkpoint.position,
                "best_so_far": checkpoint.best,
                "is_best": best,
                "counters": dict(checkpoint.counters),
                "files": files,
            }
            _write_file(part / MANIFEST, [(json.dumps(manifest, indent=1) + "\n").encode()])
            _sync_folder(part)
        except OSError:
            _remove(part)  # a full disk should not be left fuller
            raise
        if target.exists():  # damaged, or not marked as the best
            self._discard(target)
        part.rename(target)
        _sync_folder(self.folder)
        self._sound.add(checkpoint.step)
        self._damaged.discard(checkpoint.step)

    def _point_to_best(self) -> None:
        """Writes `best.json`, for people and other programs, where it does not say so already."""
        step = self._best_step()
        if step is None:
            return
        score = _manifest(self.path(step))["best_so_far"]
        content = {"step": step, "folder": self.path(step).name, "validation_psnr_db": score}
        data = (json.dumps(content, indent=1) + "\n").encode()
        if not (self.folder / BEST).exists() or (self.folder / BEST).read_bytes() != data:
            part = self.folder / f"{_UNFINISHED}{BEST}"
            _write_file(part, [data])
            part.replace(self.folder / BEST)
            _sync_folder(self.folder)

    def _best_step(self) -> int | None:
        """By the manifests: they are written with the checkpoint, `best.json` only after it."""
        for step in reversed(self.steps()):
            try:
                if _manifest(self.path(step))["is_best"]:
                    return step
            except DatasetError:
                continue
        return None

    def _prune(self, newest: int) -> None:
        """Removes what is not kept: older ones, damaged ones, and later ones that the run has gone back before."""
        usable = [step for step in self.steps() if step <= newest and step not in self._damaged]
        kept = {*usable[-self._settings.keep :], self._best_step()}
        for step in self.steps():
            if step not in kept:
                self._discard(self.path(step))
        for leftover in (*self.folder.glob(f"{_UNFINISHED}*"), *self.folder.glob(f"{_DOOMED}*")):
            _remove(leftover)

    def _discard(self, path: Path) -> None:
        """Takes the name away first, so that a half-removed folder is never seen under it."""
        doomed = path.with_name(f"{_DOOMED}{path.name}")
        _remove(doomed)
        path.rename(doomed)
        _remove(doomed)
        self._sound.discard(int(path.name.removeprefix(_PREFIX)))

    def _full(self, step: int) -> str:
        before = [other for other in self.steps() if other != step and other not in self._damaged]
        kept = f"the checkpoint of step {before[-1]} is untouched" if before else "there is none before it"
        return (
            f"cannot save step {step} in {self.folder}: the disk is full; {kept}. "
            "Free some space and run the same command with --resume"
        )


def read_checkpoint(path: Path) -> Checkpoint:
    """One checkpoint folder, every checksum verified, tensors on the CPU.

    Raises:
        DatasetError: it is damaged, unfinished or of a newer format; the text names the folder and what is wrong.
        StoreError: a file may not be read.
    """
    manifest = _verify(path)
    names = {file["name"] for file in manifest["files"]}
    try:
        with explained("read", str(path)):
            model, metadata = read_safetensors(path / MODEL)
            ema = read_safetensors(path / EMA)[0] if EMA in names else None
            tensors, state_metadata = read_safetensors(path / STATE)
        state = unflatten(tensors, state_metadata[TREE])
        return Checkpoint(
            step=manifest["step"],
            position=manifest["position"],
            model=model,
            optimiser=state["optimiser"],
            metadata=metadata,
            ema=ema,
            rng=state["rng"],
            best=manifest["best_so_far"],
            counters=manifest["counters"],
        )
    except (KeyError, TypeError, ValueError, FileNotFoundError, safetensors.SafetensorError) as error:
        raise DatasetError(f"the checkpoint {path} is damaged ({error})") from error


def _files(checkpoint: Checkpoint) -> Iterable[tuple[str, tuple[bytes, memoryview]]]:
    yield MODEL, safetensors_bytes(checkpoint.model, checkpoint.metadata)
    if checkpoint.ema is not None:
        yield EMA, safetensors_bytes(checkpoint.ema, checkpoint.metadata)
    tensors, tree = flatten({"optimiser": checkpoint.optimiser, "rng": checkpoint.rng})
    yield STATE, safetensors_bytes(tensors, {TREE: tree})


@dataclass(frozen=True)
class _File:
    """One line of the manifest; the checksum is BLAKE3-128."""

    name: str
    nbytes: int
    checksum: str


def _write_file(path: Path, pieces: Iterable[bytes | memoryview]) -> dict[str, Any]:
    """Writes a file and flushes it to the disk; returns its line of the manifest."""
    hasher = blake3()
    with path.open("wb") as file:
        for piece in pieces:
            file.write(piece)
            hasher.update(piece)
        file.flush()
        os.fsync(file.fileno())
        size = file.tell()
    return asdict(_File(path.name, size, hasher.hexdigest(16)))


def _manifest(path: Path) -> dict[str, Any]:
    try:
        with explained("read", str(path / MANIFEST)):
            manifest: dict[str, Any] = json.loads((path / MANIFEST).read_bytes())
        if manifest["format"] > FORMAT:
            raise DatasetError(
                f"the checkpoint {path} has format {manifest['format']}, this version reads up to {FORMAT}: "
                "use a newer million-ird"
            )
        if missing := {"step", "position", "best_so_far", "is_best", "counters", "files"} - manifest.keys():
            raise DatasetError(f"the checkpoint {path} is damaged ({MANIFEST} says nothing of {', '.join(missing)})")
        return manifest
    except FileNotFoundError as error:
        raise DatasetError(f"the checkpoint {path} is unfinished (no {MANIFEST})") from error
    except (ValueError, KeyError, TypeError) as error:
        raise DatasetError(f"the checkpoint {path} is damaged ({MANIFEST} cannot be read)") from error


def _verify(path: Path) -> dict[str, Any]:
    """The manifest, once every file that it names is there as it was written."""
    manifest = _manifest(path)
    try:
        for entry in manifest["files"]:
            _verify_file(path, _File(**entry))
    except TypeError as error:
        raise DatasetError(f"the checkpoint {path} is damaged ({MANIFEST} cannot be read)") from error
    return manifest


def _verify_file(folder: Path, wanted: _File) -> None:
    path = folder / wanted.name
    try:
        with explained("read", str(path)):
            size = path.stat().st_size
            checksum = file_checksum(path) if size == wanted.nbytes else ""
    except FileNotFoundError as error:
        raise DatasetError(f"the checkpoint {folder} is damaged ({wanted.name} is missing)") from error
    except StoreError as error:
        if isinstance(error.__cause__, OSError) and error.__cause__.errno == errno.EIO:  # the disk has lost a sector
            raise DatasetError(f"the checkpoint {folder} is damaged ({wanted.name} cannot be read)") from error
        raise
    if size != wanted.nbytes:
        raise DatasetError(f"the checkpoint {folder} is damaged ({wanted.name} has {size} bytes, not {wanted.nbytes})")
    if checksum != wanted.checksum:
        raise DatasetError(f"the checkpoint {folder} is damaged (the checksum of {wanted.name} differs)")


def _sync_folder(path: Path) -> None:
    """Flushes names, not only contents: without it a power cut may undo a rename."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
