"""Whole fine-tunings, tiny ones: they help, they go on exactly, and what cannot be ends in one line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from million_ird.errors import DatasetError, UsageError
from pretrain.checkpoint import Checkpoints, CheckpointSettings
from pretrain.evaluate.folders import find_sets
from pretrain.evaluate.measure import INPUT
from pretrain.evaluate.protocols import PROMPTIR
from pretrain.evaluate.run import evaluate
from pretrain.finetune.recipe import FinetuneRecipe, load_finetune_recipe
from pretrain.finetune.run import assemble, clamped_l1, finetune
from pretrain.models.dynet import DyNet, DyNetSettings
from pretrain.models.pretrained import from_pretrained, save_pretrained
from pretrain.models.variants import Variant
from pretrain.ranks import Ranks
from pretrain.signals import StopRequest
from tests.pretrain.finetune.worlds import Pixels, clean_folder, rain, rain_folders
from tests.pretrain.picture_files import picture, write_picture

_SHAPE = {"width": 8, "refinement": 1, "prompt_crop": 32}
_VARIANTS = {"large": [1, 1, 1, 2], "small": [1, 1, 1, 1]}
_RECIPE = """
steps = 4
batch = 4
crop = 32
[model]
width = 8
refinement = 1
prompt_crop = 32
[variants]
large = [1, 1, 1, 2]
small = [1, 1, 1, 1]
[tasks.denoise]
clean = "clean"
sigmas = [25, 50]
[tasks.derain]
clean = "gt"
degraded = "rainy"
[optimizer]
lr = 2e-3
[schedule]
warmup = 1
over = 8
[validation]
images = 1
every = 0
side = 32
[reading]
threads = 1
"""


def _run(folder: Path, out: str, *overrides: str, init: str = "", resume: bool = False) -> int:
    with StopRequest() as stop:
        return finetune(_recipe(folder, *overrides, init=init), folder / out, resume, Ranks(), stop)


def _recipe(folder: Path, *overrides: str, init: str = "") -> FinetuneRecipe:
    (folder / "recipe.toml").write_text(_RECIPE)
    return load_finetune_recipe(str(folder / "recipe.toml"), overrides, init)


@pytest.fixture
def world(tmp_path: Path) -> Path:
    clean_folder(tmp_path / "clean")
    rain_folders(tmp_path)
    return tmp_path


def _weights(run: Path) -> dict[str, torch.Tensor]:
    newest = Checkpoints(run, CheckpointSettings()).newest()
    assert newest is not None
    return dict(newest.model)


def test_it_improves_both_variants_on_photographs_it_never_saw(
    tmp_path: Path, wheel_photo: Callable[[str], Pixels]
) -> None:
    for name in ("coffee", "chelsea"):
        for left in (0, 150, 290):
            square = wheel_photo(name)[100:260, left : left + 160]
            write_picture(tmp_path / "clean" / f"{name}-{left}.png", square)
            write_picture(tmp_path / "gt" / f"{name}-{left}.png", square)
            write_picture(tmp_path / "rainy" / f"{name}-{left}.png", rain(square, left))
    for number in range(2):
        square = wheel_photo("astronaut")[150 * number :, 150 * number :][:64, :64]
        write_picture(tmp_path / "test" / "noise" / f"{number}.png", square)
        write_picture(tmp_path / "test" / "Rain" / "target" / f"{number}.png", square)
        write_picture(tmp_path / "test" / "Rain" / "rainy" / f"{number}.png", rain(square, number))
    torch.manual_seed(0)
    variants = [Variant.of(name, repeats) for name, repeats in _VARIANTS.items()]
    save_pretrained(tmp_path / "init", DyNet(DyNetSettings(**_SHAPE)), variants)  # type: ignore[arg-type]
    recipe = ("steps=45", "schedule.over=0", "schedule.warmup=5", "optimizer.lr=3e-3")
    assert _run(tmp_path, "run", *recipe, init=str(tmp_path / "init")) == 0
    sets = find_sets(tmp_path / "test")
    before, after = (evaluate(tmp_path / name, sets, PROMPTIR, [25, 50]) for name in ("init", "run"))
    for start, end in zip(before.scores, after.scores, strict=True):
        for variant in _VARIANTS:
            reached = end.mean(variant, "psnr")
            assert reached > start.mean(variant, "psnr") + 1, (end.degradation, variant)
            if end.sigma:  # streaks this thin need more than a minute to be told from edges
                assert reached > end.mean(INPUT, "psnr") + 0.5, (end.degradation, variant)


def test_a_run_that_was_interrupted_goes_on_as_if_nothing_had_happened(world: Path) -> None:
    assert _run(world, "whole", "steps=6") == 0
    assert _run(world, "parts", "steps=3") == 0
    assert _run(world, "parts", "steps=6", "reading.threads=2", resume=True) == 0
    whole, parts = _weights(world / "whole"), _weights(world / "parts")
    assert whole.keys() == parts.keys()
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
    other = world / "other"
    assert _run(world, "other", "steps=6", "seed=1") == 0
    assert any(not torch.equal(whole[name], tensor) for name, tensor in _weights(other).items())


def test_pictures_that_have_changed_are_not_the_same_run(world: Path) -> None:
    assert _run(world, "run", "steps=2") == 0
    write_picture(world / "clean" / "new.png", picture("new", 64, 80))
    with pytest.raises(DatasetError, match="pictures of the tasks are not those of the checkpoint"):
        _run(world, "run", "steps=3", resume=True)


def test_the_log_has_the_shares_of_tasks_and_a_score_for_each(world: Path) -> None:
    assert _run(world, "run", "log.every=2", "validation.every=4") == 0
    lines = [json.loads(line) for line in (world / "run" / "log.jsonl").read_text().splitlines()]
    train = [line for line in lines if line["kind"] == "train"]
    assert all(line["share/denoise"] == line["share/derain"] == 0.5 for line in train)
    (validation,) = [line for line in lines if line["kind"] == "validation"]
    assert validation["small"].keys() == {"denoise_25", "denoise_50", "derain"}


def test_one_variant_alone_can_be_tuned_on_from_a_run_of_both(world: Path) -> None:
    assert _run(world, "both", "steps=1") == 0
    only_small = "variants={small = [1, 1, 1, 1]}"
    assert _run(world, "small", only_small, "steps=1", "optimizer.lr=1e-9", init=str(world / "both")) == 0
    tuned = from_pretrained(world / "small")
    assert [variant.name for variant in tuned.variants] == ["small"]
    before = _weights(world / "both")
    assert all(torch.allclose(before[name], tensor, atol=1e-7) for name, tensor in tuned.model.state_dict().items())


def test_a_checkpoint_of_another_width_is_refused_in_one_line(world: Path) -> None:
    save_pretrained(world / "wide", DyNet(DyNetSettings(width=16, refinement=1)), [Variant.of("large", (1, 1, 1, 2))])
    with pytest.raises((DatasetError, UsageError), match="width") as caught:
        _run(world, "run", init=str(world / "wide"))
    assert "\n" not in str(caught.value)


def test_an_empty_folder_is_refused_in_one_line(world: Path) -> None:
    (world / "empty").mkdir()
    with pytest.raises(DatasetError, match=r"tasks\.derain: there are no pictures in .*empty"):
        _run(world, "run", f"tasks.derain.degraded={world / 'empty'}", f"tasks.derain.clean={world / 'empty'}")


def test_what_was_left_out_is_said(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (world / "rainy" / "rain-9.png").write_text("no picture")
    assemble(_recipe(world), Ranks())
    printed = capsys.readouterr().err
    assert "denoise: 5 photographs at σ 25, 50, 1 held out" in printed
    assert "derain: 5 pairs, 1 held out" in printed
    assert "derain: left out 1 (not_an_image: text): rain-9.png" in printed


def test_a_clamped_loss_teaches_nothing_outside_the_range(world: Path) -> None:
    output = torch.tensor([-0.5, 0.25, 1.5], requires_grad=True)
    clamped_l1(output, torch.full((3,), 0.5)).backward()
    assert output.grad is not None
    assert output.grad.tolist() == pytest.approx([0, -1 / 3, 0])
    assert assemble(_recipe(world, "clamp_output=true"), Ranks()).loss is clamped_l1
    assert assemble(_recipe(world), Ranks()).loss is torch.nn.functional.l1_loss
