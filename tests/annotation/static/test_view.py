"""Where the picture lies on the stage."""

from __future__ import annotations

import pytest

from tests.annotation.static.conftest import Modules

VIEW = (
    "const {View} = await import('/engine/view.js'); const view = new View(); view.resize(800, 600);"
    "view.setImage(2152, 1436);"
)


def test_the_whole_picture_is_shown_at_first(modules: Modules) -> None:
    scale, corner, opposite = modules.run(
        f"{VIEW} return [view.scale, view.toScreen(0, 0), view.toScreen(2152, 1436)];"
    )
    assert scale == pytest.approx(800 / 2152)
    assert corner[0] == pytest.approx(0) and opposite[0] == pytest.approx(800)
    assert corner[1] == pytest.approx(600 - opposite[1])


def test_zooming_keeps_what_is_under_the_pointer(modules: Modules) -> None:
    before, after = modules.run(
        f"{VIEW} const before = view.toImage(300, 200); view.zoomAround(17, 300, 200);"
        "return [before, view.toImage(300, 200)];"
    )
    assert after == pytest.approx(before)


@pytest.mark.parametrize(("asked", "given"), [(1000, 32), (0.0001, 800 / 2152 / 2)])
def test_zoom_has_ends(modules: Modules, asked: float, given: float) -> None:
    assert modules.run(f"{VIEW} view.zoomAround({asked}, 400, 300); return view.scale;") == pytest.approx(given)


def test_the_picture_cannot_be_panned_out_of_sight(modules: Modules) -> None:
    left, top = modules.run(
        f"{VIEW} view.panBy(1e6, -1e6); const [x] = view.toScreen(0, 0); return [x, view.toScreen(0, 1436)[1]];"
    )
    assert (left, top) == pytest.approx((760, 40))


def test_a_larger_stage_keeps_the_middle(modules: Modules) -> None:
    before, after = modules.run(
        f"{VIEW} view.zoomAround(4, 400, 300); const before = view.toImage(400, 300); view.resize(1000, 500);"
        "return [before, view.toImage(500, 250)];"
    )
    assert after == pytest.approx(before)
