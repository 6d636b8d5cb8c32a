"""What the machine helps with: the magnetic outline and GrabCut in a box."""

from __future__ import annotations

import numpy as np

from tests.annotation.browser.conftest import HEIGHT, SCENES, WIDTH, OpenPage
from tests.annotation.browser.driver import AnnotationPage
from tests.annotation.browser.pictures import sharp_disc


def thing(page: AnnotationPage) -> tuple[np.ndarray, float, float, float]:
    """The disc on the sharp frame of the item: its mask, its centre and its radius."""
    return sharp_disc(WIDTH, HEIGHT, int(page.item["name"][:2]) % SCENES)


def test_the_magnetic_outline_clings_to_the_edge(fresh: OpenPage) -> None:
    # Of the scenes the one whose thing has the plainest inside: stripes attract an outline as much as the border does.
    page = fresh(fresh.rows[6]["id"])
    mask, x, y, radius = thing(page)
    page.press("2", "s")
    corners = [(x + radius * np.cos(a), y + radius * np.sin(a)) for a in np.linspace(0, 2 * np.pi, 9)[:-1]]
    for corner in corners:
        page.click(*corner)
        page.idle()
    page.press("Enter")
    page.settled(lambda: page.api.history(page.item["id"])[0]["kind"] == "scissors")
    page.saved()
    found = page.server_mask()
    polygon_share = np.sin(np.pi / 4) / (np.pi / 4)  # what straight lines between the corners would enclose
    overlap = (found & mask).sum() / (found | mask).sum()
    assert overlap > max(0.93, polygon_share + 0.02)
    assert page.same(found)


def test_grabcut_cuts_out_what_is_in_the_box(fresh: OpenPage) -> None:
    page = fresh()
    mask, x, y, radius = thing(page)
    page.press("2", "g")
    reach = radius + 8
    page.drag([(x - reach, y - reach), (x + reach, y + reach)])
    page.settled(lambda: page.api.history(page.item["id"])[0]["kind"] == "grabcut", seconds=40)
    page.saved()
    found = page.server_mask()
    assert (found & mask).sum() / (found | mask).sum() > 0.6
    outside = np.ones((HEIGHT, WIDTH), bool)
    outside[int(y - reach) - 1 : int(y + reach) + 2, int(x - reach) - 1 : int(x + reach) + 2] = False
    assert not (found & outside).any()
    assert page.same(found)
    page.press("z")
    page.settled(lambda: not page.server_mask().any())
