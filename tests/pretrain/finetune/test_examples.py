"""Examples: which of them serve, and those that are made when they are asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from pretrain.finetune.examples import Example, MadeExamples, examples_of, joined
from pretrain.finetune.pictures import DecodedPictures, FilePicture, survey
from tests.pretrain.picture_files import picture, write_picture


def test_small_pictures_and_unequal_pairs_are_no_examples(tmp_path: Path) -> None:
    def made(name: str, height: int, width: int) -> FilePicture:
        path = write_picture(tmp_path / name, picture(name, height, width))
        return survey([(name, path)], DecodedPictures(0))[0][path]

    big, small, other = made("big.png", 40, 60), made("small.png", 60, 24), made("other.png", 40, 61)
    fit, unfit = examples_of([Example(big), Example(small), Example(big, other), Example(big, big)], 32)
    assert fit == [Example(big), Example(big, big)]
    assert [(each.path.name, each.reason) for each in unfit] == [
        ("small.png", "smaller than the crop of 32 pixels"),
        ("other.png", "degraded and clean picture differ in size"),
    ]


def _numbered(*numbers: int) -> list[Example]:
    return [Example(FilePicture(f"{n}", Path(f"{n}"), n, n, n, False, DecodedPictures(0))) for n in numbers]


def test_examples_are_made_when_they_are_asked_for() -> None:
    asked: list[int] = []

    def make(number: int) -> Example:
        asked.append(number)
        return _numbered(number)[0]

    made = MadeExamples(5, make)
    assert len(made) == 5 and asked == []
    assert [made[3].key, made[-1].key] == ["3", "4"] and asked == [3, 4]
    assert [example.key for example in made[1:3]] == ["1", "2"]
    assert [example.key for example in made] == ["0", "1", "2", "3", "4"]
    for beyond in (5, -6):
        with pytest.raises(IndexError):
            made[beyond]


def test_two_sequences_follow_each_other() -> None:
    both = joined(_numbered(0, 1), MadeExamples(3, lambda number: _numbered(2 + number)[0]))
    assert [example.key for example in both] == ["0", "1", "2", "3", "4"]
    assert both[-1].key == "4" and len(both) == 5
