from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from million_ird.errors import UsageError
from million_ird.settings import from_dict, to_dict
from pretrain.models.grl.settings import GRLSettings, preset


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"width": 10, "heads": 3}, "width: got 10, expected a multiple of twice the 3 heads"),
        ({"width": 8, "local": True}, "width: got 8, expected 18 or more where local"),
        ({"heads": 0}, "heads: got 0, expected 1 or more"),
        ({"window": 1}, "window: got 1, expected 2 or more"),
        ({"expansion": 0}, "expansion: got 0"),
        ({"anchor_factor": 0}, "anchor_factor: got 0"),
        ({"depths": ()}, "depths: got "),
        ({"depths": (4, 0)}, r"depths: got \[4, 0\]"),
        ({"stripe": (64, 12)}, r"stripe: got \[64, 12\], expected two multiples of twice anchor_factor \(8\)"),
        ({"drop_path": 1.0}, "drop_path: got 1.0"),
        ({"scale": 2}, r"scale: got 2, expected one of \(1,\) with upsampler 'none'"),
        ({"upsampler": "nearest", "scale": 3}, "scale: got 3"),
        ({"upsampler": "direct"}, "scale: got 1"),
    ],
)
def test_what_cannot_be_is_refused_by_the_name_of_its_field(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        dataclasses.replace(GRLSettings(), **changes)


def test_settings_travel_as_plain_data() -> None:
    settings = preset("base", "sr", 4)
    assert from_dict(GRLSettings, to_dict(settings)) == settings


@pytest.mark.parametrize(
    ("size", "task", "window", "stripe", "factor", "multiple"),
    [
        ("tiny", "sr", 32, (64, 64), 4, 64),
        ("base", "sr", 32, (64, 64), 2, 64),
        ("small", "dn", 16, (64, 128), 4, 128),
        ("base", "dn", 32, (64, 128), 2, 128),
        ("base", "jpeg", 36, (72, 144), 4, 144),
        ("base", "motion", 12, (48, 96), 4, 96),
        ("base", "defocus", 16, (48, 96), 4, 96),
        ("small", "demosaic", 8, (32, 32), 4, 32),
        ("base", "bsr", 16, (32, 64), 4, 64),
    ],
)
def test_tasks_bring_their_windows(
    size: Any, task: Any, window: int, stripe: tuple[int, int], factor: int, multiple: int
) -> None:
    settings = preset(size, task, 4 if task in ("sr", "bsr") else 1)
    assert (settings.window, settings.stripe, settings.anchor_factor) == (window, stripe, factor)
    assert settings.multiple == multiple


def test_upsamplers_follow_size_and_task() -> None:
    assert preset("tiny", "sr", 2).upsampler == "direct"
    assert preset("small", "sr", 3).upsampler == preset("base", "sr", 4).upsampler == "shuffle"
    assert preset("base", "bsr", 4).upsampler == "nearest"
    assert preset("tiny", "dn").upsampler == "none"
    with pytest.raises(UsageError, match="scale: got 4"):
        preset("tiny", "dn", 4)


def test_unknown_sizes_and_tasks_are_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match="no size 'huge' of grl; known are tiny, small, base"):
        preset("huge", "dn")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="no task 'rain' of grl; known are sr, dn"):
        preset("tiny", "rain")  # type: ignore[arg-type]


def test_drop_paths_rise_from_nothing_over_all_stages() -> None:
    rates = GRLSettings(depths=(2, 3), drop_path=0.1).drop_paths()
    assert [len(stage) for stage in rates] == [2, 3]
    assert [rate for stage in rates for rate in stage] == pytest.approx([0, 0.025, 0.05, 0.075, 0.1])
    assert GRLSettings(depths=(1,)).drop_paths() == [[0.0]]
