from __future__ import annotations

import pickle
import tomllib
from collections.abc import Callable
from math import inf, nan
from pathlib import Path

import cv2
import numpy as np
import pytest

from million_ird.errors import UsageError
from million_ird.pixels import DecodeSettings, decode, read_header
from million_ird.plain_values import to_toml
from million_ird.records import Rejection
from million_ird.screens import (
    DEFAULT_INTERVALS,
    SCREENS,
    Interval,
    NiqeModel,
    Photo,
    ScreenSettings,
    judge,
    measure_all,
)
from million_ird.settings import from_dict, to_dict

GOOD = {"short_side": 2000.0, "blockiness": 3.0, "entropy": 7.0, "jpeg_quality": None}


def test_kept_inside_and_on_the_border() -> None:
    assert judge(GOOD, {"short_side": (2000, 2000), "entropy": (-inf, inf)}) is None
    assert judge(GOOD, DEFAULT_INTERVALS) is None


def test_rejected_on_either_side_with_the_number() -> None:
    low = judge(GOOD, {"short_side": Interval(2001, inf)})
    high = judge(GOOD, {"blockiness": Interval(-inf, 2.5)})
    assert low is not None and high is not None
    assert (low.step, low.reason, low.measured) == ("screen", "short_side_low", 2000)
    assert (high.step, high.reason, high.measured) == ("screen", "blockiness_high", 3)
    assert high.detail == "blockiness 3 is above 2.5"


def test_what_was_not_measured_judges_nothing() -> None:
    assert judge(GOOD, {"jpeg_quality": (90, 100), "niqe": (0, 1), "learned_nima": (5, 10)}) is None


def test_the_first_of_the_table_gives_the_reason() -> None:
    intervals = {"learned_nima": (5, 9), "entropy": (8, 9), "blockiness": (5, 9), "short_side": (1, 2)}
    measures = {**GOOD, "learned_nima": 1.0}
    reasons = []
    for name in ("short_side", "blockiness", "entropy", "learned_nima"):
        rejection = judge(measures, intervals)
        assert rejection is not None
        reasons.append(rejection.reason)
        del intervals[name]
    assert reasons == ["short_side_high", "blockiness_low", "entropy_low", "learned_nima_low"]


def test_a_recipe_changes_some_intervals_and_keeps_the_others() -> None:
    text = 'measure = ["cheap"]\n[keep]\nblockiness = [0, 30]\nentropy = [-inf, inf]\n'
    settings = from_dict(ScreenSettings, tomllib.loads(text), "screens")
    assert settings.intervals["blockiness"] == Interval(0, 30)
    assert settings.intervals["short_side"] == DEFAULT_INTERVALS["short_side"]
    assert settings.intervals["entropy"] == Interval()
    order = [screen.name for screen in SCREENS]
    assert list(settings.intervals) == sorted(settings.intervals, key=order.index)


def test_settings_survive_toml_and_pickle() -> None:
    settings = ScreenSettings(keep={"niqe": (0, 6)}, measure=("cheap",), learned=("nima",))
    assert from_dict(ScreenSettings, tomllib.loads(to_toml(to_dict(settings)))) == settings
    assert pickle.loads(pickle.dumps(settings)) == settings


