"""Every network of the literature through the commands: a few steps of fine-tuning, then a picture restored by it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from PIL import Image

from million_ird.cli import main
from pretrain.logs import read_log
from pretrain.models.families import family_of, settings_of
from pretrain.models.lmd_vit.network import LMDViT
from pretrain.models.pretrained import from_pretrained
from tests.pretrain.local_blur.triples import write_folder
from tests.pretrain.picture_files import write_pictures

SIDE = 64
"""Of the generated pictures."""


@dataclass(frozen=True)
class Case:
    """A family of networks, narrow, and a task that its literature has."""

    name: str
    model: str
    """The sections `[model]` of the recipe."""
    task: str
    """What the section `[tasks.learnt]` says beside where the pictures are."""
    scale: int = 1
    crop: int = 32
    rest: str = ""
    """Other sections."""

    def __str__(self) -> str:
        return self.name


EDSR = 'family = "edsr"\nscale = 2\nwidth = 6\nblocks = 2'
ONES = [1] * 9
LMD_VIT = f'family = "lmd-vit"\nwidth = 4\nwindow = 2\ndepths = {ONES}\nheads = {ONES}'
GRL = 'family = "grl"\nwidth = 8\ndepths = [2]\nwindow = 4\nstripe = [4, 8]\nanchor_factor = 2'
CLEAN = 'clean = "photographs"\n'

CASES = [
    Case("edsr", EDSR, CLEAN + "scale = 2", 2),
    Case("rdn", 'family = "rdn"\nscale = 2\nblocks = 1\nlayers = 2\ngrowth = 6\nwidth = 4', CLEAN + "scale = 2", 2),
    Case("carn", 'family = "carn"\nscale = 2\nwidth = 8', CLEAN + "scale = 2", 2),
    Case(
        "esrt",
        'family = "esrt"\nscale = 3\nwidth = 8\nblocks = 1\nlow_repeats = 2\nheads = 4',
        CLEAN + "scale = 3",
        3,
        48,
    ),
    Case("ghost", 'family = "ghost"\nepoch_steps = 2\n[model.network]\n' + EDSR, CLEAN + "scale = 2", 2),
    Case("grl noise", GRL, CLEAN + 'sigmas = [25, 50]\nnoise = "float"'),
    Case("grl jpeg", GRL, CLEAN + "qualities = [10, 40]", rest='[loss]\nkind = "charbonnier"\n'),
    Case("grl mosaic", GRL, CLEAN + "mosaic = true"),
    Case(
        "lmd-vit synthetic", LMD_VIT, CLEAN + "local_blur = {trail = [0.05, 0.2]}", rest='[loss]\nkind = "deblurring"\n'
    ),
    Case("lmd-vit triples", LMD_VIT, 'triples = "shards"', rest='[loss]\nkind = "deblurring"\npruning = 0.1\n'),
]

RECIPE = """
steps = 3
batch = 2
crop = {crop}
[model]
{model}
[tasks.learnt]
{task}
[optimizer]
lr = 1e-3
[schedule]
warmup = 0
{rest}
[validation]
every = 2
images = 1
side = 48
[log]
every = 1
tensorboard = false
[reading]
threads = 0
"""


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photographs and triples."""
    folder = tmp_path_factory.mktemp("pictures")
    write_pictures(folder / "photographs", "a.png", "b.jpg", "c.png", height=SIDE, width=SIDE)
    write_pictures(folder / "unknown", "d.png", height=20, width=28)
    write_folder(folder / "shards", 4)
    return folder


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    torch.set_num_threads(1)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_it_is_trained_judged_and_restores(case: Case, pictures: Path, tmp_path: Path) -> None:
    recipe, run = pictures / f"{case.name.replace(' ', '_')}.toml", tmp_path / "run"
    recipe.write_text(RECIPE.format(crop=case.crop, model=case.model, task=case.task, rest=case.rest))
    assert main(["finetune", str(recipe), "--out", str(run), "--device", "cpu"]) == 0
    losses = [line["loss"] for line in read_log(run, "train")]
    assert len(losses) == 3 and all(loss is not None for loss in losses)
    validations = read_log(run, "validation")
    assert [line["step"] for line in validations] == [2, 3]
    assert all(score > 0 for score in validations[-1]["whole"].values())
    assert family_of(settings_of(from_pretrained(run).model)).name == case.model.split('"')[1]

    assert (
        main(["restore", str(run), str(pictures / "unknown"), "--out", str(tmp_path / "out"), "--device", "cpu"]) == 0
    )
    with Image.open(tmp_path / "out" / "d.png") as restored:
        assert restored.size == (28 * case.scale, 20 * case.scale)


def test_masks_teach_the_predictors(pictures: Path, tmp_path: Path) -> None:
    """The loss of the decisions reaches the predictors from the masks of triples: without it other weights come out."""
    case = CASES[-1]
    states = []
    for pruning in ("0", "1"):
        recipe, run = pictures / "pruning.toml", tmp_path / f"run-{pruning}"
        recipe.write_text(RECIPE.format(crop=case.crop, model=case.model, task=case.task, rest=case.rest))
        arguments = ["--set", f"loss.pruning={pruning}", "--set", "validation.images=0"]
        assert main(["finetune", str(recipe), "--out", str(run), "--device", "cpu", *arguments]) == 0
        model = from_pretrained(run).model
        assert isinstance(model, LMDViT)
        states.append({name: weight for name, weight in model.state_dict().items() if "predictors" in name})
    assert any(not torch.equal(states[0][name], states[1][name]) for name in states[0])
