"""The one door to where a dataset lives: a folder, or any fsspec URL.

Two promises hold on every kind of store. A file appears whole or not at all; and of many attempts to `create` one name
exactly one wins. Locally both come from writing beside and renaming or hard-linking; on object stores from a single
PUT, conditional for `create`.
"""

from __future__ import annotations

import errno
import os
import shutil
import socket
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

import fsspec
from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

from million_ird.errors import StoreError

PART = ".part"
"""Folder at the root of a local dataset where files are written before they are moved into place."""

_ADVICE = {
    errno.ENOSPC: "the disk is full: free some space and run the same command again, finished units are kept",
    errno.EDQUOT: "the disk quota is used up: free some space and run the same command again, finished units are kept",
    errno.ENOTDIR: "a part of that path is a file, not a folder, or a link that leads nowhere",
    errno.EROFS: "the file system is read-only: choose another --out",
    errno.EACCES: "no permission to write there: change the folder's permissions or choose another --out",
    errno.EPERM: "no permission to write there: change the folder's permissions or choose another --out",
}


@contextmanager
def explained(action: str, place: str) -> Iterator[None]:
    """Turns an operating-system error inside the block into a `StoreError` that says what to do.

    A missing file stays `FileNotFoundError` and a lost race `FileExistsError`: callers decide what those mean.
    """
    try:
        yield
    except (FileNotFoundError, FileExistsError):
        raise
    except OSError as error:
        advice = _ADVICE.get(error.errno or 0, error.strerror or str(error) or type(error).__name__)
        raise StoreError(f"cannot {action} {place}: {advice}") from error