def test_what_is_measured() -> None:
    off = dict.fromkeys(DEFAULT_INTERVALS, (-inf, inf))
    everything = [screen.name for screen in SCREENS]
    cheap = [screen.name for screen in SCREENS if screen.cost == "cheap"]
    assert ScreenSettings().columns() == everything
    assert ScreenSettings(keep=off, measure=("cheap",)).columns() == cheap
    assert ScreenSettings(keep=off, measure=("entropy", "short_side")).columns() == ["short_side", "entropy"]
    # A threshold on a screen that was left out brings it back, or it would judge nothing.
    assert ScreenSettings(keep={**off, "niqe": (0, 9)}, measure=("short_side",)).columns() == ["short_side", "niqe"]
    assert ScreenSettings(keep=off, measure=(), learned=("nima", "clipiqa")).columns() == [
        "learned_nima",
        "learned_clipiqa",
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"keep": {"blokiness": (0, 1)}}, "did you mean 'blockiness'"),
        ({"measure": ("chep",)}, "did you mean 'cheap'"),
        ({"measure": ("zzzzzz",)}, "known are all, cheap"),
        ({"keep": {"learned_nima": (5, 10)}}, "list 'nima' in `learned`"),
        ({"keep": {"entropy": (5, 3)}}, r"keep.entropy: \[5, 3\] is no interval"),
        ({"keep": {"entropy": (nan, 3)}}, "is no interval"),
        ({"learned": ("nima", "nima")}, "twice"),
    ],
)
def test_what_a_recipe_cannot_ask_for(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        ScreenSettings(**arguments)  # type: ignore[arg-type]


def test_own_niqe_model_is_used(
    tmp_path: Path, photo_from_pixels: Callable[[np.ndarray], Photo], wheel_photo: Callable[[str], np.ndarray]
) -> None:
    shipped = NiqeModel.shipped()
    path = tmp_path / "model.npz"
    NiqeModel(shipped.mean + 1, shipped.covariance).save(path)
    photo = photo_from_pixels(wheel_photo("coffee"))
    own = measure_all(photo, ScreenSettings(niqe_model=str(path)).screens())
    default = measure_all(photo, ScreenSettings().screens())
    assert own.pop("niqe") != default.pop("niqe")
    assert own == default
    with pytest.raises(UsageError, match="cannot be read"):
        ScreenSettings(niqe_model=str(tmp_path / "none.npz")).screens()


@pytest.mark.parametrize("name", ["coffee", "china", "rocket", "motorcycle"])
def test_defaults_keep_photographs_and_reject_their_degraded_copies(
    name: str,
    photo_from_pixels: Callable[[np.ndarray], Photo],
    wheel_photo: Callable[[str], np.ndarray],
    recompressed: Callable[[np.ndarray, int], np.ndarray],
) -> None:
    settings = ScreenSettings(keep={"short_side": (0, inf)})  # these photographs are small

    def verdict(pixels: np.ndarray) -> str:
        rejection = judge(measure_all(photo_from_pixels(pixels), settings.screens()), settings.intervals)
        return rejection.reason if rejection else "kept"

    clean = wheel_photo(name)
    small = cv2.resize(clean, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    noise = np.random.default_rng(0).normal(0, 25, clean.shape)
    assert verdict(clean) == "kept"
    assert verdict(recompressed(clean, 30)) == "blockiness_high"
    assert verdict(cv2.GaussianBlur(clean, (0, 0), 3)) in ("fine_detail_low", "laplacian_variance_low")
    assert verdict(cv2.resize(small, clean.shape[1::-1], interpolation=cv2.INTER_CUBIC)) == "fine_detail_low"
    assert verdict(np.clip(clean + noise, 0, 255).astype(np.uint8)) == "noise_sigma_high"


def test_defaults_on_real_files(shared_data: Path) -> None:
    costly = [screen.name for screen in SCREENS if screen.cost == "costly"]
    settings = ScreenSettings(measure=("cheap",), keep=dict.fromkeys(costly, (-inf, inf)))

    def kept(path: Path) -> bool:
        data = path.read_bytes()
        header = read_header(data, DecodeSettings())
        rgb = header if isinstance(header, Rejection) else decode(data, header, DecodeSettings())
        if isinstance(header, Rejection) or isinstance(rgb, Rejection):
            return False  # one drawing has transparent pixels
        measures = measure_all(Photo(header, data, rgb), settings.screens())
        return judge(measures, settings.intervals) is None

    drawings = sorted((shared_data / "nonphoto").glob("*.[jp][pn]g"))
    assert len(drawings) >= 8
    assert not [path.name for path in drawings if kept(path)]
    photographs = sorted((shared_data / "photos" / "debian_mate-backgrounds").glob("*.jpg"))[::2]
    assert sum(kept(path) for path in photographs) >= 0.8 * len(photographs)
