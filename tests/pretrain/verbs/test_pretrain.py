"""`million-ird pretrain` as a person types it: what cannot be is one line, before anything is written."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from million_ird.errors import UsageError
from pretrain.verbs.pretrain import main


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["pretrain_smal"], "there is no recipe pretrain_smal; those that come along are"),
        (["pretrain_small"], "dataset: name one, as in --dataset my-ird"),
        (["pretrain_small", "--dataset", "x", "--set", "stepps=1"], "stepps: unknown key; did you mean steps?"),
        (["pretrain_small", "--dataset", "x", "--set", "steps"], "--set steps: expected section.key=value"),
        (["pretrain_small", "--dataset", "x", "--ray-workers", "2", "--device", "cpu"], "the cluster decides"),
        (["pretrain_small", "--dataset", "x", "--ray-workers", "-1"], "--ray-workers: got -1, expected 0 or more"),
    ],
)
def test_what_cannot_be(arguments: list[str], said: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as error:
        main([*arguments, "--out", str(tmp_path / "run")])
    assert said in str(error.value)
    assert not (tmp_path / "run").exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--device cuda: PyTorch finds no GPU here"):
        main(["pretrain_small", "--dataset", "x", "--device", "cuda", "--out", str(tmp_path / "run")])


def test_the_help_says_what_75_means(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "75 stopped by SIGTERM after saving" in " ".join(capsys.readouterr().out.split())
