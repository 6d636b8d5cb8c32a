"""The mask: what a stroke changed, and taking it back."""

from __future__ import annotations

import numpy as np

from tests.annotation.static.conftest import Modules

START = np.random.default_rng(5).random((20, 30)) < 0.5
DRAW = "mask.draw({x: 4, y: 3, width: 9, height: 6}, () => 1);"


def _drawn() -> np.ndarray:
    wanted = START.copy()
    wanted[3:9, 4:13] = True
    return wanted


def test_a_stroke_is_the_smallest_rectangle_around_what_it_changed(modules: Modules) -> None:
    rect, values, changed = modules.run(
        "const {MaskRaster} = await import('/engine/mask.js'); const mask = new MaskRaster(30, 20);"
        f"mask.replace(start); {DRAW} const change = mask.commit();"
        "return [change.rect, Array.from(change.values), Array.from(change.changed)];",
        start=START,
    )
    rows, columns = np.nonzero(_drawn() ^ START)
    x, y, width, height = rect["x"], rect["y"], rect["width"], rect["height"]
    assert (x, y, x + width - 1, y + height - 1) == (columns.min(), rows.min(), columns.max(), rows.max())
    part = np.s_[y : y + height, x : x + width]
    assert np.array_equal(np.reshape(values, (height, width)), _drawn()[part])
    assert np.array_equal(np.reshape(changed, (height, width)), (_drawn() ^ START)[part])


def test_a_stroke_that_changes_nothing_is_none(modules: Modules) -> None:
    nothing = modules.run(
        "const {MaskRaster} = await import('/engine/mask.js'); const mask = new MaskRaster(30, 20);"
        "mask.draw({x: 1, y: 1, width: 5, height: 5}, () => 0); return [mask.drawing, mask.commit(), mask.drawing];"
    )
    assert nothing == [True, None, False]


def test_a_stroke_given_up_leaves_no_trace(modules: Modules) -> None:
    assert np.array_equal(modules.mask(f"{DRAW} mask.revert()", 30, 20, start=START), START)


def test_undo_and_redo_turn_over_what_changed(modules: Modules) -> None:
    undone = f"{DRAW} const {{rect, changed}} = mask.commit(); mask.toggle(rect, changed);"
    assert np.array_equal(modules.mask(undone, 30, 20, start=START), START)
    assert np.array_equal(modules.mask(f"{undone} mask.toggle(rect, changed)", 30, 20, start=START), _drawn())


def test_what_is_drawn_outside_is_left_out(modules: Modules) -> None:
    found = modules.mask("mask.fillRow(-1, 0, 9, 1); mask.fillRow(2, -5, 1, 1); mask.fillRow(19, 28, 99, 1)", 30, 20)
    assert sorted(map(tuple, np.argwhere(found).tolist())) == [(2, 0), (2, 1), (19, 28), (19, 29)]


def test_only_what_changed_is_drawn_again(modules: Modules) -> None:
    dirty = modules.run(
        "const {MaskRaster} = await import('/engine/mask.js'); const mask = new MaskRaster(30, 20); mask.takeDirty();"
        "mask.touch({x: 3, y: 4, width: 2, height: 2}); mask.touch({x: 28, y: 1, width: 9, height: 1});"
        "return [mask.takeDirty(), mask.takeDirty()];"
    )
    assert dirty == [{"x": 3, "y": 1, "width": 27, "height": 5}, None]
