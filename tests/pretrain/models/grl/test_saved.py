"""Windows, stripes and anchors travel with the weights, of which none shows them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

from pretrain.models.grl.network import GRL
from pretrain.models.pretrained import CONFIG, WEIGHTS, from_pretrained, save_pretrained
from pretrain.models.variants import WHOLE

Narrow = Callable[..., GRL]


@torch.no_grad()
def test_a_network_is_read_back_with_its_own_windows(narrow: Narrow, tmp_path: Path) -> None:
    model = narrow(depths=(2,), window=6, stripe=(4, 12))
    save_pretrained(tmp_path, model, [WHOLE])
    image = torch.rand(1, 3, 20, 26)
    for place in (tmp_path, tmp_path / WEIGHTS):
        read = from_pretrained(place).model
        assert read.settings == model.settings
        assert torch.equal(read(image), model(image))
    other = GRL(replace(model.settings, window=4)).eval()
    other.load_state_dict(model.state_dict())
    assert not torch.equal(other(image), model(image))


def test_people_find_them_in_the_config(narrow: Narrow, tmp_path: Path) -> None:
    save_pretrained(tmp_path, narrow(window=6, stripe=(4, 12)), [WHOLE])
    said = json.loads((tmp_path / CONFIG).read_text(encoding="utf-8"))["architecture"]
    assert (said["window"], said["stripe"], said["anchor_factor"]) == (6, [4, 12], 2)
