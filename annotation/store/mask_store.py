"""The store of a project's masks: everything that is asked of it, each as one transaction."""

from __future__ import annotations

import hashlib
import sqlite3
import uuid
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

from annotation.mask import Mask, decode_mask
from annotation.records import STATES, Comment, Item, ItemRow, Kind, Layer, Rect, Revision, State
from annotation.store import adding, drawing, integrity, rows, schema
from annotation.store.adding import NewItem, Refused
from annotation.store.clock import now
from annotation.store.connections import BUSY_SECONDS, Connections, explained
from annotation.store.errors import ConflictError, DamagedError, NotFoundError, RefusedError
from annotation.store.requests import (
    check_annotator,
    check_id,
    check_kind,
    check_rect,
    check_state,
    check_text,
    check_values,
)
from million_ird.errors import StoreError

_PAGE = 500
_LOOKED_THROUGH = 100_000
"""Names that one search compares: some 30 ms. No index can find a part of a name."""


class MaskStore:
    """One `masks.sqlite`. Safe for many threads and processes; what a method has returned from is on the disk.

    Every method may raise `StoreError` (disk full, read-only, locked, damaged), and `NotFoundError` for a number or a
    revision that the store does not know.
    """

    def __init__(self, path: Path, busy_seconds: float = BUSY_SECONDS) -> None:
        """Opens a store and looks it over quickly.

        Raises:
            StoreError: there is none, it is damaged, locked or read-only, or a newer program wrote it.
        """
        self.path = path
        self._connections = Connections(path, busy_seconds)
        try:
            with self._connections.plain() as db:
                schema.check(db, str(path))
                integrity.quick_check(db, path)
        except BaseException:
            self._connections.close()
            raise

    @classmethod
    def create(cls, path: Path) -> MaskStore:
        """A new, empty store; it appears whole, or not at all if this is killed.

        Raises:
            StoreError: there is a file of that name, or it cannot be written.
        """
        if path.exists():
            raise StoreError(f"{path} is there already; it is never overwritten")
        part = path.with_name(f"{path.name}.part")
        try:
            part.unlink(missing_ok=True)
            with explained(part), closing(sqlite3.connect(part, isolation_level=None)) as db:
                db.execute("BEGIN IMMEDIATE")
                schema.create(db)
                db.execute("COMMIT")
            part.rename(path)
        except OSError as error:
            raise StoreError(f"cannot make {path}: {error.strerror or error}") from error
        return cls(path)

    def close(self) -> None:
        self._connections.close()

    # Items

    def items(self, after: int = 0, limit: int | None = 200, state: State | None = None) -> list[ItemRow]:
        """The next items after the one numbered `after`, with their layers; with `state`, those with a layer in it."""
        if state is not None:
            check_state(state)
        with self._connections.reading() as db:
            return rows.item_rows(db, after, limit, state)

    def search(
        self, part: str, after: int = 0, limit: int = 200, state: State | None = None
    ) -> tuple[list[ItemRow], int | None]:
        """The next items with `part` in their names, upper and lower case taken as the same, and after which to go on.

        Looks at no more than `_LOOKED_THROUGH` items, so it may find nothing and yet not be at the end, which is None.
        """
        if state is not None:
            check_state(state)
        with self._connections.reading() as db:
            (end,) = db.execute("SELECT coalesce(max(id), 0) FROM item").fetchone()
            last = min(after + _LOOKED_THROUGH, end)
            found = rows.found_rows(db, adding.fold(part), after, last, limit, state)
        if len(found) == limit:
            return found, found[-1].id
        return found, last if last < end else None

    def every_item(self) -> Iterator[Item]:
        """All items, by rising number, read page by page."""
        after = 0
        while True:
            with self._connections.reading() as db:
                page = rows.items(db, after, _PAGE)
            yield from page
            if len(page) < _PAGE:
                return
            after = page[-1].id

    def item(self, item: int) -> Item:
        with self._connections.reading() as db:
            return rows.item(db, item)

    def item_named(self, name: str) -> Item | None:
        """The item of that name, upper and lower case taken as the same; None if there is none."""
        with self._connections.reading() as db:
            return rows.item_named(db, adding.fold(name))

    def count(self) -> int:
        """How many items there are."""
        with self._connections.reading() as db:
            (number,) = db.execute("SELECT count(*) FROM item").fetchone()
            return int(number)

    def counts(self) -> dict[State, int]:
        """How many items have a layer in each state."""
        with self._connections.reading() as db:
            found = dict(db.execute("SELECT state, count(DISTINCT item) FROM layer GROUP BY state"))
        return {state: found.get(state, 0) for state in STATES}

    def by_annotator(self) -> dict[str, dict[State, int]]:
        """How many layers in each state show whose stroke; "" for nobody's. By name."""
        with self._connections.reading() as db:
            found = db.execute(
                "SELECT annotator, state, count(*) FROM layer GROUP BY annotator, state ORDER BY annotator"
            )
            people: dict[str, dict[State, int]] = {}
            for annotator, state, count in found:
                people.setdefault(annotator, dict.fromkeys(STATES, 0))[state] = count
        return people

    def add_items(self, source: int, found: Iterable[NewItem | Refused]) -> int:
        """Adds items and remembers refused files, all or none; how many items are new.

        A file of the source that is an item already is left alone.
        """
        added = 0
        with self._connections.writing() as db:
            for row in found:
                if isinstance(row, Refused):
                    adding.add_refused(db, source, [row])
                else:
                    added += adding.add_item(db, source, row) is not None
        return added

    def known(self, source: int) -> set[str]:
        """Files of a source that are items already."""
        with self._connections.reading() as db:
            return {place for (place,) in db.execute("SELECT blurred FROM item WHERE source = ?", (source,))}

    def refused(self) -> list[tuple[int, Refused]]:
        """Source and file of everything that became no item, as it was last found."""
        with self._connections.reading() as db:
            found = db.execute(
                "SELECT source, place, reason, detail FROM refused AS r WHERE seq = (SELECT max(seq) FROM refused "
                "WHERE source = r.source AND place = r.place) AND NOT EXISTS (SELECT 1 FROM item WHERE "
                "source = r.source AND blurred = r.place) ORDER BY seq"
            )
            return [(source, Refused(*rest)) for source, *rest in found]

    # Layers

    def layer(self, layer: int) -> Layer:
        with self._connections.reading() as db:
            return rows.layer(db, layer)

    def layers(self, item: int) -> list[Layer]:
        with self._connections.reading() as db:
            rows.item(db, item)
            return rows.layers(db, item)

    def ask_second(self, item: int, annotator: str = "") -> Layer:
        """Layer 2 of an item, made if there is none yet; `annotator` is who asks for it."""
        by = check_annotator(annotator) if annotator else ""
        with self._connections.writing() as db:
            about = rows.item(db, item)
            there = rows.layers(db, item)
            if len(there) < 2:
                adding.add_layer(db, item, 2, (about.width, about.height), by)
            return rows.layers(db, item)[1]

    # Masks

    def mask(self, layer: int, revision: str | None = None) -> Mask:
        """The mask that a layer shows, or that one of its revisions holds: bool (H, W), checked."""
        return decode_mask(self.mask_png(layer, revision))

    def mask_png(self, layer: int, revision: str | None = None) -> bytes:
        """The same as the 1-bit PNG that is stored."""
        with self._connections.reading() as db:
            name = rows.layer(db, layer).head if revision is None else check_id(revision)
            return self._png(db, layer, name)

    def history(self, layer: int) -> list[Revision]:
        """All revisions of a layer, branches included, newest first."""
        with self._connections.reading() as db:
            rows.layer(db, layer)
            return rows.revisions(db, layer)

    def append(
        self,
        layer: int,
        revision_id: str,
        parent: str,
        kind: Kind,
        annotator: str,
        rect: Rect,
        values: Mask,
        note: str = "",
    ) -> Revision:
        """Stores a stroke: the parent's mask with the values of a rectangle replaced.

        The same call again, with the same `revision_id`, changes nothing and ends as the first one did.

        Args:
            parent: the revision it was drawn on.
            values: bool (rect.height, rect.width).

        Raises:
            ConflictError: the layer no longer shows `parent`. The stroke is stored all the same, as a branch.
            RefusedError, MaskError: a request that makes no sense; nothing is stored.
        """
        check_id(revision_id)
        check_id(parent)
        check_kind(kind)
        annotator, note = check_annotator(annotator), check_text(note, "note")
        check_values(values, (rect.width, rect.height))
        with self._connections.reading() as db:
            shown = rows.layer(db, layer)
            about = rows.item(db, shown.item)
            check_rect(rect, (about.width, about.height))
            if (known := self._known(db, shown, revision_id, parent)) is not None:
                return known
            whole = decode_mask(self._png(db, layer, parent), (about.width, about.height))
        whole[rect.y : rect.y + rect.height, rect.x : rect.x + rect.width] = values
        return self._store(drawing.prepare(revision_id, shown, parent, kind, annotator, rect, whole, note))

    def add_proposal(self, layer: int, mask: Mask, confidence: float, note: str) -> Revision:
        """Shows the machine's mask in a layer that shows nobody's.

        Raises:
            ConflictError: the layer shows what a person drew or accepted, or a person said that it is finished.
        """
        note = check_text(note, "note")
        if not 0 <= confidence <= 1:
            raise RefusedError(f"a confidence lies between 0 and 1, not at {confidence}")
        with self._connections.reading() as db:
            shown = rows.layer(db, layer)
            about = rows.item(db, shown.item)
            head = rows.revision(db, layer, shown.head)
        check_values(mask, (about.width, about.height))
        if head.kind not in ("empty", "proposal") or shown.state not in ("todo", "in_progress"):
            raise ConflictError(shown)
        parent = head.parent or head.id  # an older proposal is replaced, not built upon
        rect = Rect(0, 0, about.width, about.height)
        new = drawing.prepare(uuid.uuid4().hex, shown, parent, "proposal", "", rect, mask, note, confidence)
        with self._connections.writing() as db:
            current = rows.layer(db, layer)
            if current.version != shown.version:
                raise ConflictError(current)
            revision = drawing.insert(db, new)
            drawing.show(db, current, new.id, "stroke", new.id, "")
        return revision

    def accept_proposal(self, layer: int, expected: str, annotator: str, revision_id: str | None = None) -> Revision:
        """A person takes over the proposal `expected` as it is: a revision of kind `accepted` with the same mask.

        Raises:
            ConflictError: the layer shows something else.
            RefusedError: what it shows is no proposal.
        """
        annotator = check_annotator(annotator)
        name = uuid.uuid4().hex if revision_id is None else check_id(revision_id)
        with self._connections.reading() as db:
            shown = rows.layer(db, layer)
            if (known := self._known(db, shown, name, check_id(expected))) is not None:
                return known
            if shown.head != expected:
                raise ConflictError(shown)
            if not shown.is_proposal:
                raise RefusedError("there is no proposal to accept: this mask is a person's already")
            mask = decode_mask(self._png(db, layer, expected))
        rect = Rect(0, 0, mask.shape[1], mask.shape[0])
        return self._store(drawing.prepare(name, shown, expected, "accepted", annotator, rect, mask, ""))

    def move_head(self, layer: int, operation_id: str, to: str, expected: str, annotator: str) -> Layer:
        """Shows another revision of the layer: undo (its `undo`), redo (its `redo`), or any other to restore it.

        The same call again, with the same `operation_id`, changes nothing.

        Raises:
            ConflictError: the layer does not show `expected`.
        """
        check_id(operation_id, "operation")
        annotator = check_annotator(annotator)
        with self._connections.writing() as db:
            shown = rows.layer(db, layer)
            rows.revision(db, layer, to)
            done = db.execute("SELECT layer, target FROM move WHERE id = ?", (operation_id,)).fetchone()
            if done is not None and done != (layer, to):
                raise RefusedError(f"the operation {operation_id} was another one")
            if done is not None:
                return shown
            if shown.head != expected:
                raise ConflictError(shown)
            if to == shown.head:
                return shown
            return drawing.show(db, shown, to, drawing.how_to_reach(shown, to), operation_id, annotator)

    # States and comments

    def set_state(self, layer: int, state: State, reason: str, expected_version: int, annotator: str) -> Layer:
        """Says how far a layer is. The same call again changes nothing.

        Raises:
            ConflictError: somebody changed the layer since it had the version `expected_version`.
            RefusedError: skipped without a reason; done while it shows a proposal, or an empty mask without a reason.
        """
        check_state(state)
        annotator, reason = check_annotator(annotator), check_text(reason, "reason", required=state == "skipped")
        with self._connections.writing() as db:
            shown = rows.layer(db, layer)
            if shown.version == expected_version + 1 and drawing.said_last(db, shown) == (state, reason, annotator):
                return shown
            if shown.version != expected_version:
                raise ConflictError(shown)
            if state == "done":
                drawing.check_done(db, shown, reason)
            return drawing.change_state(db, layer, state, reason, annotator)

    def add_comment(self, item: int, annotator: str, text: str) -> Comment:
        annotator, text = check_annotator(annotator), check_text(text, "comment", required=True)
        with self._connections.writing() as db:
            rows.item(db, item)
            comment = Comment(item, annotator, now(), text)
            db.execute(
                "INSERT INTO comment (item, annotator, at, text) VALUES (?, ?, ?, ?)",
                (item, annotator, comment.at, text),
            )
        return comment

    def comments(self, item: int) -> list[Comment]:
        """Oldest first."""
        with self._connections.reading() as db:
            rows.item(db, item)
            return rows.comments(db, item)

    # The whole store

    def verify(self) -> list[str]:
        """Looks at every row and every mask; one line for each thing that is wrong."""
        with self._connections.reading() as db:
            return integrity.full_check(db)

    def backup(self, target: Path) -> None:
        """A copy of the store as it is at this moment, while it goes on being used.

        Raises:
            StoreError: there is a file of that name already, or it cannot be written.
        """
        if target.exists():
            raise StoreError(f"{target} is there already; choose another name")
        with self._connections.plain() as db, explained(target), closing(sqlite3.connect(target)) as copy:
            db.backup(copy)

    def _store(self, new: drawing.NewRevision) -> Revision:
        """Stores a revision and shows it, or stores it as a branch and says so."""
        with self._connections.writing() as db:
            shown = rows.layer(db, new.layer)
            if (known := self._known(db, shown, new.id, new.parent)) is not None:
                return known
            revision = drawing.insert(db, new)
            if shown.head == new.parent:
                drawing.show(db, shown, new.id, "stroke", new.id, new.annotator)
                return revision
        raise ConflictError(shown, stored=True)

    def _known(self, db: sqlite3.Connection, shown: Layer, name: str, parent: str) -> Revision | None:
        """The revision of that name if it is stored already, ending as its first call did; None if it is new."""
        there = rows.revision_anywhere(db, name)
        if there is None:
            return None
        if there.layer != shown.id or there.parent != parent:
            raise RefusedError(f"the revision {name} is another one")
        if db.execute("SELECT 1 FROM move WHERE id = ?", (name,)).fetchone() is None:
            raise ConflictError(shown, stored=True)
        return there

    def _png(self, db: sqlite3.Connection, layer: int, revision: str) -> bytes:
        found = db.execute(
            "SELECT mask, checksum FROM revision WHERE id = ? AND layer = ?", (revision, layer)
        ).fetchone()
        if found is None:
            raise NotFoundError(f"there is no revision {revision} of layer {layer} in this project")
        if hashlib.sha256(found[0]).hexdigest() != found[1]:
            raise DamagedError(
                f"{self.path}: the mask of revision {revision} is damaged: restore an older revision of this layer, "
                "or the store from a backup"
            )
        return bytes(found[0])
