"""`million-ird annotate check PROJECT|FOLDER`: what is wrong with masks, for people and for continuous integration."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from million_ird.errors import UsageError

if TYPE_CHECKING:
    from annotation.check.finding import Subject
    from annotation.check.overrides import Overrides
    from annotation.check.run import Outcome
    from annotation.check.settings import CheckSettings


def main(argv: Sequence[str]) -> int:
    """Arguments in, a table out; 1 where something is wrong."""
    arguments = _parser().parse_args(argv)
    from annotation.check.overrides import OVERRIDES, Overrides
    from annotation.check.table import render

    if arguments.lines < 0:
        raise UsageError(f"--lines is at least 0, not {arguments.lines}")
    settings = _settings(arguments)
    with ExitStack() as stack:
        place = _Place(arguments, stack)
        overrides = Overrides(place.root / OVERRIDES)
        if arguments.accept:
            print(_accept(arguments, place, overrides, settings))
            return 0
        outcome = _checked(arguments, place, overrides, settings)
    if arguments.json:
        _print_json(outcome, settings)
    else:
        print(render(outcome, arguments.lines))
    if arguments.html is not None:
        _write_page(outcome, arguments.html)
    return 1 if outcome.has_failed(arguments.strict) else 0


class _Place:
    """A project or folders, by what stands there."""

    def __init__(self, arguments: argparse.Namespace, stack: ExitStack) -> None:
        from annotation.check.folders import find_folders
        from annotation.project import is_project, open_project

        self.root: Path = arguments.place
        self.everything: bool = arguments.all
        self.project = stack.enter_context(open_project(self.root)) if is_project(self.root) else None
        if self.project is not None and (arguments.images or arguments.sharp):
            raise UsageError("--images and --sharp are for folders; a project knows its pictures")
        self.folders = None if self.project else find_folders(self.root, arguments.images, arguments.sharp)

    def subjects(self, only: str | None = None) -> Iterator[Subject]:
        from annotation.check.folders import folder_subjects
        from annotation.check.projects import project_subjects

        if self.project is not None:
            return project_subjects(self.project, self.everything, only)
        assert self.folders is not None
        return folder_subjects(self.folders, only)

    def survey(self) -> tuple[int, dict[str, int]]:
        """Masks that are looked at, and what is not."""
        from annotation.check.folders import number_of_masks
        from annotation.check.projects import survey

        if self.project is not None:
            return survey(self.project, self.everything)
        assert self.folders is not None
        return number_of_masks(self.folders), {}


def _checked(arguments: argparse.Namespace, place: _Place, overrides: Overrides, settings: CheckSettings) -> Outcome:
    from dataclasses import replace

    from annotation.check.run import check
    from million_ird.progress import Progress

    number, left_out = place.survey()
    progress = Progress("check", number, unit="masks")
    outcome = check(
        str(place.root),
        place.subjects(),
        overrides,
        settings,
        pictures=not arguments.no_pictures,
        thumbnails=arguments.html is not None,
        progress=progress,
    )
    progress.close()
    return replace(outcome, left_out=left_out)


def _accept(arguments: argparse.Namespace, place: _Place, overrides: Overrides, settings: CheckSettings) -> str:
    from annotation.check.accepting import accept
    from annotation.check.overrides import check_rule

    if not arguments.reason.strip():
        raise UsageError('--accept needs --reason "why it is really so"')
    lines = []
    for text in arguments.accept:
        name, colon, rule = text.rpartition(":")
        if not colon or not name:
            raise UsageError(f"--accept {text}: expected NAME:RULE, such as street/00:holes")
        check_rule(rule)
        number = accept(name, rule, place.subjects(name), overrides, settings, arguments.reason, arguments.annotator)
        lines.append(
            f"{name}: {rule} accepted for {'this mask' if number == 1 else f'{number} masks'}, until it changes"
        )
    return "\n".join([*lines, f"written to {overrides.path}"])


def _settings(arguments: argparse.Namespace) -> CheckSettings:
    from annotation.check.settings import CheckSettings
    from million_ird.plain_values import apply_overrides
    from million_ird.settings import from_dict

    return from_dict(CheckSettings, apply_overrides({}, arguments.set))


def _print_json(outcome: Outcome, settings: CheckSettings) -> None:
    import json

    from annotation.check.table import values

    print(json.dumps(values(outcome, settings), ensure_ascii=False, indent=2))


def _write_page(outcome: Outcome, path: Path) -> None:
    from annotation.check.page import page
    from million_ird.report.document import write_document

    write_document(path, page(outcome))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="million-ird annotate check",
        description="Check masks: do they decode, are their values exactly 0 and 255, are they as large as their "
        "pictures, named like them, neither empty nor full nor inverted, without holes, specks, and outlines that "
        "show a resampling? docs/mask_quality.md says what each rule means.",
        epilog="exit codes: 0 no errors; 1 errors, or with --strict warnings; 2 usage",
    )
    parser.add_argument("place", type=Path, help="a project; or a folder of masks, or with masks and images in it")
    parser.add_argument("--all", action="store_true", help="of a project, all that was drawn, not only what is done")
    parser.add_argument("--images", type=Path, metavar="FOLDER", help="the pictures of a folder of masks")
    parser.add_argument("--sharp", type=Path, metavar="FOLDER", help="the sharp frames, where they are pairs")
    parser.add_argument("--no-pictures", action="store_true", help="do not decode pictures: quick, but no polarity")
    parser.add_argument("--strict", action="store_true", help="warnings fail, too")
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    parser.add_argument("--html", type=Path, metavar="FILE.html", help="write a page with the offenders' pictures")
    parser.add_argument("--lines", type=int, default=50, metavar="N", help="most findings printed (default: 50)")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="another threshold")
    parser.add_argument(
        "--accept", action="append", default=[], metavar="NAME:RULE", help="a finding that is really so; with --reason"
    )
    parser.add_argument("--reason", default="", help="why, in a few words")
    parser.add_argument("--annotator", default="", metavar="NAME", help="who accepts it")
    return parser
