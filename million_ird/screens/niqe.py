"""NIQE: how far the statistics of a photograph's neighbourhoods lie from those of clean photographs.

Mittal, Soundararajan & Bovik, "Making a 'completely blind' image quality analyzer" (IEEE Signal Processing Letters,
2013); equation numbers below are theirs. Shapes: P patches, S = 96 pixels a side (48 at the second scale).
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import resources
from math import gamma
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from million_ird.errors import UsageError
from million_ird.screens.photo import Photo, spread_windows
from million_ird.screens.screen import Screen

PATCH = 96
"""Side of a patch at full resolution, as published."""
FEATURES = 36
"""18 at each of two scales."""
_WINDOW, _PER_AXIS = 3 * PATCH, 4  # larger photographs: 16 windows of 3 × 3 patches, 144 patches
_SHARP_SHARE = 0.75  # the pristine model learns from patches at least this sharp relative to the sharpest, eq. 5
_ROUNDING = 1e-4  # float32 rounding of a normalised coefficient stays well below this
_SHIFTS = ((0, 1), (1, 0), (1, 1), (1, -1))  # the four neighbours whose products are modelled, eq. 7
_MODEL_FILE = "niqe_pristine.npz"

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class NiqeModel:
    """The multivariate normal distribution of the 36 features over sharp patches of clean photographs."""

    mean: Floats
    """(36,)"""
    covariance: Floats
    """(36, 36)"""
    about: str = ""
    """Where it was fitted, one line of text."""

    def save(self, path: Path) -> None:
        """Write a NumPy archive; equal models give equal bytes."""
        parts = {"mean": self.mean, "covariance": self.covariance, "about": np.array(self.about)}
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, array in parts.items():
                body = io.BytesIO()
                np.lib.format.write_array(body, array, allow_pickle=False)
                # A fixed time of change: the earliest a zip archive can state.
                archive.writestr(zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0)), body.getvalue())

    @staticmethod
    def load(path: Path) -> NiqeModel:
        """Read what `save` wrote.

        Raises:
            UsageError: there is no such file, or it is no NIQE model.
        """
        try:
            with np.load(path, allow_pickle=False) as archive:
                mean, covariance = np.asarray(archive["mean"], float), np.asarray(archive["covariance"], float)
                about = str(archive["about"])
        except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile) as error:
            raise UsageError(
                f"{path} cannot be read as a NIQE model ({error}); `million-ird fit-niqe` makes one"
            ) from None
        if mean.shape != (FEATURES,) or covariance.shape != (FEATURES, FEATURES):
            raise UsageError(f"{path} is a model of {mean.shape} features, not of {FEATURES}")
        return NiqeModel(mean, covariance, about)

    @staticmethod
    @cache
    def shipped() -> NiqeModel:
        """The model that comes with the package (docs/screens.md says what it was fitted on)."""
        with resources.as_file(resources.files("million_ird.screens") / _MODEL_FILE) as path:
            return NiqeModel.load(path)


def niqe(photo: Photo, model: NiqeModel | None = None) -> float | None:
    """The distance of `photo` from `model` (the shipped one unless told otherwise), eq. 10; lower is better.

    Measured on the whole image up to 1.3 megapixels, on 16 windows of 288 × 288 pixels spread evenly beyond. None if
    fewer than two patches hold any contrast.
    """
    pieces = spread_windows(photo.luma, _WINDOW, _PER_AXIS)
    features = [patch_features(piece).features for piece in pieces if min(piece.shape) >= PATCH]
    return distance(np.concatenate(features), model or NiqeModel.shipped()) if features else None


def distance(features: Floats, model: NiqeModel) -> float | None:
    """√((μ − ν)ᵀ ((Σ + T) / 2)⁻¹ (μ − ν)), eq. 10, with μ, Σ of the (P, 36) features and ν, T of the model."""
    features = features[np.isfinite(features).all(axis=1)]
    if len(features) < 2:
        return None
    difference = features.mean(axis=0) - model.mean
    pooled = (np.cov(features, rowvar=False) + model.covariance) / 2
    return float(np.sqrt(max(0.0, difference @ np.linalg.pinv(pooled) @ difference)))


def fit_niqe(photographs: Iterable[NDArray[np.uint8]], about: str = "") -> NiqeModel:
    """Fit the pristine model on clean, sharp photographs, each (H, W, 3) uint8 RGB.

    Of each photograph only the patches count whose sharpness (mean local deviation, eq. 5) exceeds three quarters of
    its sharpest patch's.

    Raises:
        UsageError: fewer than 100 such patches, too few for 36 means and 666 covariances to mean anything.
    """
    kept = [_sharp_features(np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.uint8)) for rgb in photographs]
    features = np.concatenate(kept) if kept else np.empty((0, FEATURES))
    if len(features) < 100:
        raise UsageError(f"only {len(features)} sharp patches of {PATCH} pixels; a NIQE model needs at least 100")
    return NiqeModel(features.mean(axis=0), np.cov(features, rowvar=False), about)


def _sharp_features(luma: NDArray[np.uint8]) -> Floats:
    if min(luma.shape) < PATCH:
        return np.empty((0, FEATURES))
    features, sharpness = patch_features(luma)
    finite = np.isfinite(features).all(axis=1)
    return np.asarray(features[finite & (sharpness > _SHARP_SHARE * sharpness.max())], np.float64)


class PatchFeatures(NamedTuple):
    """What `patch_features` gives."""

    features: Floats
    """(P, 36); a patch without any contrast has numbers that are not finite."""
    sharpness: Floats
    """(P,) mean local deviation in grey levels, eq. 5."""


def patch_features(luma: NDArray[np.uint8]) -> PatchFeatures:
    """The features of all whole 96 × 96 patches of `luma` (H, W), row by row."""
    rows, columns = luma.shape[0] // PATCH, luma.shape[1] // PATCH
    image = luma[: rows * PATCH, : columns * PATCH].astype(np.float32)
    scales, sharpness = [], np.empty(0)
    for side in (PATCH, PATCH // 2):
        if side != PATCH:
            image = _half(image)
        normalised, deviation = _mscn(image)
        if side == PATCH:
            sharpness = _patches(deviation, side).mean(axis=(1, 2), dtype=np.float64)
        scales.append(_scale_features(_patches(normalised, side)))
    return PatchFeatures(np.concatenate(scales, axis=1), sharpness)


def _patches(image: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """(P, side, side), row by row."""
    rows, columns = image.shape[0] // side, image.shape[1] // side
    return image.reshape(rows, side, columns, side).transpose(0, 2, 1, 3).reshape(-1, side, side)


def _mscn(image: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean-subtracted, contrast-normalised luma and the local deviation, eq. 1-3: a 7 × 7 Gaussian of 7/6 pixels."""
    kernel = cv2.getGaussianKernel(7, 7 / 6)
    # Centring first keeps the difference of the two large squares below within float32.
    centred = image - np.float32(128)
    mean = cv2.sepFilter2D(centred, cv2.CV_32F, kernel, kernel, borderType=cv2.BORDER_REPLICATE)
    square = cv2.sepFilter2D(centred * centred, cv2.CV_32F, kernel, kernel, borderType=cv2.BORDER_REPLICATE)
    deviation = np.sqrt(np.abs(square - mean * mean))
    normalised = (centred - mean) / (deviation + 1)
    # Where all is one grey, rounding alone would decide what is negative and what is positive, and so the fit.
    normalised[np.abs(normalised) < _ROUNDING] = 0
    return normalised, deviation


