"""The training loop on the smallest network: what it logs and saves, and that a resumed run is the run."""

from __future__ import annotations

import json
import math
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from million_ird.errors import DatasetError, MillionIrdError, UsageError
from pretrain.checkpoint import CheckpointSettings, read_checkpoint
from pretrain.draw import DrawSettings, draw_variants
from pretrain.ema import EmaSettings
from pretrain.first_weights import first_network
from pretrain.guard import GuardSettings
from pretrain.logs import LogSettings, read_log
from pretrain.loop import check_shares, run_training
from pretrain.models.pretrained import from_pretrained
from pretrain.objective import Objective
from pretrain.optimizer import OptimizerSettings
from pretrain.ranks import Ranks
from pretrain.recipe import TrainingRecipe
from pretrain.schedule import ScheduleSettings
from pretrain.signals import StopRequest
from pretrain.training import Training
from tests.pretrain.tiny import LARGE, SETTINGS, SMALL, Spoiled, TinySource, tiny_batch

PLAIN = TrainingRecipe(
    name="tiny",
    steps=8,
    batch=2,
    model=SETTINGS,
    variants={"large": LARGE.repeats, "small": SMALL.repeats},
    optimizer=OptimizerSettings(lr=1e-3),
    checkpoint=CheckpointSettings(every=3, keep=10),
    log=LogSettings(every=1, tensorboard=False),
)
EVERYTHING = replace(
    PLAIN,
    draw=DrawSettings(rule="sandwich"),
    ema=EmaSettings(enabled=True, decay=0.9),
    schedule=ScheduleSettings(shape="cosine", warmup=2),
    guard=GuardSettings(spike=5.0, window=2),
    accumulate=2,
)


class Judge:
    """Scores are written down beforehand, one for each validation; pictures are of one colour."""

    def __init__(self, *scores: float) -> None:
        self._scores = list(scores)
        self.asked: list[float] = []

    def scores(self, model: nn.Module) -> dict[str, dict[str, float]]:
        self.asked.append(float(sum(p.detach().double().sum() for p in model.parameters())))
        score = self._scores.pop(0)
        return {"large": {"task": score + 1}, "small": {"task": score - 1}}

    def pictures(self, model: nn.Module) -> Mapping[str, Any]:
        return {"task": np.zeros((2, 3, 3), np.uint8)}


def train(out: Path, recipe: TrainingRecipe = PLAIN, resume: bool = False, **more: Any) -> int:
    stop = more.pop("stop", StopRequest())
    given = {
        "source": TinySource(),
        "objective": Objective(),
        "judge": None,
        "validate_every": 0,
        "metadata": {},
        **more,
    }
    return run_training(
        recipe, lambda: Training(recipe=recipe, model=first_network(recipe), **given), out, resume, Ranks(), stop
    )


def curve(out: Path) -> list[dict[str, Any]]:
    """The lines about training, without what clocks and memory say."""
    timed = {"seconds", "samples_per_second", "data_wait", "memory_bytes"}
    return [{name: value for name, value in line.items() if name not in timed} for line in read_log(out, "train")]


def last_files(out: Path) -> dict[str, bytes]:
    folder = sorted((out / "checkpoints").glob("step-*"))[-1]
    return {file.name: file.read_bytes() for file in folder.glob("*.safetensors")}


@pytest.mark.parametrize("recipe", [PLAIN, EVERYTHING], ids=["plain", "everything"])
def test_a_run_that_broke_off_goes_on_as_if_nothing_had_happened(recipe: TrainingRecipe, tmp_path: Path) -> None:
    assert train(tmp_path / "whole", recipe) == 0
    with pytest.raises(DatasetError, match="the data have ended"):
        train(tmp_path / "broken", recipe, source=TinySource(most=5))
    assert [line["step"] for line in curve(tmp_path / "broken")] == [1, 2, 3, 4, 5]
    assert train(tmp_path / "broken", recipe, resume=True) == 0
    assert curve(tmp_path / "broken") == curve(tmp_path / "whole")
    assert last_files(tmp_path / "broken") == last_files(tmp_path / "whole")
    assert len(curve(tmp_path / "whole")) == 8


def test_a_run_that_broke_off_before_its_first_checkpoint_begins_anew(tmp_path: Path) -> None:
    train(tmp_path / "whole")
    with pytest.raises(DatasetError):
        train(tmp_path / "broken", source=TinySource(most=2))
    assert train(tmp_path / "broken", resume=True) == 0
    assert curve(tmp_path / "broken") == curve(tmp_path / "whole")


def test_more_steps_go_on_where_the_run_had_ended(tmp_path: Path) -> None:
    train(tmp_path / "long")
    train(tmp_path / "grown", replace(PLAIN, steps=4))
    assert (tmp_path / "grown/model").is_dir()
    assert train(tmp_path / "grown", PLAIN, resume=True) == 0
    assert curve(tmp_path / "grown") == curve(tmp_path / "long")
    assert "steps = 8" in (tmp_path / "grown/recipe.toml").read_text()
    assert train(tmp_path / "grown", PLAIN, resume=True) == 0, "nothing is left to do"
    assert curve(tmp_path / "grown") == curve(tmp_path / "long")


