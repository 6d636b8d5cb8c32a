"""The verb `evaluate` on a tiny network: table, record, variants, orders, modes, exit codes, errors in one line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from million_ird.cli import main
from million_ird.settings import to_dict
from million_ird.shards import file_checksum
from pretrain.models.edsr import EDSRSettings
from pretrain.models.esrt import ESRTSettings
from pretrain.models.families import ModelSettings, build_network
from pretrain.models.ghost.network import GhostNetworkSettings
from pretrain.models.grl.settings import GRLSettings
from pretrain.models.lmd_vit.settings import LMDViTSettings
from pretrain.models.pretrained import save_pretrained
from pretrain.models.rdn import RDNSettings
from pretrain.models.variants import WHOLE
from pretrain.restore import RestoreSettings
from tests.pretrain.picture_files import write_pictures
from tests.pretrain.tiny import LARGE, SMALL, tiny_network


@pytest.fixture
def world(tmp_path: Path) -> Path:
    save_pretrained(tmp_path / "model", tiny_network(), [LARGE, SMALL])
    write_pictures(tmp_path / "sets" / "Set5", "a.png", "b.png")
    write_pictures(tmp_path / "sets" / "Rain100L" / "rainy", "rain-1.png")
    write_pictures(tmp_path / "sets" / "Rain100L" / "gt", "norain-1.png")
    return tmp_path


def _run(world: Path, *arguments: str) -> int:
    return main(["evaluate", str(world / "model"), *arguments])


def _record(world: Path, *arguments: str) -> dict[str, object]:
    assert _run(world, *arguments, "--out", str(world / "table.json")) == 0
    record: dict[str, object] = json.loads((world / "table.json").read_text())
    return record


def test_all_sets_and_variants_in_one_go(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = _record(world, str(world / "sets"), "--sigma", "15", "50")
    printed = capsys.readouterr().out
    table = record["table"]
    assert isinstance(table, list)
    rows = [(row["set"], row["degradation"], row["variant"]) for row in table]
    assert rows[:9] == [
        (name, degradation, variant)
        for name, degradation in (("Rain100L", "derain"), ("Set5", "denoise σ=15"), ("Set5", "denoise σ=50"))
        for variant in ("input", "large", "small")
    ]
    for row in table:
        assert f"{row['psnr']:.2f}" in printed
    assert "Set5: 2 pictures, the published set has 5; not comparable" in printed
    checkpoint = record["checkpoint"]
    assert isinstance(checkpoint, dict)
    assert checkpoint["blake3"] == file_checksum(world / "model" / "model.safetensors")
    assert checkpoint["variants"] == {"large": [1, 1, 1, 2], "small": [1, 1, 1, 1]}


def test_the_numbers_are_those_of_the_network(world: Path) -> None:
    record = _record(world, str(world / "sets" / "Set5"), "--sigma", "25", "--variant", "small")
    np.random.seed(0)
    from PIL import Image

    expected = []
    for name in ("a", "b"):
        clean = np.asarray(Image.open(world / "sets" / "Set5" / f"{name}.png"))
        noisy = np.clip(clean + np.random.randn(*clean.shape) * 25, 0, 255).astype(np.uint8)
        given = torch.from_numpy(noisy).permute(2, 0, 1)[None] / 255
        with torch.no_grad():
            restored = tiny_network()(given, variant=SMALL).clamp(0, 1)[0].permute(1, 2, 0).numpy()
        expected.append(-10 * np.log10(np.mean((restored - clean / 255) ** 2)))
    table = record["table"]
    assert isinstance(table, list)
    assert table[1]["variant"] == "small"
    assert table[1]["psnr"] == pytest.approx(np.mean(expected), abs=1e-4)


def test_bands_give_the_same_numbers_and_tiles_nearly(world: Path) -> None:
    tables = {}
    for mode in ("whole", "banded", "tiled"):
        record = _record(
            world, str(world / "sets" / "Set5"), "--sigma", "25", "--mode", mode, "--tile", "32", "--overlap", "8"
        )
        tables[mode] = [row["psnr"] for row in record["table"]]  # type: ignore[attr-defined]
    assert tables["banded"] == pytest.approx(tables["whole"], abs=1e-3)
    assert tables["tiled"] != pytest.approx(tables["whole"], abs=1e-6)
    assert tables["tiled"] == pytest.approx(tables["whole"], abs=5)


def test_the_defaults_of_the_command_are_those_of_the_settings(world: Path) -> None:
    record = _record(world, str(world / "sets" / "Set5"), "--sigma", "25", "--device", "cpu")
    settings = RestoreSettings(mode="whole", tile=512, overlap=32)
    assert record["inference"] == {**to_dict(settings), "device": "cpu"}, "with the tiles of DyNet"


def test_the_fixed_protocol_has_luma_too(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(world, str(world / "sets" / "Set5"), "--protocol", "fixed", "--sigma", "25") == 0
    assert "PSNR-Y" in capsys.readouterr().out


GRL = GRLSettings(width=4, depths=(1,), heads=1, window=4, stripe=(8, 16))
LMD_VIT = LMDViTSettings(width=4, window=2, depths=(1,) * 9, heads=(1,) * 9)
SMALL_NETWORKS: tuple[tuple[ModelSettings, str, list[str], str, str], ...] = (
    (EDSRSettings(4, width=4, blocks=1), "", ["enlarge ×4"], "sr", "psnr_y"),
    (ESRTSettings(scale=3, width=8, blocks=1, heads=2), "", ["enlarge ×3"], "sr", "psnr_y"),
    (GhostNetworkSettings(network=RDNSettings(2, 1, 1, 4, 4)), "", ["enlarge ×2"], "sr", "psnr_y"),
    (GRL, "qualities = [10, 40]", ["dejpeg q=10", "dejpeg q=40"], "fixed", "psnr_y"),
    (GRL, "mosaic = true", ["demosaic"], "fixed", "ssim"),
    (LMD_VIT, "local_blur = {}", ["deblur local"], "fixed", "psnr_w"),
)


@pytest.mark.parametrize(("settings", "task", "degradations", "protocol", "metric"), SMALL_NETWORKS)
def test_every_network_is_measured_by_what_it_is_for(
    world: Path, settings: ModelSettings, task: str, degradations: list[str], protocol: str, metric: str
) -> None:
    torch.manual_seed(0)
    recipe = {"recipe": f'[tasks.mine]\nclean = ["photographs"]\n{task}\n'} if task else {}
    save_pretrained(world / "model", build_network(settings, (WHOLE,)), [WHOLE], recipe)
    record = _record(world, str(world / "sets" / "Set5"))
    table, protocol_used = record["table"], record["protocol"]
    assert isinstance(table, list) and isinstance(protocol_used, dict)
    found = [(row["degradation"], row["variant"]) for row in table if row["set"] == "Set5"]
    assert found == [(each, variant) for each in degradations for variant in ("input", "whole")]
    assert protocol_used["name"] == protocol and list(protocol_used["degradations"]) == degradations
    assert all(isinstance(row[metric], float) for row in table)


def test_degradations_that_are_asked_for_are_taken_in_place_of_the_networks_own(world: Path) -> None:
    asked = ["--jpeg", "10", "30", "--demosaic", "--local-blur", "--sigma", "25"]
    record = _record(world, str(world / "sets" / "Set5"), "--variant", "small", *asked)
    table = record["table"]
    assert isinstance(table, list)
    assert [row["degradation"] for row in table if row["set"] == "Set5" and row["variant"] == "small"] == [
        "denoise σ=25",
        "dejpeg q=10",
        "dejpeg q=30",
        "demosaic",
        "deblur local",
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--sigma", "25"], "denoise σ=25: this network enlarges by 2"),
        (["--protocol", "fixed"], "--protocol fixed: this network enlarges by 2; sr and sr-rgb measure that"),
        (["--mode", "banded"], "mode banded: DyNet alone can be run in bands; EDSR is"),
    ],
)
def test_what_a_network_that_enlarges_cannot_be_measured_by(
    world: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    save_pretrained(world / "model", build_network(EDSRSettings(2, width=4, blocks=1), (WHOLE,)), [WHOLE])
    assert _run(world, str(world / "sets" / "Set5"), *arguments) == 2
    printed = capsys.readouterr().err
    assert message in printed and printed.count("\n") == 1


def test_an_evaluation_can_be_repeated_by_its_record(world: Path) -> None:
    record = _record(world, str(world / "sets"), "--sigma", "25")
    again = _record(world, str(world / "sets"), "--sigma", "25", "--order", str(world / "table.json"))
    assert again == record


def test_left_out_pictures_are_named_and_the_exit_code_says_so(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (world / "sets" / "Set5" / "c.png").write_text("no picture")
    assert _run(world, str(world / "sets" / "Set5"), "--sigma", "25") == 3
    assert "Set5: left out 1 (not_an_image: text): c.png" in capsys.readouterr().out


def test_two_folders_of_any_names(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_pictures(world / "dim", "1.png")
    write_pictures(world / "bright", "1.png")
    assert _run(world, "--input", str(world / "dim"), "--target", str(world / "bright")) == 0
    assert "restore" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "name at least one folder"),
        (["{world}/absent"], "no folder that can be read"),
        (["{world}/model"], "no test set of a known layout"),
        (["{world}/sets", "--variant", "medium"], "medium"),
        (["{world}/sets", "--sigma", "0"], "--sigma"),
        (["{world}/sets", "--jpeg", "101"], "--jpeg"),
        (["{world}/sets", "--protocol", "sr"], "is for networks that enlarge"),
        (["{world}/sets", "--input", "{world}/sets"], "--input and --target go together"),
        (["{world}/sets", "--order", "{world}/none.json"], "none.json cannot be read"),
        (["{world}/sets", "--mode", "tiled", "--tile", "33"], "tile"),
        (["{world}/sets", "--device", "abacus"], "abacus"),
    ],
)
def test_what_cannot_be_is_one_line(
    world: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(world, *(text.format(world=world) for text in arguments)) == 2
    printed = capsys.readouterr().err
    assert message in printed
    assert printed.count("\n") == 1


def test_a_network_that_gives_nan_is_one_line(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = tiny_network()
    torch.nn.init.constant_(next(model.parameters()), float("nan"))
    save_pretrained(world / "model", model, [LARGE])
    assert _run(world, str(world / "sets" / "Set5"), "--sigma", "25") == 1
    assert "numbers that are not finite" in capsys.readouterr().err


def test_a_damaged_checkpoint_is_one_line(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = world / "model" / "model.safetensors"
    file.write_bytes(file.read_bytes()[:1000])
    assert _run(world, str(world / "sets")) == 1
    assert "model.safetensors" in capsys.readouterr().err


def test_a_record_that_cannot_be_written_is_told_before_the_work(
    world: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (world / "file").write_text("")
    monkeypatch.setattr("pretrain.evaluate.run.measure", lambda *_: pytest.fail("nothing may be measured"))
    assert _run(world, str(world / "sets"), "--out", str(world / "file" / "table.json")) == 1
    assert _run(world, str(world / "sets"), "--out", str(world / "sets")) == 2
    first, second = capsys.readouterr().err.splitlines()
    assert "is a file, not a folder" in first and "is a folder: name a file in it" in second
