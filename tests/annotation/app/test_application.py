"""The HTTP contract, spoken to a real server as the page speaks to it."""

from __future__ import annotations

import base64
import io
import json
import threading
from pathlib import Path

import numpy as np
from PIL import Image

from annotation.description import PROJECT
from annotation.mask import unpack_bits
from annotation.project import create_project, new_project, open_project
from annotation.records import Layer
from annotation.sources import open_source
from million_ird.windows import window_labels
from tests.annotation.app.conftest import ALONE, PAIR, SIZES
from tests.annotation.app.live import Live, disc, fresh, scene, serving

_LAYER = set(Layer.__dataclass_fields__)


def test_a_project_tells_its_counts_and_its_items_page_by_page(live: Live) -> None:
    states = {"todo": 2, "in_progress": 0, "done": 0, "needs_review": 0, "skipped": 0}
    sizes = [8, 16, 32, 64, 128]
    about = live.json("/api/project")
    assert len(about.pop("id")) == 32
    assert about == {
        "name": "Two items", "items": 2, "counts": states, "window_sizes": sizes, "token_needed": False,
    }  # fmt: skip
    first = live.json("/api/items?limit=1")
    row = {"id": 1, "number": 1, "state": "todo", "annotator": "", "proposal": False}
    assert first == {
        "items": [{"id": ALONE, "name": "alone", "width": 203, "height": 101, "pair": False, "layers": [row]}],
        "next": ALONE,
    }
    second = live.json(f"/api/items?after={first['next']}&limit=1")
    assert [item["id"] for item in second["items"]] == [PAIR]
    assert live.json(f"/api/items?after={PAIR}") == {"items": [], "next": None}
    assert live.json("/api/items?state=done") == {"items": [], "next": None}
    assert len(live.json("/api/items?state=todo")["items"]) == 2


def test_items_are_found_by_a_part_of_their_name(live: Live) -> None:
    assert [item["name"] for item in live.json("/api/items?name=LON")["items"]] == ["alone"]
    assert live.json("/api/items?name=pair&state=todo&limit=1")["next"] == PAIR
    for query in ("name=pair&state=done", "name=%25", "name=_", f"name=pair&after={PAIR}", f"name=a&after={2**63 - 1}"):
        assert live.json(f"/api/items?{query}") == {"items": [], "next": None}
    assert live.json(f"/api/items?name={'a' * 501}", 422)["error"].startswith("name: ")


def test_a_project_is_told_from_another_of_its_name(project: Path, tmp_path: Path) -> None:
    def served(folder: Path) -> tuple[str, str]:
        with serving(folder) as live:
            about = live.json("/api/project")
            return about["name"], about["id"]

    new_project(tmp_path / "other", "Two items").close()
    first, second = served(project), served(tmp_path / "other")
    assert first[0] == second[0] and first[1] != second[1]
    assert (served(project), served(tmp_path / "other")) == (first, second)
    record = json.loads((project / PROJECT).read_text())
    del record["id"]
    (project / PROJECT).write_text(json.dumps(record | {"version": 1}))  # as an earlier version left it
    again = served(project)
    assert again == served(project) and again[1] not in (first[1], second[1])


def test_what_a_page_of_another_project_sends_is_refused(live: Live) -> None:
    """A page that stayed open while its server was stopped: layer 1 is there, too, and as new as its own was."""
    mark = {"state": "needs_review", "reason": "", "version": 0, "annotator": "ada"}
    before = live.json("/api/items/1")
    own, other = live.json("/api/project")["id"], "0" * 32
    for answer in (
        live.client.post("/api/layers/1/state", json=mark, headers={"X-Project": other}),
        live.client.get("/api/items/1", headers={"X-Project": other}),
    ):
        assert answer.status_code == 412
        assert answer.json()["error"].startswith("another project is served here now")
    assert live.json("/api/items/1") == before
    assert live.client.post("/api/layers/1/state", json=mark, headers={"X-Project": own}).status_code == 200


def test_an_item_tells_all_but_where_its_files_are(live: Live) -> None:
    item = live.json(f"/api/items/{PAIR}")
    assert set(item) == {"id", "name", "width", "height", "pair", "provenance", "layers", "comments"}
    assert item["pair"] and set(item["layers"][0]) == _LAYER
    assert "error" in live.json("/api/items/3", 404)


