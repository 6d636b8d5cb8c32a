"""Screens: what is measured on every photograph, and the intervals that judge it.

Measuring and judging are apart: `measure_all` gives numbers that are stored for kept and rejected images alike,
`judge` holds them against the recipe's intervals, so a threshold can be moved later without the pictures. One file per
screen; `table.SCREENS` lists them all.
"""

from __future__ import annotations

from million_ird.screens.niqe import NiqeModel, fit_niqe
from million_ird.screens.photo import Photo
from million_ird.screens.screen import Screen, measure_all
from million_ird.screens.settings import DEFAULT_INTERVALS, LEARNED_PREFIX, Interval, ScreenSettings, judge
from million_ird.screens.table import SCREENS

__all__ = [
    "DEFAULT_INTERVALS",
    "LEARNED_PREFIX",
    "SCREENS",
    "Interval",
    "NiqeModel",
    "Photo",
    "Screen",
    "ScreenSettings",
    "fit_niqe",
    "judge",
    "measure_all",
]
