"""The verb `finetune` on tiny folders."""

from __future__ import annotations

from pathlib import Path

import pytest

from million_ird.cli import main
from pretrain.models.pretrained import from_pretrained, save_pretrained
from tests.pretrain.finetune.worlds import clean_folder
from tests.pretrain.tiny import LARGE, SMALL, tiny_network

_RECIPE = """
steps = 2
batch = 2
crop = 16
[model]
width = 8
refinement = 1
prompt_crop = 16
prompts = 2
[variants]
large = [1, 1, 1, 2]
small = [1, 1, 1, 1]
[tasks.denoise]
clean = "clean"
sigmas = [25]
[schedule]
warmup = 1
[validation]
images = 1
side = 16
"""


@pytest.fixture
def world(tmp_path: Path) -> Path:
    clean_folder(tmp_path / "clean")
    save_pretrained(tmp_path / "model", tiny_network(), [LARGE, SMALL])
    (tmp_path / "recipe.toml").write_text(_RECIPE)
    return tmp_path


def _run(world: Path, *arguments: str) -> int:
    return main(["finetune", str(world / "recipe.toml"), "--out", str(world / "run"), "--device", "cpu", *arguments])


def test_from_a_pretrained_model_to_a_run_that_evaluate_takes(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(world, "--init", str(world / "model")) == 0
    assert [variant.name for variant in from_pretrained(world / "run").variants] == ["large", "small"]
    assert main(["evaluate", str(world / "run"), str(world / "clean"), "--sigma", "25"]) == 0
    assert "denoise σ=25" in capsys.readouterr().out


def test_a_finished_run_can_be_resumed_and_a_second_one_not_begun_there(
    world: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(world) == 0
    assert _run(world, "--resume") == 0
    assert _run(world) == 2
    assert "--resume" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message", "code"),
    [
        (["--set", "tasks.denoise.clean={world}/absent"], "no folder that can be read", 2),
        (["--set", "crop=256", "--set", "model.prompt_crop=256"], "smaller than the crop of 256", 1),
        (["--set", "tasks.denoise.sigma=5"], "did you mean tasks.denoise.sigmas", 2),
        (["--set", "tasks.derain.weight=1"], "tasks.derain: a task needs exactly one of degraded", 2),
        (["--set", "variants.tiny=[0, 1, 1, 1]"], "tiny", 2),
        (["--init", "{world}/absent"], "absent", 2),
        (["--set", "model.width=16", "--init", "{world}/model"], "width", 1),
    ],
)
def test_what_cannot_be_is_one_line(
    world: Path, arguments: list[str], message: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(world, *(text.format(world=world) for text in arguments)) == code
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("million-ird finetune: ")
    assert message in last


def test_an_unknown_recipe_names_those_there_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["finetune", "finetune_all", "--out", str(tmp_path / "run")]) == 2
    assert "finetune_all_in_one" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--ray-workers", "-1"], "--ray-workers: got -1, expected 0 or more"),
        (["--ray-workers", "2"], "with --ray-workers the cluster decides"),
    ],
)
def test_what_ray_cannot_be_asked_is_one_line(
    world: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert _run(world, *arguments) == 2
    printed = capsys.readouterr().err
    assert said in printed and printed.count("\n") == 1
    assert not (world / "run").exists()
