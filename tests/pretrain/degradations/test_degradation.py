"""What all kinds of degradation answer."""

from __future__ import annotations

import pytest

from pretrain.degradations import Degradation, Demosaic, Downscale, GaussianNoise, Jpeg, LocalBlur


@pytest.mark.parametrize(
    ("degradation", "task", "title"),
    [
        (GaussianNoise(7.5, "float"), "denoise", "denoise σ=7.5"),
        (GaussianNoise(25, "truncated"), "denoise", "denoise σ=25"),
        (Jpeg(10), "dejpeg", "dejpeg q=10"),
        (Jpeg(10, "4:4:4"), "dejpeg", "dejpeg q=10 4:4:4"),
        (Downscale(2), "enlarge", "enlarge ×2"),
        (Demosaic(), "demosaic", "demosaic"),
        (LocalBlur(), "deblur", "deblur local"),
    ],
)
def test_names_say_what_is_to_be_done_and_how_strong_it_is(degradation: Degradation, task: str, title: str) -> None:
    assert (degradation.task, degradation.title) == (task, title)
