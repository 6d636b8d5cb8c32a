"""What steers synthetic local blur, and what comes out."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from million_ird.errors import UsageError

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class LocalBlurSettings:
    """How objects look, how they move, and how the two frames differ besides. All defaults are ours.

    A pair of numbers is a range that is drawn from, lowest and highest.
    """

    objects: tuple[int, int] = (1, 2)
    """How many objects move in one picture."""
    size: tuple[float, float] = (0.08, 0.45)
    """Diameter of an object as share of the picture's shorter side; drawn evenly on a logarithmic scale."""
    trail: tuple[float, float] = (0.008, 0.1)
    """How far an object moves during the exposure, as share of the longer side; drawn on a logarithmic scale."""
    bend: float = 0.25
    """How far a path may depart from a straight line, at most, as share of its length."""
    turn: float = 12.0
    """Degrees that an object turns during the exposure, at most, to either side."""
    swell: float = 0.06
    """By what share an object grows or shrinks during the exposure, at most."""
    edge: tuple[float, float] = (0.6, 2.0)
    """Softness of an object's edge: standard deviation in pixels."""
    borrowed: float = 0.5
    """Share of objects that come from another place or picture; the others move where they stand in the picture."""
    instant: tuple[float, float] = (0.4, 0.6)
    """When within the exposure the sharp frame was taken, 0 at its beginning and 1 at its end."""
    misalignment: float = 0.0
    """By how many pixels the sharp frame is displaced against the blurred one, at most, to each side."""
    gain: float = 0.0
    """By what share the blurred frame is brighter or darker, at most; in linear light."""
    noise: tuple[float, float] = (0.0, 0.0)
    """Standard deviation of the noise of each frame in grey levels of 0..255."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, tuple) and not 0 <= value[0] <= value[1]:
                raise UsageError(f"{field.name} must be a range (lowest, highest) of no negative numbers, not {value}")
            if not isinstance(value, tuple) and value < 0:
                raise UsageError(f"{field.name} must not be negative, not {value}")
        if self.objects[0] < 1 or self.size[0] <= 0 or self.size[1] > 1 or self.trail[0] <= 0:
            raise UsageError("there must be an object, and objects and trails must be larger than 0, objects at most 1")
        if self.borrowed > 1 or self.instant[1] > 1 or self.gain >= 1 or self.swell >= 1:
            raise UsageError("borrowed and instant are shares, 0 to 1; gain and swell must stay below 1")


@dataclass(frozen=True, slots=True)
class Movement:
    """One object and its path.

    Attributes:
        x, y: middle of the object in the middle of its path, pixels.
        diameter: pixels; of a circle of the same area.
        dx, dy: from the beginning of the path to its end, pixels.
        bend: departure of the path's middle from the straight line, pixels.
        turn: degrees from beginning to end.
        swell: final size over initial size.
        borrowed: whether the object came from elsewhere.
    """

    x: float
    y: float
    diameter: float
    dx: float
    dy: float
    bend: float
    turn: float
    swell: float
    borrowed: bool


@dataclass(frozen=True, slots=True)
class BlurredPair:
    """A pair with its mask.

    Attributes:
        blurred, sharp: RGB, uint8, (H, W, 3).
        mask: (H, W) bool, True wherever an object was at any time of the exposure; in the geometry of `blurred`.
        movements: what moved, and how.
        displacement: (dx, dy) of the sharp frame's content against the blurred one's, pixels.
        gain: brightness of the blurred frame over that of the sharp one, in linear light.
        noise: standard deviation in each frame, grey levels.
    """

    blurred: Pixels
    sharp: Pixels
    mask: npt.NDArray[np.bool_]
    movements: tuple[Movement, ...]
    displacement: tuple[float, float]
    gain: float
    noise: float
