"""What earlier versions kept under a project's name gets to the project that it was drawn in, and to no other."""

from __future__ import annotations

import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

from annotation.mask import pack_bits
from tests.annotation.app.live import disc, fresh
from tests.annotation.static.desk import Desk

if TYPE_CHECKING:
    from playwright.sync_api import Page

_KEPT = """
async ([store, change]) => {
  const opened = (request) => new Promise((done, failed) => {
    request.onsuccess = () => done(request.result);
    request.onerror = () => failed(request.error);
  });
  const database = await opened(indexedDB.open("million-ird-masks"));
  const rows = database.transaction(store, "readwrite").objectStore(store);
  if (change) await new Function("rows", "opened", `return (async () => {${change}})()`)(rows, opened);
  const found = await opened(rows.getAll());
  database.close();
  return found.map(({values, ...rest}) => rest);
}
"""
"""The rows of one of the journal's stores, after a change."""


def kept(page: Page, store: str, change: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = page.evaluate(_KEPT, [store, change])
    return found


def bare(desk: Desk) -> Page:
    """A page of the same browser that runs no editor."""
    page = desk.context.new_page()
    page.goto(f"{desk.origin}/alone")
    return page


def test_strokes_kept_under_the_name_are_sent_and_those_of_a_namesake_wait(desk: Desk) -> None:
    about = desk.get("/api/project")
    seat = desk.sit()
    desk.strokes(lambda route: route.abort())
    seat.dot(20, 20)
    seat.dot(50, 30)
    seat.do("undo()")
    seat.dot(70, 40)
    seat.until("offline", unsent=4)
    drawn = seat.shown()
    seat.leave()
    page = bare(desk)
    assert {row["project"] for row in kept(page, "operations")} == {about["id"]}
    name, begun, drawn_on = about["name"], fresh(), fresh()
    rows = kept(
        page,
        "operations",
        f"""
        const all = await opened(rows.getAll());
        for (const row of all) await opened(rows.put({{...row, project: "{name}"}}));
        const {{seq, ...first}} = all[0];
        await opened(rows.add({{...first, project: "{name}", id: "{begun}", parent: "{drawn_on}"}}));
        await opened(rows.add({{...first, project: "{name}", id: "{fresh()}", parent: "{begun}"}}));
        await opened(rows.add({{...first, project: "{name}", id: "{fresh()}", layer: 4711}}));
        """,
    )
    assert {row["project"] for row in rows} == {name} and len(rows) == 7
    desk.pass_strokes()
    again = desk.sit()
    again.until("saved")
    assert (again.shown() == drawn).all() and (desk.stored() == drawn).all()
    assert desk.kinds() == ["empty", "brush", "brush", "brush"]
    left = kept(page, "operations")
    assert [row["id"] for row in left] == [row["id"] for row in rows[4:]]
    assert {row["project"] for row in left} == {name}


def test_strokes_beside_the_head_that_were_noted_under_the_name_are_merged(desk: Desk) -> None:
    name = desk.get("/api/project")["name"]
    seat = desk.sit()
    root = desk.layer["head"]
    seat.dot(20, 20)
    seat.until("saved")
    seat.leave()
    mine = fresh()
    layer = desk.layer["id"]
    _store_beside(desk, layer, root, mine)
    page = bare(desk)
    row = f'{{project: "{name}", layer: {layer}, annotator: "Ada", mine: "%s"}}'
    key = f'JSON.stringify(["{name}", %d, "Ada"])'
    namesakes = row.replace(f"layer: {layer}", f"layer: {layer + 1}") % fresh()
    change = f"""
      await opened(rows.put({row % mine}, {key % layer}));
      await opened(rows.put({namesakes}, {key % (layer + 1)}));
    """
    assert len(kept(page, "branches", change)) == 2
    again = desk.sit()
    desk.until_stored((20, 20), (70, 40))
    again.until("saved")
    assert (again.shown() == desk.stored()).all()
    assert [(each["project"], each["layer"]) for each in kept(page, "branches")] == [(name, layer + 1)]


def _store_beside(desk: Desk, layer: int, parent: str, name: str) -> None:
    """A stroke of Ada's around (70, 40) that came too late: the server keeps it beside the head."""
    query = f"revision={name}&parent={parent}&kind=brush&x=65&y=35&width=11&height=11&annotator=Ada"
    request = urllib.request.Request(
        f"{desk.origin}/api/layers/{layer}/revisions?{query}",
        data=pack_bits(disc(11, 11, (5, 5), 5)),
        headers={"Content-Type": "application/octet-stream", "Origin": desk.origin},
    )
    try:
        urllib.request.urlopen(request, timeout=20).close()
    except urllib.error.HTTPError as error:
        with error:
            assert error.code == 409
    else:
        raise AssertionError("it did not come too late")