class Store:
    """A dataset's root. Names are relative, with `/`; every method may raise `StoreError`."""

    def __init__(self, url: str) -> None:
        if not url:
            raise StoreError("an empty text is given where the place of a dataset should be")
        text = url.rstrip("/")
        try:
            text.encode()
            # A cached listing would hide what other workers have written since.
            fs, root = url_to_fs(text, use_listings_cache=False) if "://" in text else _local(url)
        except UnicodeEncodeError as error:
            raise StoreError(f"cannot open {url!a}: a dataset's place needs a name in UTF-8; rename it") from error
        except (ImportError, ValueError, RuntimeError) as error:  # RuntimeError: ~ of nobody that is known here
            raise StoreError(f"cannot open {url}: {error}") from error
        self.fs = fs
        self.root = str(root).rstrip("/")
        self.is_local = "file" in (fs.protocol if isinstance(fs.protocol, tuple) else (fs.protocol,))
        self.url = self.root if self.is_local else text

    def __reduce__(self) -> tuple[type[Store], tuple[str]]:
        return Store, (self.url,)

    def path(self, name: str) -> str:
        """The name as this store's file system spells it."""
        return f"{self.root}/{name}" if name else self.root

    def exists(self, name: str) -> bool:
        with explained("look for", self.path(name)):
            return bool(self.fs.exists(self.path(name)))

    def read(self, name: str) -> bytes:
        """All bytes of a file; `FileNotFoundError` if there is none."""
        with explained("read", self.path(name)):
            return cast(bytes, self.fs.cat_file(self.path(name)))

    def read_range(self, name: str, offset: int, size: int) -> bytes:
        """`size` bytes from `offset`, one range request; fewer where the file ends before."""
        with explained("read", self.path(name)):
            return cast(bytes, self.fs.cat_file(self.path(name), start=offset, end=offset + size))

    def open(self, name: str) -> BinaryIO:
        """The file opened for reading, seekable."""
        with explained("read", self.path(name)):
            return cast(BinaryIO, self.fs.open(self.path(name), "rb"))

    def size(self, name: str) -> int:
        with explained("look at", self.path(name)):
            return int(self.fs.info(self.path(name))["size"])

    def list(self, folder: str) -> list[str]:
        """Names (relative to the root) of the files below `folder`, sorted; none if there is no such folder."""
        with explained("list", self.path(folder)):
            try:
                found: list[str] = self.fs.find(self.path(folder))
            except FileNotFoundError:
                return []
        prefix = self.root + "/"
        return sorted(str(path)[len(prefix) :] for path in found)

    def remove(self, name: str) -> None:
        """Removes a file; one that is gone already is no error."""
        with explained("remove", self.path(name)):
            try:
                self.fs.rm_file(self.path(name))
            except FileNotFoundError:
                return

    def write(self, name: str, data: bytes) -> None:
        """Writes or replaces a file at once."""
        if not self.is_local:
            with explained("write", self.path(name)):
                self.fs.pipe_file(self.path(name), data)
            return
        with self._part(name, data) as part:
            part.replace(self.path(name))

    def create(self, name: str, data: bytes) -> bool:
        """Writes a file if there is none of that name. True for the one attempt that wins, else False."""
        try:
            if not self.is_local:
                with explained("write", self.path(name)):
                    self.fs.pipe_file(self.path(name), data, mode="create")
                return True
            with self._part(name, data) as part:
                _link(part, Path(self.path(name)))
            return True
        except FileExistsError:
            return False

    def put_file(self, local: Path, name: str) -> None:
        """Moves a finished local file to `name`, replacing what is there (which, by the naming rules, is the same)."""
        with explained("write", self.path(name)):
            if not self.is_local:
                self.fs.put_file(str(local), self.path(name))
                local.unlink()
                return
            target = Path(self.path(name))
            _make_folder(target.parent)
            _sync(local)
            try:
                local.replace(target)
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
                shutil.copyfile(local, target.with_name(f".{target.name}.part"))  # a spool on another disk
                target.with_name(f".{target.name}.part").replace(target)
                local.unlink()

    @contextmanager
    def spool(self) -> Iterator[Path]:
        """A local scratch folder for one attempt, on the dataset's own disk where that is local; removed afterwards.

        Folders of attempts that were killed on this machine are removed on the way.
        """
        parent = Path(self.root) / PART if self.is_local else Path(tempfile.gettempdir()) / "million-ird-spool"
        with explained("write", str(parent)):
            _make_folder(parent)
            _sweep(parent)
            folder = parent / f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
            folder.mkdir()
        try:
            with explained("write", str(folder)):
                yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def sweep(self) -> None:
        """Removes scratch folders whose process on this machine is dead, and the scratch root if that empties it."""
        if self.is_local and (parent := Path(self.root) / PART).is_dir():
            with explained("clean", str(parent)):
                _sweep(parent)
                if not any(parent.iterdir()):
                    parent.rmdir()

    @contextmanager
    def _part(self, name: str, data: bytes) -> Iterator[Path]:
        target = Path(self.path(name))
        with explained("write", str(target)):
            _make_folder(target.parent)
            with self.spool() as folder:
                part = folder / "part"
                part.write_bytes(data)
                _sync(part)
                yield part

    def arrow_filesystem(self) -> Any:
        """What pyarrow needs to read this store's files by `path(name)`."""
        import pyarrow.fs

        if self.is_local:
            return pyarrow.fs.LocalFileSystem()
        return pyarrow.fs.PyFileSystem(pyarrow.fs.FSSpecHandler(self.fs))


def _local(path: str) -> tuple[LocalFileSystem, str]:
    """Every character of a local path is itself: for fsspec, `::` would join two file systems."""
    return LocalFileSystem(), str(Path(path).expanduser().absolute())


def open_url(url: str) -> BinaryIO:
    """A file of any fsspec URL or local path, opened for reading."""
    with explained("read", url):
        return cast(BinaryIO, fsspec.open(url, "rb").open())


def _link(part: Path, target: Path) -> None:
    """Gives a finished file its name, failing if the name is taken. Some file systems have no hard links."""
    try:
        os.link(part, target)
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.EXDEV):
            raise
        with target.open("xb") as file:
            file.write(part.read_bytes())


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:  # not the race that `create` may lose
        raise OSError(errno.ENOTDIR, f"{folder} is a file") from error
    except FileNotFoundError as error:  # not a file that is missing: /proc and its like make no folders
        raise StoreError(f"cannot make the folder {folder}: choose another place") from error


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _sweep(parent: Path) -> None:
    for folder in parent.iterdir():
        host, _, rest = folder.name.rpartition("-")[0].rpartition("-")
        if host == socket.gethostname() and rest.isdigit() and not _alive(int(rest)):
            shutil.rmtree(folder, ignore_errors=True)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
