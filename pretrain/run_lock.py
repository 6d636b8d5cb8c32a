"""One run at a time in a run folder."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from million_ird.errors import LeaseError, StoreError
from million_ird.store import explained

_NAME = ".lock"


@contextmanager
def run_lock(folder: Path, say: Callable[[str], None] = print) -> Iterator[None]:
    """Holds the run folder (made where it is absent) while the block runs; gone with the process, however that ends.

    A record lock (`lockf`), not `flock`: a data worker that outlives its killed parent for a moment would inherit the
    latter, and keep a resumed run out.

    Raises:
        LeaseError: another process holds it; the text names it.
        StoreError: the folder cannot be written.
    """
    with _opened(folder) as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError) as error:  # POSIX allows either
            file.seek(0)
            holder = file.read().strip() or "a process that does not say which"
            raise LeaseError(f"another run is writing to {folder} ({holder}); wait for it, or stop it") from error
        except OSError as error:
            if error.errno not in (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP):
                raise
            say(f"{folder} lies on a file system without locks: see to it yourself that only one run writes there")
        with explained("write", str(folder)):
            file.truncate(0)
            file.write(f"process {os.getpid()} on {socket.gethostname()}")
            file.flush()
        yield


def _opened(folder: Path) -> TextIO:
    try:
        with explained("write", str(folder)):
            folder.mkdir(parents=True, exist_ok=True)
            return (folder / _NAME).open("a+")
    except FileExistsError as error:
        raise StoreError(f"cannot write {folder}: it is a file, not a folder; choose another --out") from error
