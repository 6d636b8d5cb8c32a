"""Corruption: the right noise in the right cells, JPEG by a real codec, kinds and levels evenly drawn."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from million_ird.errors import UsageError
from million_ird.plain_values import apply_overrides
from million_ird.settings import from_dict
from pretrain.corrupt import (
    CLEAN,
    GAUSSIAN,
    JPEG,
    KIND_NAMES,
    UNIFORM,
    CorruptSettings,
    Levels,
    corrupt,
    degrade,
    draw_levels,
    jpeg_round_trip,
)
from pretrain.masking import MaskSettings, cell_view, plan_cells

Pixels = npt.NDArray[np.uint8]

_ONLY = {
    JPEG: CorruptSettings(gaussian_share=0, uniform_share=0),
    GAUSSIAN: CorruptSettings(jpeg_share=0, uniform_share=0),
    UNIFORM: CorruptSettings(jpeg_share=0, gaussian_share=0),
}
_ALL = np.ones((8, 8), bool)


def _rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.fixture(scope="module")
def crop(wheel_photo: Callable[[str], Pixels]) -> Pixels:
    """128² of a photograph."""
    return np.ascontiguousarray(wheel_photo("china")[150:278, 300:428])


def _grey(level: int, side: int = 128) -> Pixels:
    return np.full((side, side, 3), level, np.uint8)


def _noise(kind: int, levels: Levels, seeds: int = 12) -> npt.NDArray[np.float64]:
    """Noise on middle grey, where nothing is clipped: (pixels, 3)."""
    pictures = [corrupt(_grey(128), _ALL, _rng(seed), _ONLY[kind], levels)[0] for seed in range(seeds)]
    return np.concatenate([picture.reshape(-1, 3) for picture in pictures]).astype(float) - 128


@pytest.mark.parametrize("sigma", [0.0, 2.0, 15.0, 25.0])
def test_gaussian_noise_has_its_moments_in_every_channel(sigma: float) -> None:
    noise = _noise(GAUSSIAN, Levels(50, sigma, 0.0))
    expected = np.sqrt(sigma**2 + 1 / 12) if sigma else 0.0  # rounding adds 1/12
    for channel in noise.T:
        assert abs(channel.mean()) < 5 * max(expected, 1e-9) / np.sqrt(channel.size)
        assert abs(channel.std() - expected) <= 0.01 * expected
        if sigma > 10:
            assert abs((channel**4).mean() / channel.var() ** 2 - 3) < 0.06
            assert abs((np.abs(channel) < sigma).mean() - 0.683) < 0.02
    if sigma:
        assert np.abs(np.corrcoef(noise.T) - np.eye(3)).max() < 0.015


def test_uniform_noise_has_its_moments_in_every_channel() -> None:
    amplitude = 40.0
    noise = _noise(UNIFORM, Levels(50, 0.0, amplitude))
    for channel in noise.T:
        assert abs(channel.mean()) < 5 * amplitude / np.sqrt(3 * channel.size)
        assert abs(channel.std() - amplitude / np.sqrt(3)) < 0.2
        assert channel.min() == -40 and channel.max() == 40
        assert abs((np.abs(channel) <= 20).mean() - 41 / 80) < 0.01
    assert np.abs(np.corrcoef(noise.T) - np.eye(3)).max() < 0.015


@pytest.mark.parametrize("kind", [GAUSSIAN, UNIFORM])
def test_neighbouring_pixels_have_independent_noise(kind: int) -> None:
    noise, _ = corrupt(_grey(128), _ALL, _rng(4), _ONLY[kind], Levels(50, 25.0, 40.0))
    plane = noise[..., 1].astype(float) - 128
    for a, b in ((plane[1:], plane[:-1]), (plane[:, 1:], plane[:, :-1]), (plane[:64], plane[64:])):
        assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 5 / np.sqrt(a.size)


def test_noise_is_clipped_not_wrapped() -> None:
    for level in (0, 255):
        noisy, _ = corrupt(_grey(level), _ALL, _rng(5), _ONLY[GAUSSIAN], Levels(50, 50.0, 0.0))
        away = np.abs(noisy.astype(int) - level)
        assert abs((away == 0).mean() - 0.504) < 0.02  # half of it is clipped; a little rounds to nothing
        assert away.max() < 255


def test_noise_is_rounded_to_the_nearest_level() -> None:
    levels = Levels(50, 0.49, 0.49)
    noisy, _ = corrupt(_grey(100), _ALL, _rng(6), _ONLY[UNIFORM], levels)
    assert (noisy == 100).all()


@pytest.mark.parametrize("sampling", ["4:2:0", "4:2:2", "4:4:4"])
def test_jpeg_loses_what_another_programs_jpeg_of_that_quality_loses(sampling: str, crop: Pixels) -> None:
    settings = from_dict(CorruptSettings, {"gaussian_share": 0, "uniform_share": 0, "jpeg_sampling": sampling})
    for quality in (10, 30, 80):
        corrupted, kinds = corrupt(crop, _ALL, _rng(0), settings, Levels(quality, 0.0, 0.0))
        file = io.BytesIO()
        Image.fromarray(crop).save(file, "JPEG", quality=quality, subsampling=sampling)
        with Image.open(file) as opened:
            expected = np.asarray(opened).astype(float)
        assert (kinds == JPEG).all()
        assert np.abs(corrupted - expected).mean() < 1.0
        ours, theirs = (((pixels - crop.astype(float)) ** 2).mean() for pixels in (corrupted, expected))
        assert abs(ours / theirs - 1) < 0.03  # simplejpeg encodes by libjpeg's fast transform


def test_lower_qualities_and_coarser_chroma_lose_more(crop: Pixels) -> None:
    def error(quality: int, sampling: str) -> float:
        return float(np.mean((jpeg_round_trip(crop, quality, sampling).astype(float) - crop) ** 2))

    assert error(10, "4:2:0") > error(50, "4:2:0") > error(95, "4:2:0") > 0
    assert error(90, "4:2:0") > error(90, "4:2:2") > error(90, "4:4:4")


@pytest.mark.parametrize("kind", [JPEG, GAUSSIAN, UNIFORM])
def test_only_degraded_cells_change(kind: int, crop: Pixels) -> None:
    before = crop.copy()
    degraded = plan_cells(_rng(1), 128, MaskSettings()).degraded
    corrupted, kinds = corrupt(crop, degraded, _rng(2), _ONLY[kind], Levels(10, 30.0, 50.0))
    np.testing.assert_array_equal(crop, before)
    np.testing.assert_array_equal(kinds, np.where(degraded, kind, CLEAN))
    now, then = cell_view(corrupted, (8, 8)), cell_view(crop, (8, 8))
    np.testing.assert_array_equal(now[~degraded], then[~degraded])
    assert all((a != b).any() for a, b in zip(now[degraded], then[degraded], strict=True))


def test_jpeg_cells_are_cut_from_the_whole_crops_round_trip(crop: Pixels) -> None:
    degraded = plan_cells(_rng(1), 128, MaskSettings()).degraded
    corrupted, _ = corrupt(crop, degraded, _rng(2), _ONLY[JPEG], Levels(20, 0.0, 0.0))
    whole = jpeg_round_trip(crop, 20, "4:2:0")
    np.testing.assert_array_equal(cell_view(corrupted, (8, 8))[degraded], cell_view(whole, (8, 8))[degraded])


def test_one_kind_a_sample_all_alike() -> None:
    degraded = plan_cells(_rng(1), 32, MaskSettings()).degraded
    counts: Counter[int] = Counter()
    for seed in range(1500):
        _, kinds = corrupt(_grey(128, 32), degraded, _rng(seed), CorruptSettings())
        (kind,) = set(kinds[degraded].tolist())
        assert not kinds[~degraded].any()
        counts[kind] += 1
    assert set(counts) == {JPEG, GAUSSIAN, UNIFORM}
    assert all(abs(count - 500) < 5 * np.sqrt(1500 * 2 / 9) for count in counts.values())


def test_shares_are_relative() -> None:
    settings = CorruptSettings(jpeg_share=6, gaussian_share=3, uniform_share=1)
    counts = Counter(int(corrupt(_grey(9, 16), np.ones((1, 1), bool), _rng(s), settings)[1][0, 0]) for s in range(2000))
    for kind, share in ((JPEG, 0.6), (GAUSSIAN, 0.3), (UNIFORM, 0.1)):
        assert abs(counts[kind] / 2000 - share) < 0.055


def test_a_kind_a_cell_is_drawn_independently_for_each() -> None:
    settings = CorruptSettings(kind_per="cell")
    drawn = np.array([corrupt(_grey(128), _ALL, _rng(seed), settings)[1] for seed in range(150)])
    for kind in (JPEG, GAUSSIAN, UNIFORM):
        assert abs((drawn == kind).mean() - 1 / 3) < 0.025
    alike = (drawn[:, :, 1:] == drawn[:, :, :-1]).mean()
    assert abs(alike - 1 / 3) < 0.03
    assert all(len(set(kinds.ravel().tolist())) == 3 for kinds in drawn)


def test_cells_of_several_kinds_hold_what_they_say(crop: Pixels) -> None:
    levels = Levels(25, 0.0, 60.0)
    corrupted, kinds = corrupt(crop, _ALL, _rng(3), CorruptSettings(kind_per="cell"), levels)
    now, clean = cell_view(corrupted, (8, 8)), cell_view(crop, (8, 8))
    jpeg = cell_view(jpeg_round_trip(crop, 25, "4:2:0"), (8, 8))
    np.testing.assert_array_equal(now[kinds == JPEG], jpeg[kinds == JPEG])
    np.testing.assert_array_equal(now[kinds == GAUSSIAN], clean[kinds == GAUSSIAN])  # σ = 0
    distance = np.abs(now[kinds == UNIFORM].astype(int) - clean[kinds == UNIFORM])
    assert 20 < distance.mean() < 35 and distance.max() <= 60


def test_levels_fill_their_ranges_evenly() -> None:
    settings = CorruptSettings(jpeg_quality=(20, 23), gaussian_sigma=(5, 10), uniform_amplitude=(7, 7))
    drawn = [draw_levels(_rng(seed), settings) for seed in range(2000)]
    qualities = Counter(levels.jpeg_quality for levels in drawn)
    assert set(qualities) == {20, 21, 22, 23} and min(qualities.values()) > 400
    sigmas = np.array([levels.gaussian_sigma for levels in drawn])
    assert sigmas.min() >= 5 and sigmas.max() <= 10 and abs(sigmas.mean() - 7.5) < 0.17
    assert {levels.uniform_amplitude for levels in drawn} == {7.0}


@pytest.mark.parametrize("kind_per", ["sample", "cell"])
def test_equal_generators_give_equal_samples(kind_per: str, crop: Pixels) -> None:
    settings = from_dict(CorruptSettings, {"kind_per": kind_per})
    for fill in ("white", "noise"):
        masking = from_dict(MaskSettings, {"fill": fill})
        for seed in range(8):
            one, other = (degrade(crop, _rng(seed), settings, masking) for _ in range(2))
            np.testing.assert_array_equal(one.input, other.input)
            np.testing.assert_array_equal(one.kinds, other.kinds)
            assert one.levels == other.levels
        assert not np.array_equal(one.input, degrade(crop, _rng(99), settings, masking).input)


def test_the_same_noise_for_ever() -> None:
    """A run resumed with another version of numpy or of this file must not see other noise unnoticed."""
    rng = np.random.Generator(np.random.Philox(key=1))
    noisy, _ = corrupt(_grey(128, 16), np.ones((1, 1), bool), rng, _ONLY[GAUSSIAN], Levels(50, 25.0, 0.0))
    assert noisy[0, :4].tolist() == [[88, 143, 178], [154, 87, 126], [125, 103, 129], [123, 134, 81]]


def test_the_whole_is_clean_where_nothing_was_done(crop: Pixels) -> None:
    sample = degrade(crop, _rng(11), CorruptSettings(), MaskSettings())
    assert sample.degraded.sum() == 32 and sample.masked.sum() in (19, 20)
    np.testing.assert_array_equal(sample.kinds != CLEAN, sample.degraded)
    now, then = cell_view(sample.input, (8, 8)), cell_view(crop, (8, 8))
    untouched = ~(sample.degraded | sample.masked)
    np.testing.assert_array_equal(now[untouched], then[untouched])
    assert (now[sample.masked] == 255).all()
    assert sample.input.dtype == np.uint8 and sample.input.shape == crop.shape


def test_a_mask_hides_the_degraded_cell_below_it(crop: Pixels) -> None:
    sample = degrade(crop, _rng(3), CorruptSettings(), MaskSettings(disjoint=False))
    both = sample.degraded & sample.masked
    assert both.any()
    assert (cell_view(sample.input, (8, 8))[both] == 255).all()
    assert (sample.kinds[both] != CLEAN).all()


@pytest.mark.parametrize(("degraded", "masked"), [(0.0, 0.3), (0.5, 0.0), (0.0, 0.0)])
def test_controls(degraded: float, masked: float, crop: Pixels) -> None:
    sample = degrade(crop, _rng(5), CorruptSettings(), MaskSettings(degraded=degraded, masked=masked))
    assert (sample.kinds != CLEAN).any() == bool(degraded)
    assert sample.masked.any() == bool(masked)
    assert np.array_equal(sample.input, crop) == (not degraded and not masked)


def test_kinds_have_names() -> None:
    assert [KIND_NAMES[kind] for kind in (CLEAN, JPEG, GAUSSIAN, UNIFORM)] == ["clean", "jpeg", "gaussian", "uniform"]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["jpeg_share=-1"], "corrupt.[*]_share"),
        (["jpeg_share=0", "gaussian_share=0", "uniform_share=0"], "not all 0"),
        (["jpeg_quality=[0, 50]"], "jpeg_quality must rise within 1..100"),
        (["jpeg_quality=[60, 50]"], r"jpeg_quality .* \[60, 50\]"),
        (["gaussian_sigma=[0, 300]"], "gaussian_sigma must rise within 0..255"),
        (["uniform_amplitude=[-5, 5]"], "uniform_amplitude"),
        (["kind_per='pixel'"], "kind_per: got"),
        (["jpeg_sampling='4:1:1'"], "jpeg_sampling: got"),
        (["gausian_sigma=[0, 5]"], "did you mean corrupt.gaussian_sigma"),
    ],
)
def test_settings_that_cannot_be_say_why(overrides: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        from_dict(CorruptSettings, apply_overrides({}, overrides), "corrupt")
