"""`million-ird sheet`, from the command line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from million_ird import Dataset
from million_ird.cli import main


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def _sheet(built: Dataset, out: Path, *arguments: str) -> int:
    return main(["sheet", built.url, "--out", str(out), "--set", "stream.crop=64", *arguments])


def test_a_sheet_is_written(built: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _sheet(built, tmp_path / "sheet.png", "--rows", "2", "--set", "mask.fill=black") == 0
    assert capsys.readouterr().out.startswith("2 samples of ")
    with Image.open(tmp_path / "sheet.png") as opened:
        sheet = np.asarray(opened)
    assert sheet.shape[1] == 3 * 128 + 4 * 12
    black = (sheet == 0).all(axis=2)
    assert 4 * 256 * 2 <= black[:, -140:-12].sum() < 8 * 1024 * 2  # 4 or 5 of 16 cells of 32² in each of two


def test_the_seed_chooses_the_samples(built: Dataset, tmp_path: Path) -> None:
    files = [tmp_path / f"{number}.png" for number in range(3)]
    for file, seed in zip(files, ("1", "1", "2"), strict=True):
        assert _sheet(built, file, "--rows", "1", "--seed", seed) == 0
    first, again, other = (file.read_bytes() for file in files)
    assert first == again != other


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--rows", "0"], "--rows must be 1 to 100"),
        (["--set", "mask.fill=blak"], "did you mean 'black'"),
        (["--set", "mask.cell=24"], "a crop of 64 pixels is no whole number of cells of mask.cell = 24"),
        (["--recipe", "no-such-recipe"], "there is no recipe no-such-recipe"),
        (["--out", "/no/such/folder/sheet.png"], "--out /no/such/folder/sheet.png: No such file"),
    ],
)
def test_mistakes_end_in_one_line(
    arguments: list[str], message: str, built: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _sheet(built, tmp_path / "sheet.png", *arguments) == 2
    printed = capsys.readouterr().err
    assert message in printed and printed.startswith("million-ird sheet: ") and printed.count("\n") == 1
    assert not (tmp_path / "sheet.png").exists()


def test_no_dataset_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sheet", str(tmp_path), "--out", str(tmp_path / "sheet.png")]) == 1
    assert "neither dataset.json nor a tar" in capsys.readouterr().err
