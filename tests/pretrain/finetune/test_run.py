"""Whole fine-tunings, tiny ones: they help, they go on exactly, and what cannot be ends in one line."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from million_ird.errors import DatasetError, UsageError
from pretrain.checkpoint import Checkpoints, CheckpointSettings
from pretrain.evaluate.folders import find_sets
from pretrain.evaluate.measure import INPUT
from pretrain.evaluate.network_degradations import noises
from pretrain.evaluate.run import evaluate
from pretrain.finetune.recipe import FinetuneRecipe, load_finetune_recipe
from pretrain.finetune.run import assemble, finetune
from pretrain.models.dynet import DyNet, DyNetSettings
from pretrain.models.pretrained import from_pretrained, save_pretrained
from pretrain.models.variants import Variant
from pretrain.objective import Outcome
from pretrain.ranks import Ranks
from pretrain.signals import StopRequest
from tests.pretrain.finetune.worlds import Pixels, clean_folder, rain, rain_folders
from tests.pretrain.local_blur.triples import write_folder
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


def _run(folder: Path, out: str, *overrides: str, init: str = "", resume: bool = False, text: str = _RECIPE) -> int:
    with StopRequest() as stop:
        return finetune(_recipe(folder, *overrides, init=init, text=text), folder / out, resume, Ranks(), stop)


def _recipe(folder: Path, *overrides: str, init: str = "", text: str = _RECIPE) -> FinetuneRecipe:
    (folder / "recipe.toml").write_text(text)
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
    before, after = (evaluate(tmp_path / name, sets, "promptir", noises([25, 50])) for name in ("init", "run"))
    for start, end in zip(before.scores, after.scores, strict=True):
        for variant in _VARIANTS:
            reached, was, given = end.mean(variant, "psnr"), start.mean(variant, "psnr"), end.mean(INPUT, "psnr")
            assert reached is not None and was is not None and given is not None
            assert reached > was + 1, (end.title, variant)
            if end.task == "denoise":  # streaks this thin need more than a minute to be told from edges
                assert reached > given + 0.5, (end.title, variant)


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
    assert re.search(r"denoise_50: the input itself scores 1\d\.\d\d dB on what is held out", printed)


_KINDS = {
    "jpeg": ("clean = 'clean'\nqualities = [10]", "photographs at JPEG quality 10"),
    "mosaic": ("clean = 'clean'\nmosaic = true", "photographs with a colour mosaic"),
    "made": ("clean = 'clean'\n[tasks.made.local_blur]", "photographs with synthetic local blur"),
    "real": ("triples = 'masks'", "pairs with masks"),
}


def test_one_network_learns_every_kind_of_task_at_once_and_goes_on_exactly(
    world: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_folder(world / "masks")
    tasks = "".join(f"[tasks.{name}]\n{text}\n" for name, (text, _) in _KINDS.items())
    recipe = _RECIPE.replace("[optimizer]", f"{tasks}[optimizer]")
    assert _run(world, "whole", "batch=12", "steps=2", text=recipe) == 0
    printed = capsys.readouterr().err
    for name, (_, words) in _KINDS.items():
        assert re.search(rf"{name}: 5 {words}, 1 held out", printed)
        assert re.search(rf"{name}\w*: the input itself scores", printed)
    assert _run(world, "parts", "batch=12", "steps=1", text=recipe) == 0
    assert _run(world, "parts", "batch=12", "steps=2", resume=True, text=recipe) == 0
    whole, parts = _weights(world / "whole"), _weights(world / "parts")
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
    lines = [json.loads(line) for line in (world / "whole" / "log.jsonl").read_text().splitlines()]
    validation = [line for line in lines if line["kind"] == "validation"][-1]
    assert validation["small"].keys() == {"denoise_25", "denoise_50", "derain", "jpeg_10", "mosaic", "made", "real"}
    source = assemble(_recipe(world, "batch=12", text=recipe), Ranks()).source
    batches = source.loader(12, 0, 1, 0, False, substituted=0)
    try:
        assert next(batches).masks is not None
    finally:
        batches.close()


def test_other_pairs_with_masks_are_not_the_same_run(world: Path) -> None:
    write_folder(world / "masks")
    recipe = _RECIPE.replace("[optimizer]", "[tasks.real]\ntriples = 'masks'\n[optimizer]")
    assert _run(world, "run", "steps=1", text=recipe) == 0
    write_folder(world / "masks", 4)
    with pytest.raises(DatasetError, match="pictures of the tasks are not those of the checkpoint"):
        _run(world, "run", "steps=2", resume=True, text=recipe)


def test_a_network_learns_to_enlarge(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = """
steps = 2
batch = 2
crop = 48
[model]
family = "edsr"
scale = 3
width = 4
blocks = 1
[tasks.sr]
clean = "clean"
scale = 3
[schedule]
warmup = 1
[validation]
images = 1
side = 50
[reading]
threads = 1
"""
    assert _run(world, "run", text=recipe) == 0
    printed = capsys.readouterr().err
    assert "sr: 5 photographs to be enlarged by 3, 1 held out" in printed
    assert "sr: the input, enlarged by 3 by bicubic interpolation, scores" in printed
    lines = [json.loads(line) for line in (world / "run" / "log.jsonl").read_text().splitlines()]
    (validation,) = [line for line in lines if line["kind"] == "validation"]
    assert validation["whole"].keys() == {"sr"}


def test_a_clamped_loss_teaches_nothing_outside_the_range(world: Path) -> None:
    output = torch.tensor([-0.5, 0.25, 1.5], requires_grad=True)
    objective = assemble(_recipe(world, "loss.clamp=true"), Ranks()).objective
    objective.loss(Outcome(output), torch.full((3,), 0.5), None).backward()
    assert output.grad is not None
    assert output.grad.tolist() == pytest.approx([0, -1 / 3, 0])
    assert not assemble(_recipe(world), Ranks()).objective.settings.clamp