def test_a_stroke_undo_redo_and_restoring_over_http(live: Live) -> None:
    width, height = SIZES[PAIR]
    empty = live.json(f"/api/items/{PAIR}")["layers"][0]["head"]
    values = disc(40, 30, (20, 15), 12)
    drawn = live.stroke(PAIR, empty, (7, 9), values)
    assert drawn.status_code == 201
    layer = drawn.json()
    assert set(layer) == _LAYER
    assert (layer["undo"], layer["redo"], layer["state"], layer["annotator"]) == (empty, None, "in_progress", "ada")
    expected = np.zeros((height, width), np.bool_)
    expected[9:39, 7:47] = values
    assert np.array_equal(live.mask(PAIR, (width, height)), expected)
    assert not live.mask(PAIR, (width, height), empty).any()
    head = layer["head"]
    undone = live.post(
        f"/api/layers/{PAIR}/head", {"operation": fresh(), "to": empty, "expected": head, "annotator": "ada"}
    )
    assert (undone["head"], undone["redo"]) == (empty, head)
    redone = live.post(
        f"/api/layers/{PAIR}/head", {"operation": fresh(), "to": head, "expected": empty, "annotator": "ada"}
    )
    assert redone["head"] == head
    revisions = live.json(f"/api/layers/{PAIR}/history")["revisions"]
    assert [revision["id"] for revision in revisions] == [head, empty]
    assert revisions[0]["rect"] == {"x": 7, "y": 9, "width": 40, "height": 30}
    assert revisions[0]["area"] == values.sum()


def test_the_same_stroke_again_is_answered_200_and_stored_once(live: Live) -> None:
    empty = live.json(f"/api/items/{ALONE}")["layers"][0]["head"]
    again = {"revision": fresh()}
    statuses = [live.stroke(ALONE, empty, (0, 0), np.ones((5, 5), np.bool_), **again).status_code for _ in range(3)]
    assert statuses == [201, 200, 200]
    assert len(live.json(f"/api/layers/{ALONE}/history")["revisions"]) == 2


def test_a_stroke_on_an_old_head_is_kept_as_a_branch_and_answered_409(live: Live) -> None:
    empty = live.json(f"/api/items/{ALONE}")["layers"][0]["head"]
    first = live.stroke(ALONE, empty, (0, 0), np.ones((5, 5), np.bool_)).json()
    late = fresh()
    answer = live.stroke(ALONE, empty, (50, 50), np.ones((9, 9), np.bool_), revision=late, annotator="bob")
    assert answer.status_code == 409
    body = answer.json()
    assert body["stored"] is True and body["layer"]["head"] == first["head"] and body["layer"]["annotator"] == "ada"
    assert live.mask(ALONE, SIZES[ALONE], late).sum() == 81
    restored = live.post(
        f"/api/layers/{ALONE}/head",
        {"operation": fresh(), "to": late, "expected": first["head"], "annotator": "bob"},
    )
    assert restored["head"] == late


