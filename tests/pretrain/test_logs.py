"""The log holds each step once, survives a cut, goes on as if there had been none, and says what it cannot write."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from million_ird.errors import StoreError
from pretrain.logs import LogSettings, RunLog, StepRecord, memory_bytes, read_log
from tests.flow.test_faults import tmpfs

STEPS = 40


def _record(step: int, **changes: Any) -> StepRecord:
    name = ("large", "small")[step % 3 == 0]
    values: dict[str, Any] = {
        "step": step,
        "losses": {name: math.sin(step) + 2},
        "learning_rate": 1e-4,
        "samples": 4,
        "seconds": 0.25,
        "data_wait_s": 0.05,
        "updates": {"large": step},
        "variant_seconds": {"large": step * 0.25},
        "values": {"psnr": 20 + math.cos(step)},
        "counts": {"substituted": 1},
        **changes,
    }
    return StepRecord(**values)


@contextmanager
def _log(
    folder: Path, step: int = 0, window: Mapping[str, Any] | None = None, every: int = 3, tensorboard: bool = False
) -> Iterator[RunLog]:
    settings = LogSettings(every=every, tensorboard=tensorboard)
    log = RunLog(folder, settings, STEPS, step, window, stream=io.StringIO())
    yield log
    log.close()


def test_a_line_holds_means_over_its_steps(tmp_path: Path) -> None:
    with _log(tmp_path) as log:
        for step in range(1, 8):
            log.step(_record(step))
    first, second = read_log(tmp_path)
    assert first["kind"] == "train" and (first["step"], second["step"]) == (3, 6)
    large = (math.sin(1) + math.sin(2)) / 2 + 2
    small = math.sin(3) + 2
    assert first["losses"] == {"large": pytest.approx(large), "small": pytest.approx(small)}
    assert first["loss"] == pytest.approx((2 * large + small) / 3)
    assert first["psnr"] == pytest.approx(20 + (math.cos(1) + math.cos(2) + math.cos(3)) / 3)
    assert first["samples_per_second"] == pytest.approx(16.0)
    assert first["data_wait"] == pytest.approx(0.2)
    assert first["updates"] == {"large": 3} and first["seconds"] == {"large": 0.75}
    assert first["substituted"] == 1 and first["learning_rate"] == 1e-4
    assert 2**20 < first["memory_bytes"] < 2**40


def test_every_line_is_json_even_without_numbers(tmp_path: Path) -> None:
    with _log(tmp_path, every=1) as log:
        log.step(_record(1, losses={"large": math.nan}, values={"psnr": math.inf}))
        log.write("validation", 1, {"psnr": {"large": -math.inf, "small": 30.0}, "note": "größer"})
    lines = [json.loads(line, parse_constant=pytest.fail) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert lines[0]["loss"] is None and "psnr" not in lines[0]
    assert lines[1] == {"kind": "validation", "step": 1, "psnr": {"large": None, "small": 30.0}, "note": "größer"}
    assert read_log(tmp_path, "validation") == lines[1:]


@pytest.mark.parametrize("cut", range(1, 14))
def test_resumed_anywhere_the_log_is_that_of_an_undisturbed_run(tmp_path: Path, cut: int) -> None:
    """Killed some steps after a checkpoint at `cut`, with a line half written."""
    with _log(tmp_path / "undisturbed") as log:
        for step in range(1, 15):
            log.step(_record(step))
            log.write("note", step, {"x": step})
    with _log(tmp_path / "cut") as log:
        window: Mapping[str, Any] = {}
        for step in range(1, min(cut + 5, 15)):
            log.step(_record(step))
            log.write("note", step, {"x": step})
            if step == cut:
                window = json.loads(json.dumps(log.state()))
    with (tmp_path / "cut/log.jsonl").open("a") as file:
        file.write('{"kind": "train", "step"')
    with _log(tmp_path / "cut", cut, window) as log:
        for step in range(cut + 1, 15):
            log.step(_record(step))
            log.write("note", step, {"x": step})
    a, b = ([{**line, "memory_bytes": 0} for line in read_log(tmp_path / name)] for name in ("undisturbed", "cut"))
    assert a == b


def test_a_run_that_begins_anew_keeps_no_line(tmp_path: Path) -> None:
    for _ in range(2):
        with _log(tmp_path) as log:
            for step in range(1, 4):
                log.step(_record(step))
    assert [line["step"] for line in read_log(tmp_path)] == [3]


def test_a_half_written_or_foreign_line_is_left_out(tmp_path: Path) -> None:
    whole = '{"kind": "train", "step": 3, "loss": 1.0}\n'
    for junk in ("\0\0\0\n", "[1]\n", '{"step": 2}\n', '{"kind": "train", "step": 4'):
        (tmp_path / "log.jsonl").write_text(whole + junk)
        assert [line["step"] for line in read_log(tmp_path)] == [3]
        with _log(tmp_path, step=9):
            assert (tmp_path / "log.jsonl").read_text() == whole


def test_pictures_are_kept_by_step(tmp_path: Path) -> None:
    pixels = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
    with _log(tmp_path, tensorboard=True) as log:
        path = log.picture(20, "large", pixels)
    assert path == tmp_path / "samples/step-00000020-large.png"
    with Image.open(path) as picture:
        assert np.array_equal(np.array(picture), pixels)


def test_tensorboard_can_be_left_out(tmp_path: Path) -> None:
    with _log(tmp_path / "without", tensorboard=False), _log(tmp_path / "with", tensorboard=True):
        pass
    assert not (tmp_path / "without/tensorboard").exists()
    assert len(list((tmp_path / "with/tensorboard").iterdir())) == 1


def test_the_progress_line_names_the_loss(tmp_path: Path) -> None:
    stream = io.StringIO()
    log = RunLog(tmp_path, LogSettings(tensorboard=False), STEPS, 10, stream=stream)
    log.step(_record(11, losses={"large": 0.5, "small": 0.25}))
    log.close()
    assert "train: 10 of 40 steps were done already" in stream.getvalue()
    assert "train: 11/40 steps" in stream.getvalue() and "loss 0.3750" in stream.getvalue()


def test_a_full_disk_is_one_line(tmp_path: Path) -> None:
    with tmpfs(tmp_path / "small", "size=64k"):
        log = RunLog(tmp_path / "small", LogSettings(every=1), STEPS, stream=io.StringIO())
        with pytest.raises(StoreError, match="disk is full"):
            for step in range(1, 10_000):
                log.step(_record(step))
        with pytest.raises(StoreError, match="disk is full"):  # its last line is still waiting
            log.close()


def test_memory_is_a_number_of_bytes() -> None:
    before = memory_bytes(torch.device("cpu"))
    kept = np.ones(8 * 2**20)
    assert memory_bytes(torch.device("cpu")) >= before
    assert kept.nbytes < memory_bytes(torch.device("cpu")) < 2**40


def test_settings_say_what_they_want() -> None:
    with pytest.raises(ValueError, match="every: got 0, expected 1 or more"):
        LogSettings(every=0)
