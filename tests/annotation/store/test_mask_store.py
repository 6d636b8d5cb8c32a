"""What a store keeps, what it refuses, and that nobody's stroke is ever lost."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotation.mask import MaskError, encode_mask
from annotation.records import Kind, Rect, State
from annotation.store import ConflictError, MaskStore, NotFoundError, RefusedError
from million_ird.errors import MillionIrdError, StoreError
from tests.annotation.store.strokes import HEIGHT, SPOT, WIDTH, draw, new_id, redo, small_item, undo

WHOLE = Rect(0, 0, WIDTH, HEIGHT)


def test_a_new_layer_shows_an_empty_mask_of_the_items_size(store: MaskStore) -> None:
    (layer,) = store.layers(1)
    assert (layer.number, layer.state, layer.annotator, layer.undo, layer.redo) == (1, "todo", "", None, None)
    assert store.mask(layer.id).shape == (HEIGHT, WIDTH)
    assert not store.mask(layer.id).any()
    (empty,) = store.history(layer.id)
    assert (empty.id, empty.kind, empty.parent, empty.area) == (layer.head, "empty", None, 0)


def test_a_stroke_replaces_its_rectangle_and_nothing_else(store: MaskStore) -> None:
    expected = np.zeros((HEIGHT, WIDTH), np.bool_)
    rng = np.random.default_rng(1)
    for _ in range(20):
        x, y = int(rng.integers(WIDTH - 5)), int(rng.integers(HEIGHT - 5))
        rect = Rect(x, y, int(rng.integers(1, WIDTH - x + 1)), int(rng.integers(1, HEIGHT - y + 1)))
        values = rng.random((rect.height, rect.width)) > 0.5
        expected[y : y + rect.height, x : x + rect.width] = values
        revision = store.append(1, new_id(), store.layer(1).head, "polygon", "Ada", rect, values, "why")
        assert revision.area == np.count_nonzero(expected)
        assert (revision.rect, revision.kind, revision.annotator, revision.note) == (rect, "polygon", "Ada", "why")
    assert np.array_equal(store.mask(1), expected)
    assert store.mask_png(1) == encode_mask(expected)
    assert len(store.history(1)) == 21


def test_every_older_revision_is_still_what_it_was(store: MaskStore) -> None:
    masks = {}
    for x in range(10):
        revision = draw(store, 1, Rect(x, x, 4, 4))
        masks[revision.id] = store.mask(1)
    assert all(np.array_equal(store.mask(1, name), mask) for name, mask in masks.items())


def test_the_same_stroke_again_changes_nothing(store: MaskStore) -> None:
    name, head = new_id(), store.layer(1).head
    values = np.ones((4, 3), np.bool_)
    first = store.append(1, name, head, "brush", "Ada", SPOT, values)
    draw(store, 1, Rect(9, 9, 2, 2))
    before = store.layer(1)
    assert store.append(1, name, head, "brush", "Ada", SPOT, values) == first
    assert store.layer(1) == before
    assert len(store.history(1)) == 3


def test_a_stroke_on_what_is_no_longer_shown_is_stored_as_a_branch(store: MaskStore) -> None:
    empty = store.layer(1).head
    ada = draw(store, 1, SPOT, "Ada")
    name = new_id()
    for _ in range(2):  # the same again ends as the first time
        with pytest.raises(ConflictError, match="changed meanwhile by Ada; your stroke is kept") as raised:
            store.append(1, name, empty, "brush", "Bob", Rect(20, 20, 2, 2), np.ones((2, 2), np.bool_))
        assert (raised.value.head, raised.value.annotator, raised.value.stored) == (ada.id, "Ada", True)
    assert store.layer(1).head == ada.id
    assert [revision.annotator for revision in store.history(1)] == ["Bob", "Ada", ""]
    assert store.mask(1, name).sum() == 4
    with pytest.raises(ConflictError):  # what was drawn on the branch follows it
        draw(store, 1, parent=name, annotator="Bob")
    restored = store.move_head(1, new_id(), name, ada.id, "Bob")
    assert (restored.head, restored.annotator) == (name, "Bob")


def test_undo_and_redo_go_stroke_by_stroke_and_survive_closing(store: MaskStore) -> None:
    chain = [store.layer(1).head, *(draw(store, 1, Rect(x, 1, 1, 1)).id for x in range(4))]
    assert [undo(store, 1) for _ in range(4)] == chain[3::-1]
    assert store.layer(1).undo is None
    store.close()
    again = MaskStore(store.path)
    assert not again.mask(1).any()
    assert [redo(again, 1) for _ in range(3)] == chain[1:4]
    assert again.mask(1).sum() == 3
    assert undo(again, 1) == chain[2]
    assert redo(again, 1) == chain[3]
    assert redo(again, 1) == chain[4]
    assert again.layer(1).redo is None
    again.close()


def test_a_new_stroke_clears_redo_and_the_branch_stays(store: MaskStore) -> None:
    first, left = draw(store, 1), draw(store, 1, Rect(9, 9, 3, 3))
    assert undo(store, 1) == first.id
    newer = draw(store, 1, Rect(20, 20, 2, 2))
    assert (store.layer(1).undo, store.layer(1).redo) == (first.id, None)
    assert undo(store, 1) == first.id
    assert store.layer(1).redo == newer.id
    restored = store.move_head(1, new_id(), left.id, first.id, "Ada")
    assert (restored.head, restored.undo, restored.redo) == (left.id, first.id, None)


def test_restoring_clears_redo_also_where_an_undo_had_led_before(store: MaskStore) -> None:
    first = draw(store, 1)
    draw(store, 1)
    undo(store, 1)
    draw(store, 1)
    last = draw(store, 1)
    restored = store.move_head(1, new_id(), first.id, last.id, "Ada")
    assert (restored.head, restored.redo) == (first.id, None)
    assert store.verify() == []


def _model_of(actions: list[int], store: MaskStore) -> tuple[list[str], list[str]]:
    """What a plain pair of stacks would hold after the same actions: undo stack (head last) and redo stack."""
    done, undone = [store.layer(1).head], []
    for action in actions:
        if action == 0 or (action == 1 and len(done) == 1) or (action == 2 and not undone):
            done.append(draw(store, 1).id)
            undone = []
        elif action == 1:
            undone.append(done.pop())
            assert undo(store, 1) == done[-1]
        else:
            done.append(undone.pop())
            assert redo(store, 1) == done[-1]
    return done, undone


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(0, 2), max_size=25))
def test_undo_and_redo_are_those_of_two_stacks(tmp_path_factory: pytest.TempPathFactory, actions: list[int]) -> None:
    store = MaskStore.create(tmp_path_factory.mktemp("stacks") / "masks.sqlite")
    store.add_items(1, [small_item("a")])
    done, undone = _model_of(actions, store)
    shown = store.layer(1)
    assert (shown.head, shown.undo, shown.redo) == (done[-1], [None, *done][-2], [None, *undone][-1])
    assert store.verify() == []
    store.close()


def test_moving_again_with_the_same_operation_changes_nothing(store: MaskStore) -> None:
    first, second = draw(store, 1), draw(store, 1)
    operation = new_id()
    moved = store.move_head(1, operation, first.id, second.id, "Ada")
    assert store.move_head(1, operation, first.id, second.id, "Ada") == moved
    with pytest.raises(RefusedError, match="another one"):
        store.move_head(1, operation, second.id, first.id, "Ada")


def test_moving_from_what_is_no_longer_shown_is_a_conflict(store: MaskStore) -> None:
    first, second = draw(store, 1), draw(store, 1, annotator="Bob")
    with pytest.raises(ConflictError, match="by Bob: load") as raised:
        store.move_head(1, new_id(), store.history(1)[-1].id, first.id, "Ada")
    assert (raised.value.head, raised.value.stored) == (second.id, False)
    assert store.move_head(1, new_id(), second.id, second.id, "Ada") == store.layer(1)  # there already


def test_a_revision_of_another_layer_is_not_shown_drawn_upon_or_read(store: MaskStore) -> None:
    other = draw(store, 2)
    head = store.layer(1).head
    with pytest.raises(NotFoundError, match=f"no revision {other.id} of layer 1"):
        store.move_head(1, new_id(), other.id, head, "Ada")
    with pytest.raises(NotFoundError):
        draw(store, 1, parent=other.id)
    with pytest.raises(NotFoundError):
        store.mask(1, other.id)
    with pytest.raises(RefusedError, match="is another one"):
        store.append(1, other.id, head, "brush", "Ada", SPOT, np.ones((4, 3), np.bool_))
    assert len(store.history(1)) == 1


@pytest.mark.parametrize(
    "rect", [Rect(-1, 0, 2, 2), Rect(0, 0, 0, 2), Rect(39, 0, 2, 2), Rect(0, 29, 2, 2), Rect(2**40, 0, 2, 2)]
)
def test_a_rectangle_outside_the_picture_is_refused(store: MaskStore, rect: Rect) -> None:
    with pytest.raises(RefusedError, match="does not lie inside the picture of 40x30"):
        draw(store, 1, rect)
    assert len(store.history(1)) == 1


def test_values_of_another_shape_or_type_are_refused(store: MaskStore) -> None:
    for values in (np.ones((3, 4), np.bool_), np.ones((4, 3), np.uint8)):
        with pytest.raises(MaskError, match="expected a bool array of 3x4 pixels"):
            store.append(1, new_id(), store.layer(1).head, "brush", "Ada", SPOT, values)


@pytest.mark.parametrize("name", ["", "   ", "x" * 81, "a\nb\x00", "\ud800"])
def test_an_annotator_has_a_name(store: MaskStore, name: str) -> None:
    with pytest.raises(RefusedError, match="say who you are"):
        draw(store, 1, annotator=name)


@pytest.mark.parametrize("kind", ["proposal", "empty", "paint", ""])
def test_a_person_cannot_draw_what_only_the_machine_does(store: MaskStore, kind: str) -> None:
    with pytest.raises(RefusedError, match="no kind of stroke"):
        draw(store, 1, kind=cast(Kind, kind))


@pytest.mark.parametrize("name", ["", "short", "G" * 32, "A" * 32, "0" * 33])
def test_revisions_are_named_by_32_hex_digits(store: MaskStore, name: str) -> None:
    with pytest.raises(RefusedError, match="32 hex digits"):
        store.append(1, name, store.layer(1).head, "brush", "Ada", SPOT, np.ones((4, 3), np.bool_))


def test_numbers_that_nothing_has_are_said_to_be_unknown(store: MaskStore) -> None:
    calls = (store.item, store.layers, store.layer, store.mask, store.history, store.comments, store.ask_second)
    for call in calls:
        with pytest.raises(NotFoundError, match=r"there is no (item|layer) 99"):
            call(99)  # type: ignore[operator]
    with pytest.raises(NotFoundError):
        store.add_comment(99, "Ada", "text")


def test_drawing_takes_up_work_again_and_states_are_remembered(store: MaskStore) -> None:
    draw(store, 1)
    assert store.layer(1).state == "in_progress"
    done = store.set_state(1, "done", "", store.layer(1).version, "Ada")
    assert (done.state, store.counts()["done"]) == ("done", 1)
    undo(store, 1)
    assert store.layer(1).state == "in_progress"
    review = store.set_state(1, "needs_review", "a hole?", store.layer(1).version, "Ada")
    draw(store, 1)
    assert (store.layer(1).state, review.reason) == ("needs_review", "a hole?")
    assert store.verify() == []


def test_a_state_is_set_on_what_was_seen_only(store: MaskStore) -> None:
    draw(store, 1)
    seen = store.layer(1).version
    draw(store, 1, annotator="Bob")
    with pytest.raises(ConflictError, match="by Bob"):
        store.set_state(1, "done", "", seen, "Ada")
    now = store.layer(1).version
    done = store.set_state(1, "done", "", now, "Ada")
    assert store.set_state(1, "done", "", now, "Ada") == done  # the same again
    with pytest.raises(ConflictError):
        store.set_state(1, "done", "other", now, "Ada")


def test_an_empty_mask_is_done_only_for_a_reason_and_nothing_is_skipped_without_one(store: MaskStore) -> None:
    with pytest.raises(RefusedError, match="mask is empty"):
        store.set_state(1, "done", " ", 0, "Ada")
    with pytest.raises(RefusedError, match="reason is empty"):
        store.set_state(1, "skipped", "", 0, "Ada")
    with pytest.raises(RefusedError, match="no state"):
        store.set_state(1, cast(State, "finished"), "", 0, "Ada")
    assert store.layer(1).version == 0
    assert store.set_state(1, "done", "nothing is blurred", 0, "Ada").state == "done"


def _disc() -> np.ndarray:
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    return np.asarray((x - 20) ** 2 + (y - 15) ** 2 < 60)


def test_a_proposal_is_marked_until_a_person_takes_it_over(store: MaskStore) -> None:
    proposal = store.add_proposal(1, _disc(), 0.7, "pair difference")
    shown = store.layer(1)
    assert (shown.head, shown.is_proposal, shown.confidence, shown.annotator) == (proposal.id, True, 0.7, "")
    assert (shown.state, proposal.kind) == ("todo", "proposal")
    assert store.items()[0].layers[0].is_proposal
    with pytest.raises(RefusedError, match="accept it or change it"):
        store.set_state(1, "done", "looks fine", shown.version, "Ada")
    name = new_id()
    accepted = store.accept_proposal(1, proposal.id, "Ada", name)
    assert store.accept_proposal(1, proposal.id, "Ada", name) == accepted
    shown = store.layer(1)
    assert (shown.head, shown.is_proposal, shown.confidence, shown.annotator) == (name, False, None, "Ada")
    assert np.array_equal(store.mask(1), _disc())
    with pytest.raises(RefusedError, match="no proposal to accept"):
        store.accept_proposal(1, name, "Ada")
    undo(store, 1)
    assert store.layer(1).is_proposal


def test_an_edited_proposal_is_the_persons(store: MaskStore) -> None:
    store.add_proposal(1, _disc(), 1.0, "")
    draw(store, 1, kind="eraser", blurred=False)
    assert not store.layer(1).is_proposal
    with pytest.raises(ConflictError, match="by Ada"):
        store.add_proposal(1, _disc(), 1.0, "")


def test_a_newer_proposal_replaces_the_older_one(store: MaskStore) -> None:
    old = store.add_proposal(1, _disc(), 0.2, "")
    new = store.add_proposal(1, ~_disc(), 0.4, "")
    assert (store.layer(1).head, new.parent) == (new.id, old.parent)
    with pytest.raises(ConflictError):
        store.accept_proposal(1, old.id, "Ada")


def test_a_finished_layer_takes_no_proposal(store: MaskStore) -> None:
    store.set_state(1, "skipped", "a night scene", 0, "Ada")
    with pytest.raises(ConflictError):
        store.add_proposal(1, _disc(), 0.5, "")
    with pytest.raises(MaskError, match="40x30"):
        store.add_proposal(2, _disc().T, 0.5, "")
    for confidence in (1.5, float("nan")):
        with pytest.raises(RefusedError, match="between 0 and 1"):
            store.add_proposal(2, _disc(), confidence, "")


def test_a_second_opinion_is_a_layer_of_its_own(store: MaskStore) -> None:
    draw(store, 1)
    second = store.ask_second(1, "Ada")
    assert (second.number, second.state) == (2, "todo")
    assert store.ask_second(1) == second
    draw(store, second.id, Rect(9, 9, 9, 9), "Bob")
    first, other = store.layers(1)
    assert (first.annotator, other.annotator) == ("Ada", "Bob")
    assert store.mask(first.id).sum() == 12
    assert [layer.annotator for layer in store.items()[0].layers] == ["Ada", "Bob"]


def test_comments_are_kept_in_order(store: MaskStore) -> None:
    store.add_comment(2, "Ada", " is the wheel blurred? ")
    store.add_comment(2, "Bob", "yes 🚲")
    assert [(c.annotator, c.text) for c in store.comments(2)] == [("Ada", "is the wheel blurred?"), ("Bob", "yes 🚲")]
    assert store.comments(1) == []
    for text in (" ", "x" * 4001, "\ud800", "a\0b"):
        with pytest.raises(RefusedError, match="comment"):
            store.add_comment(2, "Ada", text)


def test_items_come_page_by_page_and_by_state(tmp_path: Path) -> None:
    store = MaskStore.create(tmp_path / "masks.sqlite")
    store.add_items(1, [small_item(f"{number:03d}", layers=1 + (number % 10 == 0)) for number in range(100)])
    for item in (5, 50, 95):
        draw(store, store.layers(item)[0].id)
    pages, after = [], 0
    while page := store.items(after, 30):
        pages.append([row.id for row in page])
        after = page[-1].id
    assert [len(page) for page in pages] == [30, 30, 30, 10]
    assert [item for page in pages for item in page] == list(range(1, 101))
    assert [row.id for row in store.items(5, 2, "in_progress")] == [50, 95]
    assert [row.id for row in store.items(0, None, "in_progress")] == [5, 50, 95]
    assert len(store.items(state="todo")) == 97
    assert store.counts() == {"todo": 97, "in_progress": 3, "done": 0, "needs_review": 0, "skipped": 0}
    assert [len(row.layers) for row in store.items(0, 11)] == [2] + [1] * 9 + [2]
    assert [item.name for item in store.every_item()] == [f"{number:03d}" for number in range(100)]
    assert store.by_annotator()["Ada"]["in_progress"] == 3
    store.close()


def test_items_are_found_by_name_whatever_its_case(store: MaskStore) -> None:
    found = store.item_named("B")
    assert found is not None
    assert found == store.item(2)
    assert store.item_named("d") is None


def test_an_item_is_added_once_and_its_name_is_its_own(store: MaskStore) -> None:
    assert store.add_items(1, [small_item("a"), small_item("d")]) == 1
    assert store.add_items(2, [small_item("A"), small_item("d")]) == 2
    assert store.add_items(3, [small_item("a")]) == 1
    assert [item.name for item in store.every_item()] == ["a", "b", "c", "d", "A.png", "d.png", "a.png~2"]


def test_opening_what_is_no_store_ends_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no"):
        MaskStore(tmp_path / "masks.sqlite")
    (tmp_path / "masks.sqlite").write_text("something else")
    with pytest.raises(MillionIrdError, match=r"is damaged \(file is not a database\)"):
        MaskStore(tmp_path / "masks.sqlite")
    with pytest.raises(StoreError, match="never overwritten"):
        MaskStore.create(tmp_path / "masks.sqlite")


def test_a_closed_store_says_so(store: MaskStore) -> None:
    store.close()
    with pytest.raises(StoreError, match="is closed"):
        store.items()


def test_a_backup_is_a_store(store: MaskStore, tmp_path: Path) -> None:
    draw(store, 1)
    store.backup(tmp_path / "copy.sqlite")
    copy = MaskStore(tmp_path / "copy.sqlite")
    assert copy.layer(1) == store.layer(1)
    assert copy.verify() == []
    copy.close()
    with pytest.raises(StoreError, match="there already"):
        store.backup(tmp_path / "copy.sqlite")


def test_items_are_found_by_a_part_of_their_name_some_names_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("annotation.store.mask_store._LOOKED_THROUGH", 3)
    with closing(MaskStore.create(tmp_path / "masks.sqlite")) as store:
        assert store.search("a") == ([], None)
        names = ["Straße/1", "b", "c", "d", "STRASSE/2", "f%g", "h"]
        store.add_items(1, [small_item(name, layers=2) for name in names])

        def found(part: str, limit: int = 10, state: State | None = None) -> list[list[str]]:
            pages, after = [], 0
            while after is not None:
                rows, after = store.search(part, after, limit, state)
                pages.append([row.name for row in rows])
            return pages

        assert found("strasse") == [["Straße/1"], ["STRASSE/2"], []]
        assert found("%") == [[], ["f%g"], []] and found("_") == [[], [], []]
        assert found("", limit=2) == [["Straße/1", "b"], ["c", "d"], ["STRASSE/2", "f%g"], ["h"]]
        draw(store, store.layers(5)[1].id)
        assert found("s", state="in_progress") == [[], ["STRASSE/2"], []]
        assert found("s", state="todo") == [["Straße/1"], ["STRASSE/2"], []]
        assert [len(row.layers) for row in store.search("s")[0]] == [2]
        with pytest.raises(RefusedError, match="state"):
            store.search("s", state=cast(State, "lost"))