def test_two_clients_on_one_layer_lose_nothing(project: Path) -> None:
    """Each draws pixels of its own, loads again when the other was faster, and draws on."""
    kept: dict[str, list[str]] = {"ada": [], "bob": []}
    branches: dict[str, list[str]] = {"ada": [], "bob": []}

    def draw(live: Live, annotator: str, column: int) -> None:
        head = live.json(f"/api/items/{ALONE}")["layers"][0]["head"]
        for row in range(15):
            while True:
                revision = fresh()
                answer = live.stroke(
                    ALONE, head, (column, row), np.ones((1, 1), np.bool_), revision=revision, annotator=annotator
                )
                assert answer.status_code in (201, 409), answer.text
                if answer.status_code == 201:
                    kept[annotator].append(revision)
                    head = revision
                    break
                branches[annotator].append(revision)
                head = answer.json()["layer"]["head"]

    with serving(project) as live:
        threads = [
            threading.Thread(target=draw, args=(live, name, column)) for name, column in (("ada", 3), ("bob", 8))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        mask = live.mask(ALONE, SIZES[ALONE])
        revisions = live.json(f"/api/layers/{ALONE}/history")["revisions"]
    assert mask.sum() == 30 and mask[:15, 3].all() and mask[:15, 8].all()
    stored = {revision["id"] for revision in revisions}
    assert stored >= set(kept["ada"] + kept["bob"] + branches["ada"] + branches["bob"])
    with open_project(project) as opened:
        assert opened.store.verify() == []


def test_states_ask_for_reasons_and_for_the_version_that_was_seen(live: Live) -> None:
    layer = live.json(f"/api/items/{ALONE}")["layers"][0]
    address = f"/api/layers/{ALONE}/state"
    request = {"state": "done", "reason": "", "version": layer["version"], "annotator": "ada"}
    assert "empty" in live.post(address, request, 422)["error"]
    done = live.post(address, {**request, "reason": "nothing moves here"})
    assert (done["state"], done["reason"]) == ("done", "nothing moves here")
    assert live.post(address, {**request, "state": "skipped"}, 422)["error"]
    late = live.post(address, {**request, "state": "needs_review"}, 409)
    assert late["layer"]["state"] == "done" and late["stored"] is False
    assert live.json("/api/project")["counts"]["done"] == 1


def test_comments_and_a_second_opinion(live: Live) -> None:
    said = live.post(f"/api/items/{PAIR}/comments", {"annotator": "ada", "text": "the hand, too?"}, 201)
    assert live.json(f"/api/items/{PAIR}")["comments"] == [said]
    second = live.post(f"/api/items/{PAIR}/second", {"annotator": "bob"})
    assert (second["number"], second["item"]) == (2, PAIR)
    assert live.post(f"/api/items/{PAIR}/second", {"annotator": "bob"})["id"] == second["id"]


def test_pictures_come_upright_at_their_items_size_and_are_not_sent_twice(live: Live) -> None:
    for item, kind in ((ALONE, "image/png"), (PAIR, "image/png")):
        answer = live.client.get(f"/api/items/{item}/blurred")
        assert answer.headers["content-type"] == kind
        with Image.open(io.BytesIO(answer.content)) as picture:
            assert picture.size == SIZES[item]
        tag = answer.headers["etag"]
        again = live.client.get(f"/api/items/{item}/blurred", headers={"If-None-Match": f'W/"x", {tag}'})
        assert again.status_code == 304 and not again.content and again.headers["etag"] == tag


def test_a_turned_photograph_stands_upright(live: Live) -> None:
    """Its file lies on its side and says so (EXIF orientation 6): upright is a quarter turn clockwise."""
    answer = live.client.get(f"/api/items/{ALONE}/blurred")
    with Image.open(io.BytesIO(answer.content)) as picture:
        assert picture.getexif().get(0x0112, 1) == 1
        shown = np.asarray(picture.convert("RGB"), np.int16)
    upright = np.rot90(scene(101, 203, 5), -1).astype(np.int16)
    assert shown.shape == upright.shape
    assert np.abs(shown - upright).mean() < 12  # what JPEG took; a wrong turn is off by 40 and more
    assert np.abs(shown[::-1, ::-1] - upright).mean() > 30


def test_a_plain_file_is_sent_as_it_is(live: Live, project: Path, template: Path) -> None:
    sent = live.client.get(f"/api/items/{PAIR}/blurred").content
    assert sent == (template.parent / "pictures" / "pair_blur.png").read_bytes()


def test_the_sharp_frame_lies_on_the_blurred_one(live: Live) -> None:
    found = live.json(f"/api/items/{PAIR}/registration")
    assert set(found) == {"dx", "dy", "angle", "scale", "correlation", "gain", "trusted"}
    assert found["trusted"] and abs(found["dx"] - 1.5) < 0.1 and abs(found["dy"]) < 0.1
    frames = []
    for frame in ("blurred", "sharp"):
        answer = live.client.get(f"/api/items/{PAIR}/{frame}")
        with Image.open(io.BytesIO(answer.content)) as picture:
            frames.append(np.asarray(picture.convert("RGB"), np.int16)[:, :60])
    unregistered = scene(320, 200, len("pair")).astype(np.int16)[:, :60]
    assert np.abs(frames[0] - frames[1]).mean() < 0.3 * np.abs(frames[0] - unregistered).mean()


def test_what_is_no_pair_has_no_sharp_frame(live: Live) -> None:
    for path in ("sharp", "registration"):
        assert live.json(f"/api/items/{ALONE}/{path}", 404) == {"error": "this item has no sharp frame"}


def test_windows_are_those_of_the_mask(live: Live) -> None:
    empty = live.json(f"/api/items/{PAIR}")["layers"][0]["head"]
    live.stroke(PAIR, empty, (100, 60), disc(80, 80, (40, 40), 33))
    mask = live.mask(PAIR, SIZES[PAIR])
    for rule in ("any", "majority"):
        found = live.json(f"/api/layers/{PAIR}/windows?rule={rule}")
        assert found["pad"] == {"left": 32, "top": 28, "width": 384, "height": 256}
        assert 0.1 < found["compute_share"] <= 1
        for size, grid in found["sizes"].items():
            labels = unpack_bits(base64.b64decode(grid["grid"]), grid["columns"], grid["rows"])
            assert np.array_equal(labels, window_labels(mask, int(size), rule))  # type: ignore[arg-type]
            assert grid["kept"] == labels.sum() and grid["share"] == labels.mean()
    assert live.json(f"/api/layers/{PAIR}/windows?revision={empty}")["sizes"]["8"]["kept"] == 0


def test_an_outline_runs_from_the_anchor_to_the_target(live: Live) -> None:
    request = {"picture": "sharp", "anchor": [10, 20], "target": [200, 150]}
    points = live.post(f"/api/items/{PAIR}/scissors", request)["points"]
    assert points[0] == [10, 20] and points[-1] == [200, 150]
    steps = np.abs(np.diff(np.array(points), axis=0))
    assert steps.max() == 1
    assert "outside" in live.post(f"/api/items/{PAIR}/scissors", {**request, "target": [320, 10]}, 422)["error"]
    alone = {**request, "target": [100, 50]}
    assert live.post(f"/api/items/{ALONE}/scissors", alone, 404)["error"] == "this item has no sharp frame"


def test_grabcut_answers_with_packed_bits_of_its_box(live: Live) -> None:
    request = {"picture": "blurred", "box": [40, 30, 90, 70], "foreground": [[80, 60]], "background": [[41, 31]]}
    found = live.post(f"/api/items/{PAIR}/grabcut", request)
    assert (found["x"], found["y"], found["width"], found["height"]) == (40, 30, 90, 70)
    values = unpack_bits(base64.b64decode(found["values"]), 90, 70)
    assert values[30, 40] and not values[1, 1]
    assert (
        "inside the picture"
        in live.post(f"/api/items/{PAIR}/grabcut", {**request, "box": [300, 0, 21, 5]}, 422)["error"]
    )


def test_a_proposal_is_marked_until_a_person_accepts_it(live: Live) -> None:
    proposed = live.post(f"/api/items/{PAIR}/propose", {"layer": PAIR, "annotator": "ada"})
    assert proposed["is_proposal"] and 0 <= proposed["confidence"] <= 1 and proposed["annotator"] == ""
    new = fresh()
    body = {"revision": new, "expected": proposed["head"], "annotator": "ada"}
    accepted = live.post(f"/api/layers/{PAIR}/accept", body)
    assert not accepted["is_proposal"] and accepted["head"] == new and accepted["annotator"] == "ada"
    assert live.post(f"/api/layers/{PAIR}/accept", body)["head"] == new
    refused = live.post(f"/api/items/{PAIR}/propose", {"layer": PAIR, "annotator": "ada"}, 409)
    assert refused["stored"] is False
    assert (
        "not one of this item"
        in live.post(f"/api/items/{ALONE}/propose", {"layer": PAIR, "annotator": "a"}, 422)["error"]
    )


def test_a_picture_that_has_gone_is_one_line(live: Live, project: Path, tmp_path: Path) -> None:
    """The project remembers the folder; another one of the same look, whose file then changes."""
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    Image.fromarray(scene(64, 48)).save(pictures / "a.png")
    create_project(tmp_path / "other", open_source(str(pictures))).close()
    (pictures / "a.png").unlink()
    with serving(tmp_path / "other") as other:
        assert "a.png" in other.json("/api/items/1/blurred", 404)["error"]
        assert "a.png" in other.post("/api/items/1/grabcut", {"picture": "blurred", "box": [9, 9, 9, 9]}, 404)["error"]
        assert other.stroke(
            1, other.json("/api/items/1")["layers"][0]["head"], (0, 0), np.ones((2, 2), np.bool_)
        ).is_success
