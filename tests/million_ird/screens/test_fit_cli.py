from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from million_ird.errors import UsageError
from million_ird.screens import NiqeModel
from million_ird.screens.fit_cli import main


@pytest.fixture
def folder(tmp_path: Path, make_jpeg: Callable[..., bytes]) -> Path:
    """Two textured pictures, one of them in a folder of its own, and a text file."""
    path = tmp_path / "photographs"
    (path / "more").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name in ("one.jpg", "more/two.jpg"):
        pixels = cv2.GaussianBlur(rng.integers(0, 256, (800, 900, 3), np.uint8), (0, 0), 0.7)
        (path / name).write_bytes(make_jpeg(pixels, quality=98))
    (path / "notes.txt").write_text("not a picture", "utf-8")
    return path


def test_fits_a_folder_and_says_what_it_left_out(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "model.npz"
    assert main([str(folder), "--out", str(out), "--about", "two textures"]) == 0
    said = capsys.readouterr()
    assert "fitted on 2 photographs" in said.out
    assert "notes.txt" in said.err
    assert NiqeModel.load(out).about == "two textures"
    first = out.read_bytes()
    assert main([str(folder), "--out", str(out), "--about", "two textures"]) == 0
    assert out.read_bytes() == first


def test_long_side_shrinks(folder: Path, tmp_path: Path) -> None:
    models = []
    for sides in (["0"], ["0", "900"], ["450", "0"]):
        out = tmp_path / f"{len(models)}.npz"
        main([str(folder), "--out", str(out), "--long-side", *sides])
        models.append(NiqeModel.load(out))
    assert np.array_equal(models[0].mean, models[1].mean)  # factor 1 twice counts once
    assert not np.allclose(models[0].mean, models[2].mean)


def test_what_cannot_be_fitted(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UsageError, match="is no folder"):
        main([str(tmp_path / "nowhere"), "--out", "x.npz"])
    with pytest.raises(UsageError, match="--long-side"):
        main([str(folder), "--out", "x.npz", "--long-side", "-1"])
    (folder / "one.jpg").unlink()
    (folder / "more" / "two.jpg").unlink()
    with pytest.raises(UsageError, match="at least 100"):
        main([str(folder), "--out", "x.npz"])
    assert "notes.txt" in capsys.readouterr().err


def test_output_that_cannot_be_written(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be written"):
        main([str(folder), "--out", str(tmp_path / "no" / "such" / "folder.npz")])
