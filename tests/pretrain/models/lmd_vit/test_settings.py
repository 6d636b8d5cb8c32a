from __future__ import annotations

from typing import Any

import pytest

from million_ird import windows
from million_ird.errors import UsageError
from pretrain.models.lmd_vit.settings import LEVELS, STAGE_NAMES, LMDViTSettings


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"width": 6}, "width: got 6"),
        ({"window": 7}, "window: got 7"),
        ({"expansion": 0}, "expansion: got 0"),
        ({"depths": (1, 2)}, "depths: .*expected 9"),
        ({"depths": (1, 2, 8, 8, 0, 8, 8, 2, 1)}, "depths: .*1 or more"),
        ({"heads": (1,) * 8}, "heads: .*expected 9"),
        ({"heads": (3, 2, 4, 8, 16, 16, 8, 4, 2)}, "heads: 3 do not divide the 32 channels of enc0"),
        ({"drop_path": 1.0}, "drop_path: got 1.0"),
        ({"smallest_gate": -0.1}, "smallest_gate: got -0.1"),
    ],
)
def test_what_does_not_fit_is_named(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        LMDViTSettings(**wrong)


def test_the_stages_are_those_that_masks_are_judged_for() -> None:
    settings = LMDViTSettings()
    stages = [
        windows.Stage(name, settings.channels(index), settings.depths[index], settings.window << LEVELS[index])
        for index, name in enumerate(STAGE_NAMES)
    ]
    assert tuple(stages) == windows.STAGES
    assert settings.multiple == windows.PAD_MULTIPLE


def test_sixteen_maps_the_second_of_a_stage_on_the_shifted_grid() -> None:
    maps = LMDViTSettings().maps
    assert len(maps) == 16
    assert [decided.stage for decided in maps] == [0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8]
    assert all(decided.shifted == (decided in maps[2::2]) for decided in maps[1:15])
    assert not maps[0].shifted and not maps[-1].shifted


def test_blocks_are_left_out_more_often_the_deeper_they_lie() -> None:
    settings = LMDViTSettings()
    rates = settings.drop_paths()
    assert tuple(map(len, rates)) == settings.depths
    encoder = [rate for stage in rates[:4] for rate in stage]
    assert encoder[0] == 0 and encoder[-1] == 0.1 and encoder == sorted(encoder)
    assert rates[4] == [0.1, 0.1]
    assert [rate for stage in rates[5:] for rate in stage] == encoder[::-1]
