"""What the results of restoring are called: as the pictures are, and no two alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from million_ird.errors import UsageError


@dataclass(frozen=True)
class Job:
    """One picture to restore. Names of outputs are relative to the place they go to."""

    source: Path
    restored: str
    comparison: str
    windows: str

    @property
    def names(self) -> tuple[str, str, str]:
        """All that may be made of the picture."""
        return self.restored, self.comparison, self.windows


def job_of(source: Path, base: str, restored: str) -> Job:
    """The job of a picture whose result is `restored`, and all else named after `base`."""
    return Job(source, restored, f"{base}.compared.png", f"{base}.windows.png")


def plan_names(root: Path, files: Sequence[Path]) -> list[Job]:
    """A job for each file, named after its path below `root`: without its suffix, or with it where outputs of two
    files would have one name otherwise (`a.jpg`, `a.bmp`; `a.jpg`, `a.compared.jpg`) or one is a folder of another's.

    Raises:
        UsageError: two would have one name all the same.
    """
    keep_suffix: set[Path] = set()
    while True:
        jobs = [_named(path, path.relative_to(root), path in keep_suffix) for path in files]
        clashing = _clashing(jobs, str.casefold)  # some file systems do not tell A from a
        if clashing.keys() <= keep_suffix:
            break
        keep_suffix |= clashing.keys()
    for source, name in _clashing(jobs, str).items():
        raise UsageError(f"{source}: another result is to be called {name}, too, or to lie in it: rename one of them")
    return jobs


def _named(source: Path, below: Path, keeps_suffix: bool) -> Job:
    base = (below if keeps_suffix else below.with_suffix("")).as_posix()
    return job_of(source, base, f"{base}.png")


def _clashing(jobs: Sequence[Job], spelt: Callable[[str], str]) -> dict[Path, str]:
    """Pictures with an output whose name, as the file system spells it, is that of another output or of a folder."""
    names = Counter(spelt(name) for job in jobs for name in job.names)
    folders = {spelt(str(folder)) for job in jobs for folder in PurePosixPath(job.restored).parents}
    return {job.source: name for job in jobs for name in job.names if names[spelt(name)] > 1 or spelt(name) in folders}
