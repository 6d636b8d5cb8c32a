"""Names of results: one each, whatever the pictures are called."""

from __future__ import annotations

from pathlib import Path

import pytest

from million_ird.errors import UsageError
from pretrain.restore_names import plan_names


def restored(*names: str) -> list[str]:
    jobs = plan_names(Path("in"), [Path("in", name) for name in names])
    every = [name for job in jobs for name in job.names]
    assert len({name.casefold() for name in every}) == len(every)
    return [job.restored for job in jobs]


def test_suffixes_go_where_names_are_told_apart_without_them() -> None:
    assert restored("b.jpg", "sub/a.bmp") == ["b.png", "sub/a.png"]
    assert restored("a.jpg", "A.bmp", "b.jpg") == ["a.jpg.png", "A.bmp.png", "b.png"]


def test_what_was_named_with_its_suffix_takes_nobody_elses_name() -> None:
    assert restored("a.jpg", "a.png", "a.jpg.png") == ["a.jpg.png", "a.png.png", "a.jpg.png.png"]
    assert restored("a.jpg", "a.bmp", "a.jpg.jpg", "a.jpg.jpg.jpg") == [
        *("a.jpg.png", "a.bmp.png", "a.jpg.jpg.png", "a.jpg.jpg.jpg.png")
    ]


@pytest.mark.parametrize("kind", ["compared", "windows"])
def test_a_comparison_is_not_taken_for_a_result(kind: str) -> None:
    assert restored("x.png", f"x.{kind}.jpg") == ["x.png.png", f"x.{kind}.jpg.png"]


def test_a_result_is_no_folder_of_others() -> None:
    assert restored("a.jpg", "a.png/b.jpg") == ["a.jpg.png", "a.png/b.png"]
    with pytest.raises(UsageError, match=r"in/a.jpg: another result is to be called a.jpg.png, too, or to lie in it"):
        restored("a.jpg", "a.png/b.jpg", "a.jpg.png/b.jpg")


def test_names_that_differ_in_case_alone_are_left_to_the_file_system() -> None:
    jobs = plan_names(Path("in"), [Path("in/a.png"), Path("in/A.png")])
    assert [job.restored for job in jobs] == ["a.png.png", "A.png.png"]