def _half(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Half the size by cubic convolution (a = −1/2) stretched twofold against aliasing, edges mirrored.

    The eight taps lie at odd multiples of a half pixel from the new pixel's centre.
    """
    offset = np.array([1.75, 1.25, 0.75, 0.25, 0.25, 0.75, 1.25, 1.75])
    near, far = 1.5 * offset**3 - 2.5 * offset**2 + 1, -0.5 * offset**3 + 2.5 * offset**2 - 4 * offset + 2
    taps = np.where(offset < 1, near, far) / 2
    filtered = cv2.sepFilter2D(image, cv2.CV_32F, taps, taps, anchor=(3, 3), borderType=cv2.BORDER_REFLECT)
    return np.ascontiguousarray(filtered[::2, ::2])


def _scale_features(patches: NDArray[np.float32]) -> Floats:
    """(P, 18): shape and mean width of the coefficients, then of the products with each of four neighbours the shape,
    mean, left and right width (eq. 4 and 8). Neighbours wrap around inside the patch, as in the authors' release."""
    shape, left, right = _asymmetric_fit(patches)
    columns = [shape, (left + right) / 2]
    for shift in _SHIFTS:
        shape, left, right = _asymmetric_fit(patches * np.roll(patches, shift, axis=(1, 2)))
        columns += [shape, (right - left) * _mean_factor(shape), left, right]
    return np.stack(columns, axis=1)


def _asymmetric_fit(values: NDArray[np.float32]) -> tuple[Floats, Floats, Floats]:
    """Fit an asymmetric generalised Gaussian to each of (P, …) values by moments: shape α, widths β left and right.

    Lasmar, Stitou & Berthoumieu, "Multiscale skewed heavy tailed model for texture analysis" (2009).
    """
    flat = values.reshape(len(values), -1)
    negative, positive = np.minimum(flat, 0), np.maximum(flat, 0)
    with np.errstate(divide="ignore", invalid="ignore"):  # a patch of one grey: 0/0, sorted out by the callers
        left = np.sqrt(_sum_of_squares(negative) / np.count_nonzero(negative, axis=1))
        right = np.sqrt(_sum_of_squares(positive) / np.count_nonzero(positive, axis=1))
        ratio = left / right
        peak = np.abs(flat).mean(axis=1, dtype=np.float64) ** 2 / (_sum_of_squares(flat) / flat.shape[1])
        wanted = peak * (ratio**3 + 1) * (ratio + 1) / (ratio**2 + 1) ** 2
        shape = _shape_of(wanted)
    width = np.sqrt(np.interp(shape, _shape_grid(), _width_factors()))
    return shape, left * width, right * width


def _sum_of_squares(flat: NDArray[np.float32]) -> Floats:
    return np.asarray(np.einsum("pi,pi->p", flat, flat), np.float64)


@cache
def _shape_grid() -> Floats:
    """The shapes α that are searched, as in the authors' release: 0.2 to 10 in steps of 0.001."""
    return np.arange(200, 10_001) / 1000


@cache
def _gamma_table(numerator: int) -> Floats:
    """Γ(numerator / α) on the grid."""
    return np.array([gamma(numerator / shape) for shape in _shape_grid()])


@cache
def _width_factors() -> Floats:
    return _gamma_table(1) / _gamma_table(3)


@cache
def _peak_ratios() -> Floats:
    """Γ(2/α)² / (Γ(1/α) Γ(3/α)): (mean |x|)² / mean x² of a generalised Gaussian, growing with α."""
    return _gamma_table(2) ** 2 / (_gamma_table(1) * _gamma_table(3))


def _shape_of(ratio: Floats) -> Floats:
    """The grid shape whose peak ratio is nearest; not finite where `ratio` is not."""
    grid, table = _shape_grid(), _peak_ratios()
    above = np.clip(np.searchsorted(table, ratio), 1, len(table) - 1)
    nearest = np.where(ratio - table[above - 1] < table[above] - ratio, above - 1, above)
    return np.where(np.isfinite(ratio), grid[nearest], np.nan)


def _mean_factor(shape: Floats) -> Floats:
    """Γ(2/α) / Γ(1/α), eq. 9."""
    return np.interp(shape, _shape_grid(), _gamma_table(2) / _gamma_table(1))


SCREEN = Screen(
    name="niqe",
    unit="distance, 0 or more; lower is cleaner",
    digits=3,
    measured_on="luma, whole up to 1.3 megapixels, else 16 windows of 288 × 288",
    source="Mittal et al. 2013",
    cost="costly",
    measure=niqe,
)
