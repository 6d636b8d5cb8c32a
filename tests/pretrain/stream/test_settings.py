"""The section [stream] of a recipe."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from million_ird.errors import UsageError
from million_ird.plain_values import to_toml
from million_ird.settings import from_dict, to_dict
from million_ird.settings_fields import field_docs
from pretrain.stream.settings import HoldoutSettings, StreamSettings


def test_settings_survive_the_way_through_a_recipe() -> None:
    settings = StreamSettings(crop=((0, 64), (100, 128)), holdout=HoldoutSettings(fraction=0.2))
    assert from_dict(StreamSettings, tomllib.loads(to_toml(to_dict(settings)))) == settings
    assert from_dict(StreamSettings, {"crop": 64}) == StreamSettings(crop=64)


def test_every_setting_is_explained() -> None:
    for cls in (StreamSettings, HoldoutSettings):
        assert set(field_docs(cls)) == set(cls.__dataclass_fields__)


def test_the_schedule_of_crops_says_the_side_of_each_step() -> None:
    settings = StreamSettings(crop=((0, 64), (100, 128), (200, 32)))
    assert [settings.side(step) for step in (0, 99, 100, 199, 200, 10**6)] == [64, 64, 128, 128, 32, 32]
    assert settings.largest_crop == 128
    assert StreamSettings().side(7) == StreamSettings().largest_crop == 128


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"crop": 40}, "stream.crop must be a multiple of 16, the side of a cell, not 40"),
        ({"crop": 0}, "stream.crop must be a multiple of 16"),
        ({"crop": []}, "a schedule must begin at step 0"),
        ({"crop": [[5, 32]]}, "a schedule must begin at step 0"),
        ({"crop": [[0, 32], [0, 48]]}, "the steps of a schedule must increase"),
        ({"lanes": 0}, "stream.lanes must be at least 1, not 0"),
        ({"window": 1 << 20}, "stream.window must be at most 131072"),
        ({"workers": -1}, "stream.workers must be at least 0"),
        ({"cache_gb": 0.0}, "stream.cache_gb must be a number above 0"),
        ({"max_damaged_share": 1.5}, "stream.max_damaged_share must be 0 to 1"),
        ({"holdout": {"fraction": 0.6}}, "stream.holdout.fraction must be 0 to 0.5"),
        ({"holdout": {"min_images": 0}}, "stream.holdout.min_images must be at least 1"),
        ({"holdout": {"max_images": 3, "min_images": 5}}, "stream.holdout.max_images must be at least min_images, 5"),
        ({"lane": 3}, "stream.lane: unknown key; did you mean stream.lanes"),
    ],
)
def test_a_wrong_value_is_named(values: dict[str, Any], text: str) -> None:
    with pytest.raises(UsageError, match=text.replace("[", r"\[")):
        from_dict(StreamSettings, values, "stream")
