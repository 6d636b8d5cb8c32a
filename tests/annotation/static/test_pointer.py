"""Who draws, who pans, who zooms: pens, fingers, palms, mice."""

from __future__ import annotations

from typing import Any

import pytest

from tests.annotation.static.conftest import Modules

_STAGE = """
const {PointerInput} = await import('/engine/pointer.js');
const {View} = await import('/engine/view.js');
document.body.innerHTML = '<div style="position:absolute;left:10px;top:20px;width:200px;height:100px"></div>';
const stage = document.body.firstChild;
stage.setPointerCapture = () => {};  // pointers made by a script cannot be captured
const view = new View(); view.resize(200, 100); view.setImage(200, 100);
const told = [];
const tidy = (value) => (typeof value === 'number' ? Math.round(100 * value) / 100 : value);
const note = (name) => (...values) => { told.push([name, ...values.map(tidy)]); };
const drawn = (name) => (at) => { const p = Array.isArray(at) ? at[at.length - 1] : at; told.push([name, p.x, p.y]); };
const input = new PointerInput(stage, view, {
  panning: () => panning, drags: () => drags, onSplitLine: (x) => x === split, splitTo: note('split'),
  down: drawn('down'), move: drawn('move'), up: drawn('up'), giveUp: note('giveUp'),
  pan: note('pan'), zoom: note('zoom'), leave: note('leave'),
});
for (const [name, pointerType, pointerId, x, y, more] of events) {
  const Kind = name === 'wheel' ? WheelEvent : PointerEvent;
  const pressed = name === 'pointermove' ? {button: -1} : {button: 0, buttons: 1};
  const place = {clientX: x + 10, clientY: y + 20, pointerType, pointerId, pressure: 0.5, cancelable: true};
  stage.dispatchEvent(new Kind(name, {...place, ...pressed, ...more}));
}
const durations = input.durations; input.close();
return {told, durations};
"""

Event = tuple[str, str, int, float, float, dict[str, Any]]


def _event(name: str, kind: str, number: int, x: float, y: float, **more: Any) -> Event:
    return (name if name == "wheel" else f"pointer{name}", kind, number, x, y, more)


def _told(
    modules: Modules, *events: Event, panning: bool = False, drags: bool = True, split: float = -1
) -> list[list[Any]]:
    found = modules.run(_STAGE, events=[list(event) for event in events], panning=panning, drags=drags, split=split)
    assert len(found["durations"]) == len(events) and all(duration >= 0 for duration in found["durations"])
    told: list[list[Any]] = found["told"]
    return told


@pytest.mark.parametrize("kind", ["mouse", "pen", "touch"])
def test_mouse_pen_and_a_finger_draw(modules: Modules, kind: str) -> None:
    told = _told(modules, _event("down", kind, 1, 5, 6), _event("move", kind, 1, 15, 16), _event("up", kind, 1, 25, 26))
    assert told == [["down", 5, 6], ["move", 15, 16], ["up", 25, 26]]


def test_a_second_finger_takes_back_what_the_first_drew_and_zooms(modules: Modules) -> None:
    told = _told(
        modules,
        _event("down", "touch", 1, 50, 50),
        _event("down", "touch", 2, 70, 50),
        _event("move", "touch", 2, 90, 50),
        _event("up", "touch", 2, 90, 50),
        _event("move", "touch", 1, 60, 50),
    )
    assert told == [["down", 50, 50], ["giveUp"], ["pan", 10, 0], ["zoom", 2, 70, 50]]


def test_after_a_pen_fingers_only_move_the_picture(modules: Modules) -> None:
    told = _told(
        modules,
        _event("move", "pen", 9, 5, 5),
        _event("down", "touch", 1, 50, 50),
        _event("move", "touch", 1, 57, 48),
        _event("up", "touch", 1, 57, 48),
    )
    assert told == [["move", 5, 5], ["pan", 7, -2]]


def test_a_palm_beside_the_pen_does_nothing(modules: Modules) -> None:
    told = _told(
        modules,
        _event("down", "pen", 9, 5, 5),
        _event("down", "touch", 1, 50, 50),
        _event("move", "touch", 1, 57, 48),
        _event("move", "pen", 9, 8, 5),
        _event("up", "touch", 1, 57, 48),
        _event("up", "pen", 9, 8, 5),
    )
    assert told == [["down", 5, 5], ["move", 8, 5], ["up", 8, 5]]


def test_a_palm_that_was_there_first_gives_way_to_the_pen(modules: Modules) -> None:
    told = _told(
        modules,
        _event("down", "touch", 1, 50, 50),
        _event("down", "pen", 9, 5, 5),
        _event("move", "touch", 1, 57, 48),
        _event("up", "pen", 9, 8, 5),
    )
    assert told == [["down", 50, 50], ["giveUp"], ["down", 5, 5], ["up", 8, 5]]


def test_a_tool_that_is_clicked_is_not_set_off_by_moving_the_picture(modules: Modules) -> None:
    tap = (_event("down", "touch", 1, 50, 50), _event("up", "touch", 1, 52, 50))
    moved = (_event("down", "touch", 1, 50, 50), _event("move", "touch", 1, 70, 50), _event("up", "touch", 1, 90, 50))
    assert _told(modules, *tap, drags=False) == [["down", 50, 50], ["up", 50, 50]]
    assert [each[0] for each in _told(modules, *moved, drags=False)] == []


def test_the_middle_button_and_the_hand_move_the_picture(modules: Modules) -> None:
    drag = [_event("move", "mouse", 1, 60, 45), _event("up", "mouse", 1, 60, 45)]
    middle = _event("down", "mouse", 1, 50, 50, button=1, buttons=4)
    assert _told(modules, middle, *drag) == [["pan", 10, -5]]
    assert _told(modules, _event("down", "mouse", 1, 50, 50), *drag, panning=True) == [["pan", 10, -5]]


def test_the_wheel_moves_and_with_ctrl_zooms(modules: Modules) -> None:
    assert _told(modules, _event("wheel", "mouse", 1, 40, 30, deltaY=12)) == [["pan", 0, -12]]
    assert _told(modules, _event("wheel", "mouse", 1, 40, 30, deltaY=2, deltaMode=1, shiftKey=True)) == [
        ["pan", -64, 0]
    ]
    assert _told(modules, _event("wheel", "mouse", 1, 40, 30, deltaY=-100, ctrlKey=True)) == [["zoom", 1.65, 40, 30]]


def test_the_split_line_is_dragged_rather_than_drawn_over(modules: Modules) -> None:
    told = _told(
        modules,
        _event("down", "mouse", 1, 100, 50),
        _event("move", "mouse", 1, 150, 50),
        _event("up", "mouse", 1, 150, 50),
        split=100,
    )
    assert told == [["split", 0.75]]


def test_a_pointer_that_the_system_takes_away_leaves_what_was_drawn(modules: Modules) -> None:
    told = _told(
        modules,
        _event("down", "pen", 1, 5, 5),
        _event("move", "pen", 1, 9, 5),
        _event("cancel", "pen", 1, 9, 5),
        _event("down", "pen", 2, 30, 30),
        _event("up", "pen", 2, 30, 30),
    )
    assert [each[0] for each in told] == ["down", "move", "up", "down", "up"]
