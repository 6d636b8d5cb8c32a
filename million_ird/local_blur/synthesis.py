"""The whole of it: choose objects, move them, expose, and add what distinguishes two frames besides."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from million_ird.errors import UsageError
from million_ird.local_blur.exposure import Cutout, expose, freeze, from_linear, to_linear
from million_ird.local_blur.model import BlurredPair, LocalBlurSettings, Movement
from million_ird.local_blur.objects import blob, snap, uncover

Pixels = npt.NDArray[np.uint8]
Plane = npt.NDArray[np.float32]

_LEAST_SIDE = 32


def blur_locally(
    photo: Pixels, rng: np.random.Generator, settings: LocalBlurSettings | None = None, other: Pixels | None = None
) -> BlurredPair:
    """Blurs a part of a sharp photograph as if it had moved.

    Args:
        photo: RGB, uint8, (H, W, 3); what stands still.
        rng: decides everything; the same state gives the same pair.
        settings: the defaults unless given.
        other: RGB, uint8, of any size: where borrowed objects come from; the photograph itself unless given.

    Returns:
        The pair. Where nothing moved, and without misalignment, gain and noise, both frames are equal. Objects are
        exposed one after the other, which is exact where trails do not cross.

    Raises:
        UsageError: the photograph has a side under 32 pixels.
    """
    settings = settings or LocalBlurSettings()
    if min(photo.shape[:2]) < _LEAST_SIDE:
        raise UsageError(f"local blur needs photographs of {_LEAST_SIDE} pixels or more, not {photo.shape[:2]}")
    blurred = sharp = to_linear(photo)
    mask = np.zeros(photo.shape[:2], np.bool_)
    movements = []
    instant = rng.uniform(*settings.instant)
    for _ in range(rng.integers(settings.objects[0], settings.objects[1] + 1)):
        movement = _draw_movement(photo.shape[0], photo.shape[1], settings, rng)
        cutout = _draw_object(photo, other, movement, settings, rng)
        behind = cutout.opacity > 1e-3
        if not movement.borrowed:
            hole = cv2.dilate(behind.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
            state = rng.integers(2**32)  # one background behind both frames
            blurred = uncover(blurred, hole, np.random.default_rng(state))
            sharp = uncover(sharp, hole, np.random.default_rng(state))
        blurred, trail = expose(blurred, cutout, movement)
        sharp = freeze(sharp, cutout, movement, instant)
        mask |= trail
        movements.append(movement)
    return _finish(blurred, sharp, mask, tuple(movements), settings, rng)


def _draw_movement(height: int, width: int, settings: LocalBlurSettings, rng: np.random.Generator) -> Movement:
    diameter = min(height, width) * _log_uniform(settings.size, rng)
    length = max(height, width) * _log_uniform(settings.trail, rng)
    direction = rng.uniform(0, 2 * np.pi)
    return Movement(
        x=float(rng.uniform(0.12, 0.88) * width),
        y=float(rng.uniform(0.12, 0.88) * height),
        diameter=float(diameter),
        dx=float(length * np.cos(direction)),
        dy=float(length * np.sin(direction)),
        bend=float(length * rng.uniform(-settings.bend, settings.bend)),
        turn=float(rng.uniform(-settings.turn, settings.turn)),
        swell=float(1 + rng.uniform(-settings.swell, settings.swell)),
        borrowed=bool(rng.random() < settings.borrowed),
    )


def _log_uniform(limits: tuple[float, float], rng: np.random.Generator) -> float:
    return float(np.exp(rng.uniform(*np.log(limits))))


def _draw_object(
    photo: Pixels, other: Pixels | None, movement: Movement, settings: LocalBlurSettings, rng: np.random.Generator
) -> Cutout:
    """The look of an object and its outline, both in the middle of its path."""
    height, width = photo.shape[:2]
    outline = blob(height, width, movement.x, movement.y, movement.diameter, rng)
    look = photo
    if movement.borrowed:
        look = _borrow(photo if other is None else other, height, width, rng)
    outline = snap(look, outline, rng)
    opacity = np.asarray(cv2.GaussianBlur(outline, (0, 0), rng.uniform(*settings.edge)), np.float32)
    return Cutout(to_linear(look), opacity)


def _borrow(source: Pixels, height: int, width: int, rng: np.random.Generator) -> Pixels:
    """Another place of `source`, as large as the picture: rolled, mirrored or not, lighter or darker."""
    if source.shape[0] < height or source.shape[1] < width:
        factor = max(height / source.shape[0], width / source.shape[1])
        size = (max(width, round(source.shape[1] * factor)), max(height, round(source.shape[0] * factor)))
        source = np.asarray(cv2.resize(source, size, interpolation=cv2.INTER_CUBIC), np.uint8)
    top, left = (
        int(rng.integers(0, have - want + 1)) for have, want in zip(source.shape, (height, width), strict=False)
    )
    look = source[top : top + height, left : left + width]
    look = np.roll(look, (int(rng.integers(height)), int(rng.integers(width))), (0, 1))
    if rng.random() < 0.5:
        look = look[:, ::-1]
    return np.ascontiguousarray(np.clip(look * rng.uniform(0.7, 1.25), 0, 255).astype(np.uint8))


def _finish(
    blurred: Plane,
    sharp: Plane,
    mask: npt.NDArray[np.bool_],
    movements: tuple[Movement, ...],
    settings: LocalBlurSettings,
    rng: np.random.Generator,
) -> BlurredPair:
    gain = float(1 + rng.uniform(-settings.gain, settings.gain))
    noise = float(rng.uniform(*settings.noise))
    displacement = rng.uniform(-settings.misalignment, settings.misalignment, 2)
    values = from_linear(sharp)
    if settings.misalignment:
        matrix = np.array([[1, 0, displacement[0]], [0, 1, displacement[1]]], np.float64)
        size = (mask.shape[1], mask.shape[0])
        values = np.asarray(cv2.warpAffine(values, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT))
    frames = [from_linear(blurred * np.float32(gain)), values]
    if noise:
        frames = [frame + rng.normal(0, noise, frame.shape).astype(np.float32) for frame in frames]
    first, second = (np.clip(np.rint(frame), 0, 255).astype(np.uint8) for frame in frames)
    shift = (float(displacement[0]), float(displacement[1]))
    return BlurredPair(first, second, mask, movements, shift, gain, noise)