def test_each_step_trains_the_variant_that_is_drawn_and_is_counted_for_it(tmp_path: Path) -> None:
    train(tmp_path)
    drawn = [draw_variants(0, step, PLAIN.draw, (LARGE, SMALL))[0].name for step in range(8)]
    lines = read_log(tmp_path, "train")
    assert [list(line["losses"]) for line in lines] == [[name] for name in drawn]
    assert lines[-1]["updates"] == {name: drawn.count(name) for name in ("large", "small")}
    assert all(seconds > 0 for seconds in lines[-1]["seconds"].values())
    assert {
        "loss",
        "psnr",
        "gradient_norm",
        "learning_rate",
        "data_wait",
        "memory_bytes",
        "skipped",
        "substituted",
    } <= (lines[0].keys())


def test_under_the_sandwich_both_are_counted_and_share_the_seconds(tmp_path: Path) -> None:
    train(tmp_path, EVERYTHING)
    (last,) = read_log(tmp_path, "train")[-1:]
    assert last["updates"] == {"large": 8, "small": 8}
    assert last["seconds"]["large"] / last["seconds"]["small"] == pytest.approx(LARGE.applications / SMALL.applications)
    assert [line["learning_rate"] for line in read_log(tmp_path, "train")][:2] == [0.0005, 0.001]


def test_the_best_checkpoint_is_the_one_of_the_highest_mean_score(tmp_path: Path) -> None:
    judge = Judge(20.0, 23.0, 22.0, 21.0)
    train(tmp_path, judge=judge, validate_every=2)
    lines = read_log(tmp_path, "validation")
    assert [(line["step"], line["mean"]) for line in lines] == [(2, 20.0), (4, 23.0), (6, 22.0), (8, 21.0)]
    assert lines[0]["small"] == {"task": 19.0}
    best = json.loads((tmp_path / "checkpoints/best.json").read_text())
    assert (best["step"], best["validation_psnr_db"]) == (4, 23.0)
    expected = read_checkpoint(tmp_path / "checkpoints/step-00000004").model
    handed_on = from_pretrained(tmp_path / "model")
    assert all(torch.equal(value, expected[name]) for name, value in handed_on.model.state_dict().items())
    assert [variant.name for variant in handed_on.variants] == ["large", "small"]
    assert handed_on.metadata["stream_fingerprint"] == "tiny"
    assert len(list((tmp_path / "samples").iterdir())) == 4


def test_the_best_of_before_is_remembered_across_a_resume(tmp_path: Path) -> None:
    with pytest.raises(DatasetError):
        train(tmp_path, judge=Judge(25.0, 24.0), validate_every=2, source=TinySource(most=5))
    train(tmp_path, judge=Judge(24.0, 24.5, 23.0), validate_every=2, resume=True)
    assert json.loads((tmp_path / "checkpoints/best.json").read_text())["step"] == 2


def test_averages_are_judged_saved_and_handed_on_apart(tmp_path: Path) -> None:
    judge = Judge(20.0, 30.0, 40.0, 31.0)
    train(tmp_path, EVERYTHING, judge=judge, validate_every=4)
    lines = read_log(tmp_path, "validation")
    assert [(line["mean"], line["ema"]["mean"]) for line in lines] == [(20.0, 30.0), (40.0, 31.0)]
    assert json.loads((tmp_path / "checkpoints/best.json").read_text())["validation_psnr_db"] == 31.0
    assert judge.asked[2] != judge.asked[3], "the average was in place while it was judged"
    saved = read_checkpoint(tmp_path / "checkpoints/step-00000008")
    assert saved.ema is not None
    assert judge.asked[2] == pytest.approx(float(sum(value.double().sum() for value in saved.model.values())))
    assert judge.asked[3] == pytest.approx(float(sum(value.double().sum() for value in saved.ema.values())))
    for folder, weights in (("model", saved.model), ("model-ema", saved.ema)):
        found = from_pretrained(tmp_path / folder).model.state_dict()
        assert all(torch.equal(found[name], value) for name, value in weights.items())


class NotFinite:
    """L1, but NaN at chosen calls."""

    def __init__(self, *calls: int) -> None:
        self._calls, self._call = calls, 0

    def __call__(self, output: Tensor, target: Tensor) -> Tensor:
        self._call += 1
        return F.l1_loss(output, target) * (math.nan if self._call in self._calls else 1.0)


def test_skipped_steps_are_logged_and_are_no_updates(tmp_path: Path) -> None:
    assert train(tmp_path, objective=Spoiled(NotFinite(2, 3))) == 0
    skipped = read_log(tmp_path, "skipped")
    assert [(line["step"], line["reason"]) for line in skipped] == [
        (2, "loss is not finite"),
        (3, "loss is not finite"),
    ]
    (last,) = read_log(tmp_path, "train")[-1:]
    assert last["skipped"] == 2
    assert sum(last["updates"].values()) == 6


