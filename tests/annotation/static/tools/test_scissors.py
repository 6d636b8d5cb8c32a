"""The magnetic outline: one question at a time, stale answers dropped, closed into a region."""

from __future__ import annotations

from typing import Any

from tests.annotation.static.conftest import Modules

_HOST = """
const {MaskRaster} = await import('/engine/mask.js');
const {Scissors} = await import('/engine/tools/scissors.js');
const mask = new MaskRaster(60, 40), asked = [], notices = [], kinds = [];
const tool = new Scissors({
  mask, view: {distance: (a, b) => Math.hypot(a[0] - b[0], a[1] - b[1])}, item: {id: 1}, frame: 'blurred',
  api: {scissors: (item, frame, anchor, target) => new Promise((resolve, reject) => {
    asked.push({anchor, target, resolve, reject});
  })},
  commit: (kind) => { kinds.push(kind); return mask.commit() !== null; },
  redraw: () => {}, notice: (message) => notices.push(message), working: () => {}, open: () => true,
});
const at = (x, y, subtract = false) => ({x: x + 0.5, y: y + 0.5, pressure: 1, subtract});
const later = () => new Promise((resolve) => setTimeout(resolve, 0));
const answer = async (which, points) => { asked[which].resolve(points); await later(); };
const targets = () => asked.map(({target}) => target);
"""


def _run(modules: Modules, body: str) -> Any:
    return modules.run(_HOST + body)


def test_one_question_at_a_time_and_then_for_where_the_pointer_is(modules: Modules) -> None:
    first, second = _run(
        modules,
        "tool.pointerDown(at(5, 5)); for (let x = 6; x < 20; x++) tool.pointerMove([at(x, 5)]);"
        "const first = targets(); await answer(0, [[5, 5], [6, 5]]); return [first, targets()];",
    )
    assert first == [[6, 5]]
    assert second == [[6, 5], [19, 5]]


def test_an_answer_for_an_anchor_that_is_no_longer_the_newest_is_dropped(modules: Modules) -> None:
    lines = _run(
        modules,
        "tool.pointerDown(at(5, 5)); tool.pointerMove([at(9, 9)]); tool.pointerDown(at(30, 5));"
        "await answer(0, [[5, 5], [7, 30], [9, 9]]); return tool.sketch().lines;",
    )
    assert [7.5, 30.5] not in [point for line in lines for point in line]


def test_a_closed_outline_is_filled_with_its_own_pixels(modules: Modules) -> None:
    kinds, area, corner = _run(
        modules,
        "for (const [x, y] of [[10, 10], [30, 10], [30, 20]]) tool.pointerDown(at(x, y));"
        "const closing = tool.finish(); for (const {anchor, target, resolve} of asked) resolve([anchor, target]);"
        "await later(); await later(); return [kinds, mask.area(), mask.at(30, 20)];",
    )
    assert kinds == ["scissors"]
    assert corner == 1
    assert 100 <= area <= 125  # half of 20 × 10 between the centres, and some of the outline


def test_without_an_answer_a_part_is_straight_and_that_is_said(modules: Modules) -> None:
    notices, area = _run(
        modules,
        "for (const [x, y] of [[10, 10], [30, 10], [30, 20]]) tool.pointerDown(at(x, y)); tool.finish();"
        "asked[0].reject(new Error('no answer'));"
        "for (const {anchor, target, resolve} of asked) resolve([anchor, target]);"
        "await later(); await later(); return [notices, mask.area()];",
    )
    assert notices == ["Magnetic outline: no answer. This part is straight."]
    assert area > 90


def test_giving_up_while_it_closes_leaves_nothing(modules: Modules) -> None:
    assert _run(
        modules,
        "for (const [x, y] of [[10, 10], [30, 10], [30, 20]]) tool.pointerDown(at(x, y)); tool.finish(); tool.cancel();"
        "for (const {anchor, target, resolve} of asked) resolve([anchor, target]);"
        "await later(); await later(); return [kinds, mask.area(), tool.sketch()];",
    ) == [[], 0, None]


def test_the_last_anchor_can_be_taken_back(modules: Modules) -> None:
    points = _run(
        modules,
        "for (const [x, y] of [[10, 10], [30, 10], [30, 20]]) tool.pointerDown(at(x, y)); tool.removeLastPoint();"
        "return tool.sketch().points;",
    )
    assert points == [[10.5, 10.5], [30.5, 10.5]]
