"""An exposure during which an object moves: the sum of all its positions, in linear light."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from million_ird.local_blur.model import Movement

Plane = npt.NDArray[np.float32]

_MOST_STEPS = 400
_COVERED = 0.1
"""Opacity from which on a pixel counts as covered: an edge is softer than this only where nobody would see it."""


@dataclass(frozen=True, slots=True)
class Cutout:
    """An object as it lies in the picture in the middle of its path.

    Attributes:
        light: (H, W, 3) float32, its linear light.
        opacity: (H, W) float32, 0..1.
    """

    light: Plane
    opacity: Plane


def to_linear(pixels: npt.NDArray[np.uint8]) -> Plane:
    """sRGB uint8 to linear light 0..1, float32 (IEC 61966-2-1)."""
    value = np.arange(256) / 255
    table = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4).astype(np.float32)
    return np.asarray(table[pixels], np.float32)


def from_linear(light: Plane) -> Plane:
    """Linear light to sRGB values 0..255, float32, clipped, not rounded (IEC 61966-2-1)."""
    light = np.clip(light, 0, 1)
    value = np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.power(light, 1 / 2.4) - 0.055)
    return (value * 255).astype(np.float32)


def expose(background: Plane, cutout: Cutout, movement: Movement) -> tuple[Plane, npt.NDArray[np.bool_]]:
    """The picture after the exposure, and where the object has been.

    Returns:
        (H, W, 3) float32 linear light; (H, W) bool.
    """
    premultiplied = np.dstack((cutout.light * cutout.opacity[..., None], cutout.opacity))
    box = _reach(cutout.opacity, movement)
    total = np.zeros((box[3] - box[1], box[2] - box[0], 4), np.float32)
    most = np.zeros(total.shape[:2], np.float32)
    steps = _steps(movement)
    for step in range(steps):
        layer = _place(premultiplied, movement, (step + 0.5) / steps, box)
        total += layer
        np.maximum(most, layer[..., 3], out=most)
    total /= steps
    out, mask = background.copy(), np.zeros(background.shape[:2], np.bool_)
    part = out[box[1] : box[3], box[0] : box[2]]
    part[...] = total[..., :3] + part * (1 - total[..., 3:])
    mask[box[1] : box[3], box[0] : box[2]] = most >= _COVERED
    return out, mask


def freeze(background: Plane, cutout: Cutout, movement: Movement, instant: float) -> Plane:
    """The picture at one instant, 0..1, of the exposure: (H, W, 3) float32 linear light."""
    premultiplied = np.dstack((cutout.light * cutout.opacity[..., None], cutout.opacity))
    layer = _place(premultiplied, movement, instant, (0, 0, background.shape[1], background.shape[0]))
    return np.asarray(layer[..., :3] + background * (1 - layer[..., 3:]), np.float32)


def _steps(movement: Movement) -> int:
    """So many that no point of the object moves by more than about half a pixel in one."""
    radius = movement.diameter
    longest = np.hypot(movement.dx, movement.dy) + 2 * abs(movement.bend)
    longest += radius * (np.radians(abs(movement.turn)) + abs(np.log(movement.swell)))
    return int(np.clip(np.ceil(2 * longest), 2, _MOST_STEPS))


def _pose(movement: Movement, time: float) -> npt.NDArray[np.float64]:
    """(2, 3) matrix from the object as cut to where it is at `time` 0..1; the identity at 0.5."""
    along = time - 0.5
    length = max(float(np.hypot(movement.dx, movement.dy)), 1e-9)
    aside = movement.bend * 4 * along * along  # a parabola that touches the straight path's direction in the middle
    x = movement.x + movement.dx * along - movement.dy / length * aside
    y = movement.y + movement.dy * along + movement.dx / length * aside
    matrix = np.asarray(
        cv2.getRotationMatrix2D((movement.x, movement.y), movement.turn * along, movement.swell**along), np.float64
    )
    matrix[:, 2] += (x - movement.x, y - movement.y)
    return matrix


def _reach(opacity: Plane, movement: Movement) -> tuple[int, int, int, int]:
    """A box (left, top, right, bottom) that the object never leaves, clipped to the picture."""
    rows, columns = np.nonzero(opacity > 1e-3)
    left, top, right, bottom = columns.min(), rows.min(), columns.max(), rows.max()
    corners = np.array([(x, y, 1) for x in (left, right) for y in (top, bottom)], np.float64)
    places = np.concatenate([corners @ _pose(movement, time).T for time in np.linspace(0, 1, 17)])
    low, high = np.floor(places.min(0)).astype(int) - 3, np.ceil(places.max(0)).astype(int) + 4
    height, width = opacity.shape
    return max(0, int(low[0])), max(0, int(low[1])), min(width, int(high[0])), min(height, int(high[1]))


def _place(premultiplied: Plane, movement: Movement, time: float, box: tuple[int, int, int, int]) -> Plane:
    matrix = _pose(movement, time)
    matrix[:, 2] -= box[:2]
    size = (box[2] - box[0], box[3] - box[1])
    return np.asarray(cv2.warpAffine(premultiplied, matrix, size, flags=cv2.INTER_LINEAR), np.float32)