def test_too_many_skipped_steps_in_a_row_end_the_run_and_leave_the_checkpoints(tmp_path: Path) -> None:
    recipe = replace(PLAIN, guard=GuardSettings(most_in_a_row=2))
    source = TinySource()
    with pytest.raises(MillionIrdError, match="2 steps in a row had to be skipped, the last at step 6: loss is not"):
        train(tmp_path, recipe, objective=Spoiled(NotFinite(5, 6)), source=source)
    assert source.closed == 1
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["step-00000003"]
    assert train(tmp_path, recipe, resume=True) == 0


def test_a_run_that_is_asked_to_stop_saves_and_can_go_on(tmp_path: Path) -> None:
    train(tmp_path / "whole")
    stop = StopRequest()
    with stop:
        signal.raise_signal(signal.SIGTERM)
    assert train(tmp_path / "stopped", stop=stop) == 75
    assert [line["step"] for line in curve(tmp_path / "stopped")] == [1]
    assert train(tmp_path / "stopped", resume=True) == 0
    assert curve(tmp_path / "stopped") == curve(tmp_path / "whole")


def test_a_run_begins_with_the_weights_it_is_given_unless_it_goes_on(tmp_path: Path) -> None:
    train(tmp_path / "first")
    recipe = replace(PLAIN, seed=5, init=str(tmp_path / "first"))
    train(tmp_path / "second", recipe)
    train(tmp_path / "fresh", replace(PLAIN, seed=5))
    assert curve(tmp_path / "second")[0]["loss"] != curve(tmp_path / "fresh")[0]["loss"]
    weights = from_pretrained(tmp_path / "first").model

    def spy(output: Tensor, target: Tensor) -> Tensor:
        spied.append(output.detach().clone())
        return F.l1_loss(output, target)

    spied: list[Tensor] = []
    train(tmp_path / "third", replace(recipe, steps=1), objective=Spoiled(spy))
    batch = next(TinySource().loader(2, 0, 1, 0, False, substituted=0))
    variant = draw_variants(5, 0, recipe.draw, (LARGE, SMALL))[0]
    torch.testing.assert_close(spied[0], weights(batch.inputs / 255, variant).detach())


def test_weights_of_another_width_and_other_data_are_refused_in_one_line(tmp_path: Path) -> None:
    train(tmp_path / "wide", replace(PLAIN, steps=1, model=replace(SETTINGS, width=16)))
    with pytest.raises(DatasetError, match=r"init = .*wide.* width 16, the network here of width 8"):
        train(tmp_path / "narrow", replace(PLAIN, init=str(tmp_path / "wide")))
    with pytest.raises(UsageError, match="init: there is no file or folder"):
        train(tmp_path / "none", replace(PLAIN, init=str(tmp_path / "nowhere")))
    train(tmp_path / "run", replace(PLAIN, steps=3))
    with pytest.raises(DatasetError, match="other data: tiny"):
        train(tmp_path / "run", resume=True, source=TinySource("different"))


def test_a_batch_must_be_a_multiple_of_ranks_and_micro_batches() -> None:
    check_shares(replace(PLAIN, batch=8, accumulate=2), 4)
    with pytest.raises(UsageError, match="batch: 8 samples cannot be shared by 3 ranks with 2 micro-batches each"):
        check_shares(replace(PLAIN, batch=8, accumulate=2), 3)


def test_the_global_generator_decides_nothing_and_is_not_drawn_from(tmp_path: Path) -> None:
    torch.manual_seed(1)
    train(tmp_path / "one")
    state = read_checkpoint(tmp_path / "one/checkpoints/step-00000008").rng["torch"]
    assert torch.equal(state, torch.random.manual_seed(PLAIN.seed).get_state())
    torch.manual_seed(2)
    train(tmp_path / "two")
    assert curve(tmp_path / "one") == curve(tmp_path / "two")


def test_the_network_is_compiled_where_it_trains_and_judged_uncompiled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    happened: list[Any] = []

    @contextmanager
    def eager() -> Iterator[None]:
        happened.append("eager")
        yield
        happened.append("as before")

    class Witness(Judge):
        def scores(self, model: nn.Module) -> dict[str, dict[str, float]]:
            happened.append("judged")
            return super().scores(model)

    monkeypatch.setattr("pretrain.loop.compile_model", lambda *given: happened.append(given[1:]))
    monkeypatch.setattr("pretrain.loop.eager", eager)
    train(tmp_path, replace(PLAIN, steps=1), judge=Witness(20.0))
    assert happened == [(PLAIN.compile, torch.device("cpu")), "eager", "judged", "as before"]


def test_it_learns_to_do_better_than_nothing(tmp_path: Path) -> None:
    train(tmp_path, replace(PLAIN, steps=50, optimizer=OptimizerSettings(lr=3e-3)))
    found = sum(line["loss"] for line in read_log(tmp_path, "train")[-10:])
    batches = [tiny_batch(step, PLAIN.batch) for step in range(40, 50)]
    untouched = sum(float(F.l1_loss(batch.inputs / 255, batch.targets / 255)) for batch in batches)
    assert found < 0.9 * untouched
