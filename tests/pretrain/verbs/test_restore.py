"""The verb as a person types it: checkpoint, pictures, one line of what became of them, and the exit code."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from million_ird.cli import main
from million_ird.metrics import psnr
from pretrain.kept_windows import draw_shares, share_of_maps
from pretrain.levels import to_pixels, to_unit
from pretrain.models.dynet import DyNet, DyNetSettings
from pretrain.models.edsr import EDSRSettings
from pretrain.models.families import ModelSettings, build_network, scale_of
from pretrain.models.ghost.network import GhostNetworkSettings
from pretrain.models.grl.settings import GRLSettings
from pretrain.models.lmd_vit.network import LMDViT
from pretrain.models.lmd_vit.settings import LMDViTSettings
from pretrain.models.pretrained import save_pretrained
from pretrain.models.variants import WHOLE, Variant
from tests.pretrain.picture_files import Pixels, picture, write_picture, write_pictures

DEEP, FLAT = Variant.of("deep", (2, 1, 1, 2)), Variant.of("flat", (1, 1, 1, 1))


@pytest.fixture(scope="module")
def model() -> DyNet:
    torch.manual_seed(0)
    model = DyNet(DyNetSettings(width=8, heads=(1, 2, 2, 4), refinement=1))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
    return model


@pytest.fixture(scope="module")
def checkpoint(model: DyNet, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("model")
    recipe = "[corrupt]\njpeg_share = 0.0\nuniform_share = 0.0\n[mask]\nmasked = 0.0\ndegraded = 1.0\n"
    save_pretrained(folder, model, [DEEP, FLAT], {"recipe": recipe})
    return str(folder)


def _pixels(path: Path) -> Pixels:
    with Image.open(path) as opened:
        return np.array(opened)


def _expected(model: DyNet, name: str, variant: Variant) -> Pixels:
    seen = torch.from_numpy(to_unit(picture(name)).transpose(2, 0, 1).copy())[None]
    with torch.no_grad():
        return to_pixels(model(seen, variant)[0].permute(1, 2, 0).numpy())


@pytest.mark.parametrize("mode", ["auto", "whole", "banded"])
def test_a_folder_is_restored_by_the_first_variant(
    mode: str, model: DyNet, checkpoint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_pictures(tmp_path / "in", "a.png", "sub/b.png")
    out = tmp_path / "out"
    assert (
        main(["restore", checkpoint, str(tmp_path / "in"), "--out", str(out), "--mode", mode, "--device", "cpu"]) == 0
    )
    said = capsys.readouterr()
    assert said.out == f"restored 2 into {out} (variant deep)\n"
    assert said.err == "restore: 2/2 pictures\n"
    for name in ("a", "sub/b"):
        got = _pixels(out / f"{name}.png").astype(int)
        assert np.abs(got - _expected(model, Path(name).name, DEEP)).max() <= 1


def test_another_variant_in_tiles(model: DyNet, checkpoint: str, tmp_path: Path) -> None:
    source = write_picture(tmp_path / "a.png", picture("a"))
    command = ["restore", checkpoint, str(source), "--out", str(tmp_path / "r.png"), "--variant", "flat"]
    assert main([*command, "--mode", "tiled", "--tile", "32", "--overlap", "8", "--compare"]) == 0
    got, whole = _pixels(tmp_path / "r.png"), _expected(model, "a", FLAT)
    assert 20 < psnr(got, whole, 255) < 80, "near the untiled result of that variant, not equal to it"
    assert _pixels(tmp_path / "r.compared.png").shape == (48, 64 + 4 + 64, 3)


def test_refused_files_make_the_exit_code_3(
    checkpoint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_pictures(tmp_path / "in", "a.png")
    (tmp_path / "in/page.jpg").write_bytes(b"<html>")
    assert main(["restore", checkpoint, str(tmp_path / "in"), "--out", str(tmp_path / "out")]) == 3
    said = capsys.readouterr()
    assert "restored 1 into" in said.out and "1 refused: 1 not_an_image" in said.out
    assert f"refused {tmp_path / 'in/page.jpg'}: not_an_image" in said.err
    assert main(["restore", checkpoint, str(tmp_path / "in"), "--out", str(tmp_path / "out")]) == 3
    assert "restored 0 into" in (again := capsys.readouterr().out) and "1 were there already" in again


def test_clean_pictures_are_degraded_by_the_recipe_in_the_weights(
    checkpoint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_picture(tmp_path / "a.png", picture("a", 128, 128))
    command = ["restore", checkpoint, str(tmp_path / "a.png"), "--out", str(tmp_path / "out"), "--degrade", "--compare"]
    assert main(command) == 0
    assert "PSNR before " in capsys.readouterr().out
    shown = _pixels(tmp_path / "out/a.compared.png")
    assert shown.shape == (128, 3 * 128 + 2 * 4, 3)
    assert not (shown[:, :128].reshape(8, 16, 8, 16, 3) == 255).all(axis=(1, 3, 4)).any(), "this recipe masks nothing"
    changed = (shown[:, :128] != picture("a", 128, 128)).any(axis=2).reshape(8, 16, 8, 16).mean(axis=(1, 3))
    assert changed.min() > 0.3, "and has noise in every cell"


GRL = GRLSettings(width=4, depths=(1,), heads=1, window=4, stripe=(8, 16))
GHOST = GhostNetworkSettings(network=EDSRSettings(3, 4, 1))
LMD_VIT = LMDViTSettings(width=4, window=2, depths=(1,) * 9, heads=(1,) * 9)
CLEAN = '[tasks.mine]\nclean = ["photographs"]\n'


@pytest.mark.parametrize(
    ("settings", "recipe", "metric"),
    [
        (EDSRSettings(2, width=4, blocks=1), "", "luma, without 2 pixels of border"),
        (
            GhostNetworkSettings(network=EDSRSettings(3, 4, 1)),
            f"{CLEAN}scale = 3\n",
            "luma, without 3 pixels of border",
        ),
        (GRL, f"{CLEAN}qualities = [10, 40]\n", "RGB"),
        (LMD_VIT, '[tasks.mine]\ntriples = ["export"]\n', "the blurred pixels alone"),
        (DyNetSettings(width=8, heads=(1, 2, 2, 4), refinement=1), f"{CLEAN}sigmas = [50]\n", "RGB"),
    ],
)
def test_every_network_restores_and_degrades_as_it_was_trained(
    settings: ModelSettings, recipe: str, metric: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.manual_seed(0)
    variants = (FLAT,) if isinstance(settings, DyNetSettings) else (WHOLE,)
    save_pretrained(tmp_path / "model", build_network(settings, variants), variants, {"recipe": recipe})
    source, out = write_picture(tmp_path / "a.png", picture("a", 66, 78)), tmp_path / "out"
    assert main(["restore", str(tmp_path / "model"), str(source), "--out", str(out / "plain")]) == 0
    scale = scale_of(settings)
    assert _pixels(out / "plain" / "a.png").shape == (66 * scale, 78 * scale, 3)
    command = ["restore", str(tmp_path / "model"), str(source), "--out", str(out), "--degrade", "--compare"]
    capsys.readouterr()
    assert main(command) == 0
    assert f"dB ({metric}, mean of 1 pictures)" in capsys.readouterr().out
    assert _pixels(out / "a.compared.png").shape == (66, 3 * 78 + 2 * 4, 3)


def test_lmd_vit_shows_its_windows_and_others_have_none(
    checkpoint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.manual_seed(0)
    network = build_network(LMD_VIT, (WHOLE,))
    save_pretrained(tmp_path / "model", network, (WHOLE,))
    source = write_picture(tmp_path / "a.png", picture("a"))
    command = ["restore", str(tmp_path / "model"), str(source), "--windows", "--out"]
    assert isinstance(network, LMDViT)
    with torch.no_grad():
        seen = torch.from_numpy(to_unit(picture("a")).transpose(2, 0, 1).copy())[None]
        decisions = network.eval().predict(seen).decisions
    expected = draw_shares(picture("a"), share_of_maps(decisions, LMD_VIT, 48, 64))
    assert main([*command, str(tmp_path / "out")]) == 0
    assert np.abs(_pixels(tmp_path / "out/a.windows.png").astype(int) - expected).max() <= 1
    assert main([*command, str(tmp_path / "tiles"), "--mode", "tiled", "--tile", "32"]) == 0
    assert _pixels(tmp_path / "tiles/a.windows.png").shape == (48, 64, 3)
    assert main(["restore", checkpoint, str(source), "--out", str(tmp_path / "no"), "--windows"]) == 2
    assert "--windows: LMD-ViT alone leaves out windows" in capsys.readouterr().err


def test_a_network_of_pairs_cannot_degrade(model: DyNet, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_pretrained(tmp_path / "model", model, [FLAT], {"recipe": f'{CLEAN}degraded = ["rainy"]\n'})
    source = write_picture(tmp_path / "a.png", picture("a"))
    command = ["restore", str(tmp_path / "model"), str(source), "--out", str(tmp_path / "out"), "--degrade"]
    assert main(command) == 2
    assert "was fine-tuned on pairs, which nothing here can make" in capsys.readouterr().err


def test_damaged_weights_end_in_one_line(model: DyNet, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = DyNet(model.settings)
    with torch.no_grad():
        broken.output.weight.fill_(float("nan"))
    save_pretrained(tmp_path / "model", broken, [FLAT])
    source = write_picture(tmp_path / "a.png", picture("a"))
    assert main(["restore", str(tmp_path / "model"), str(source), "--out", str(tmp_path / "out")]) == 1
    assert "output.weight has numbers that are not finite" in capsys.readouterr().err
    assert not (tmp_path / "out/a.png").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--variant", "huge"], "no variant 'huge'; known are 'deep', 'flat'"),
        (["--tile", "100"], "tile: got 100, expected a multiple of 8"),
        (["--band-rows", "3"], "even number of rows"),
        (["--device", "cuda:77"], "no device 'cuda:77'"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(
    arguments: list[str], message: str, checkpoint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = write_picture(tmp_path / "a.png", picture("a"))
    assert main(["restore", checkpoint, str(source), "--out", str(tmp_path / "out"), *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("recipe", ["[corrupt\n", "corrupt = 3\n", "[mask]\ndegraded = 7.0\n", "[mask]\nshape = 1\n"])
def test_a_recipe_in_the_weights_that_cannot_be_read(
    recipe: str, model: DyNet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_pretrained(tmp_path / "model", model, [FLAT], {"recipe": recipe})
    source = write_picture(tmp_path / "a.png", picture("a", 128, 128))
    command = ["restore", str(tmp_path / "model"), str(source), "--out", str(tmp_path / "out"), "--degrade"]
    assert main(command) == 1
    assert "the recipe in" in capsys.readouterr().err


_STOPPED = """
import os, signal, sys
from pathlib import Path
from million_ird.cli import main
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs begin deaf to it
write = Path.write_bytes
def stopped(self, data):
    write(self, data[:50])
    os.kill(os.getpid(), getattr(signal, sys.argv[1]))
    raise AssertionError("the signal came to nothing")
Path.write_bytes = stopped
sys.exit(main(sys.argv[2:]))
"""


@pytest.mark.parametrize(("name", "says"), [("SIGTERM", "told to stop"), ("SIGINT", "interrupted")])
def test_a_signal_while_a_result_is_written_leaves_nothing_half(
    name: str, says: str, checkpoint: str, tmp_path: Path
) -> None:
    write_pictures(tmp_path / "in", "a.png")
    command = ["restore", checkpoint, str(tmp_path / "in"), "--out", str(tmp_path / "out"), "--device", "cpu"]
    ended = subprocess.run(
        [sys.executable, "-c", _STOPPED, name, *command], capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode == 130
    line = ended.stderr.strip().splitlines()[-1]
    assert says in line and "run the same command again" in line and "Traceback" not in ended.stderr
    assert not list((tmp_path / "out").rglob("*")), "no result, no part of one, no folder for parts"
    assert main(command) == 0
