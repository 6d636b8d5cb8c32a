"""A folder of pictures: single frames, or pairs by their names' endings or by a second folder."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from annotation.sources.names import item_names
from annotation.sources.source import Candidate
from annotation.store import Refused
from million_ird.errors import UsageError
from million_ird.manifest.folder import read_folder
from million_ird.manifest.local import read_local
from million_ird.manifest.settings import ManifestSettings
from million_ird.records import Rejection

_ROLE = re.compile(r"(?P<stem>.+)_(?P<role>blur|blurred|sharp)", re.IGNORECASE)


class FolderSource:
    """Every file below a folder whose name may be a picture's; hidden ones are not looked at.

    `a_blur.png` and `a_sharp.png` side by side are one pair, called `a`. With a second folder, the picture at the
    same relative path there (suffix and ending aside) is the sharp frame.
    """

    kind = "folder"

    def __init__(self, place: str, sharp: str = "") -> None:
        """Two absolute paths; `sharp` is the folder of sharp frames, "" where pairs are told by name."""
        self.place = place
        self.options = {"sharp": sharp} if sharp else {}

    @classmethod
    def at(cls, place: str, sharp: str = "") -> FolderSource:
        """The folder that a person named.

        Raises:
            UsageError: there is no such folder, or one lies in the other.
        """
        source = cls(folder_at(place), folder_at(sharp) if sharp else "")
        if sharp and (_within(source.place, sharp) or _within(sharp, source.place)):
            raise UsageError(f"the sharp frames' folder {sharp} and {place} lie in each other: name two side by side")
        return source

    def candidates(self) -> Iterator[Candidate | Refused]:
        files = files_below(self.place)
        yield from (_in_two(files, files_below(self.options["sharp"])) if self.options else by_ending(files))

    def read(self, where: str, is_sharp: bool = False) -> bytes | Rejection:
        root = self.options.get("sharp", self.place) if is_sharp else self.place
        return read_file(root, where)


def read_file(root: str, where: str) -> bytes | Rejection:
    """The bytes of a file below a folder; a path that leaves it is rejected."""
    return read_local({"source_root": root, "url": where, "manifest_sha256": ""})


def by_ending(files: Iterable[str | Refused]) -> Iterator[Candidate | Refused]:
    """Pairs and single frames among relative paths; a sharp frame without a blurred one is refused."""
    names: list[str] = []
    for file in files:
        if isinstance(file, Refused):
            yield file
        else:
            names.append(file)
    sharp: dict[str, list[str]] = {}
    for name in names:
        if (role := _role(name)) is not None and role[1] == "sharp":
            sharp.setdefault(role[0], []).append(name)
    used: set[str] = set()
    for name in names:
        role = _role(name)
        if role is None:
            yield Candidate(*item_names(name), name)
        elif role[1] != "sharp":
            partner = _best(sharp.get(role[0], []), name)
            used.update([partner] if partner else [])
            yield Candidate(*item_names(name, role[0].rpartition("/")[2]), name, partner)
    for name in (name for found in sharp.values() for name in found if name not in used):
        yield Refused(name, "no_blurred_frame", "a sharp frame without the blurred one of the same name")


def _in_two(blurred: Iterable[str | Refused], sharp: Iterable[str | Refused]) -> Iterator[Candidate | Refused]:
    partners: dict[str, list[str]] = {}
    for file in sharp:
        if isinstance(file, Refused):
            yield Refused(f"sharp: {file.place}", file.reason, file.detail)
        else:
            partners.setdefault(_common(file), []).append(file)
    used: set[str] = set()
    for file in blurred:
        if isinstance(file, Refused):
            yield file
            continue
        partner = _best(partners.get(_common(file), []), file)
        if partner is None:
            yield Refused(file, "no_sharp_frame", "no file of that name in the folder of sharp frames")
            continue
        used.add(partner)
        yield Candidate(*item_names(file, _common(file).rpartition("/")[2]), file, partner)
    for file in (name for found in partners.values() for name in found if name not in used):
        yield Refused(f"sharp: {file}", "no_blurred_frame", "no file of that name in the folder of blurred frames")


def files_below(root: str) -> Iterator[str | Refused]:
    """Relative paths of the files below a folder that may be pictures, in a fixed order; the others as refused."""
    for block in read_folder(root, ManifestSettings(path=root)):
        yield from (Refused(bad.url, bad.reason, bad.detail) for bad in block.bad)
        yield from block.urls or ()


def _role(path: str) -> tuple[str, str] | None:
    """(path without ending and suffix, `blur` or `sharp`) of a file that is called so; None for others."""
    folder, slash, file = path.rpartition("/")
    match = _ROLE.fullmatch(_stem(file))
    return (folder + slash + match["stem"], "sharp" if match["role"].lower() == "sharp" else "blur") if match else None


def _common(path: str) -> str:
    """What a blurred and a sharp frame's relative paths have in common."""
    folder, slash, file = path.rpartition("/")
    role = _role(path)
    return role[0] if role else folder + slash + _stem(file)


def _stem(file: str) -> str:
    return file.rpartition(".")[0] or file


def _best(partners: list[str], name: str) -> str | None:
    """Of several sharp frames the one with the same suffix, else the first."""
    same = [partner for partner in partners if partner.rpartition(".")[2] == name.rpartition(".")[2]]
    return next(iter(same or partners), None)


def folder_at(place: str) -> str:
    """The absolute path of a folder that a person named; UsageError if there is none."""
    path = Path(place).expanduser().absolute()
    if not path.is_dir():
        raise UsageError(f"there is no folder {place}")
    return str(path)


def _within(inner: str, outer: str) -> bool:
    return Path(inner).expanduser().resolve().is_relative_to(Path(outer).expanduser().resolve())
