"""Objects to move: an outline, and what would be seen behind it."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
Plane = npt.NDArray[np.float32]

_SEGMENT_SIDE = 240
"""Longest side in pixels of the picture in which segments are sought: outlines need no more."""


def blob(height: int, width: int, x: float, y: float, diameter: float, rng: np.random.Generator) -> Plane:
    """A random outline, filled: (H, W) float32 of 0 and 1.

    Its radius is a short Fourier series of the angle, stretched in a random direction; every third has limbs.
    """
    angle = np.linspace(0, 2 * np.pi, 256, endpoint=False)
    radius = np.ones_like(angle)
    for frequency in range(2, 7):
        radius += rng.normal(0, 0.35 / frequency) * np.cos(frequency * angle + rng.uniform(0, 2 * np.pi))
    if rng.random() < 1 / 3:
        limbs = rng.integers(3, 6)
        radius += 0.5 * np.maximum(np.cos(limbs * angle + rng.uniform(0, 2 * np.pi)), 0) ** 3
    radius = np.maximum(radius, 0.25)
    stretch, tilt = rng.uniform(0.5, 1.0), rng.uniform(0, np.pi)
    across, down = radius * np.cos(angle), radius * np.sin(angle) * stretch
    across, down = across * np.cos(tilt) - down * np.sin(tilt), across * np.sin(tilt) + down * np.cos(tilt)
    scale = diameter / (2 * np.sqrt(np.mean(radius**2) * stretch))
    points = np.stack((x + scale * across, y + scale * down), axis=1)
    out = np.zeros((height, width), np.uint8)
    cv2.fillPoly(out, [np.rint(points * 16).astype(np.int32)], 1, shift=4)
    return out.astype(np.float32)


def snap(picture: Pixels, outline: Plane, rng: np.random.Generator) -> Plane:
    """The outline moved to edges of the picture: the union of the segments that lie mostly inside it.

    Segments are a watershed from a jittered grid of seeds (Meyer's flooding, `cv2.watershed`). Where no segment fits,
    the outline stays as it is.
    """
    height, width = outline.shape
    factor = min(1.0, _SEGMENT_SIDE / max(height, width))
    size = (max(8, round(width * factor)), max(8, round(height * factor)))
    small = cv2.GaussianBlur(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), (0, 0), 1)
    inside = cv2.resize(outline, size, interpolation=cv2.INTER_AREA)
    spacing = max(4.0, float(np.sqrt(inside.sum())) / 4)
    labels = cv2.watershed(np.ascontiguousarray(small), _seeds(size, spacing, rng))
    labels = np.where(labels < 0, 0, labels)
    areas = np.bincount(labels.ravel())
    shares = np.bincount(labels.ravel(), weights=inside.ravel()) / np.maximum(areas, 1)
    chosen = shares > 0.5
    chosen[0] = False
    # Closing joins neighbours over the line one pixel wide that the watershed leaves between segments.
    union = cv2.morphologyEx(chosen[labels].astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    if union.sum() < 0.3 * inside.sum():
        return outline
    smooth = cv2.resize(cv2.GaussianBlur(union.astype(np.float32), (0, 0), 0.8), (width, height))
    return (np.asarray(smooth) > 0.5).astype(np.float32)


def _seeds(size: tuple[int, int], spacing: float, rng: np.random.Generator) -> npt.NDArray[np.int32]:
    """Markers 1, 2, … on a jittered grid, 0 elsewhere."""
    across, down = (np.arange(spacing / 2, length, spacing) for length in size)
    points = np.stack(np.meshgrid(across, down), axis=-1).reshape(-1, 2)
    points = points + rng.uniform(-0.4, 0.4, points.shape) * spacing
    columns, rows = (np.clip(points[:, axis], 0, size[axis] - 1).astype(int) for axis in (0, 1))
    markers = np.zeros((size[1], size[0]), np.int32)
    markers[rows, columns] = np.arange(1, len(points) + 1)
    return markers


def uncover(scene: Plane, hidden: npt.NDArray[np.bool_], rng: np.random.Generator) -> Plane:
    """What might be behind the hidden part of a scene: (H, W, 3) float32, unchanged where nothing is hidden.

    Texture from beside it, lifted or lowered so that it joins on at the edge: the difference at the edge is spread
    smoothly over the hidden part.
    """
    rows, columns = np.nonzero(hidden)
    if rows.size == 0:
        return scene
    extent = (np.ptp(rows) + 8, np.ptp(columns) + 8)
    candidates = [(0, extent[1]), (0, -extent[1]), (extent[0], 0), (-extent[0], 0)]
    down, across = candidates[rng.integers(4)]
    matrix = np.array([[1, 0, across], [0, 1, down]], np.float64)
    flags = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
    size = (scene.shape[1], scene.shape[0])
    beside = np.asarray(cv2.warpAffine(scene, matrix, size, flags=flags, borderMode=cv2.BORDER_REFLECT_101))
    correction = _spread(scene - beside, ~hidden)
    filled = np.clip(beside + correction, 0, 1)
    return np.where(hidden[..., None], filled, scene).astype(np.float32)


def _spread(values: Plane, known: npt.NDArray[np.bool_]) -> Plane:
    """Known values carried smoothly into the unknown: a pyramid of weighted means, coarse filling fine."""
    weight = known.astype(np.float32)[..., None]
    if min(known.shape) <= 2 or known.all():
        mean = (values * weight).sum((0, 1), keepdims=True) / max(float(weight.sum()), 1e-6)
        return np.where(weight > 0, values, mean).astype(np.float32)
    size = ((known.shape[1] + 1) // 2, (known.shape[0] + 1) // 2)
    share = np.asarray(cv2.resize(weight[..., 0], size, interpolation=cv2.INTER_AREA))[..., None]
    coarse = np.asarray(cv2.resize(values * weight, size, interpolation=cv2.INTER_AREA)) / np.maximum(share, 1e-6)
    filled = _spread(coarse.astype(np.float32), share[..., 0] > 0)
    up = np.asarray(cv2.resize(filled, (known.shape[1], known.shape[0]), interpolation=cv2.INTER_LINEAR))
    return np.where(weight > 0, values, up).astype(np.float32)
