"""Windows, stripes and anchors travel with the weights, of which none shows them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import torch

from pretrain.models.grl.network import GRL
from pretrain.models.grl.settings import GRLSettings
from pretrain.models.pretrained import CONFIG, WEIGHTS, from_pretrained, save_pretrained
from pretrain.models.variants import WHOLE

SETTINGS = GRLSettings(width=8, depths=(2,), window=6, stripe=(4, 12), anchor_factor=2)


def test_a_network_is_read_back_with_its_own_windows(tmp_path: Path) -> None:
    model = GRL(SETTINGS).eval()
    save_pretrained(tmp_path, model, [WHOLE])
    image = torch.rand(1, 3, 20, 26, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        restored = model(image)
        for place in (tmp_path, tmp_path / WEIGHTS):
            read = from_pretrained(place).model
            assert read.settings == SETTINGS
            assert torch.equal(read(image), restored)
        other = GRL(replace(SETTINGS, window=4)).eval()
        other.load_state_dict(model.state_dict())
        assert not torch.equal(other(image), restored)


def test_people_find_them_in_the_config(tmp_path: Path) -> None:
    save_pretrained(tmp_path, GRL(SETTINGS), [WHOLE])
    said = json.loads((tmp_path / CONFIG).read_text(encoding="utf-8"))["architecture"]
    assert (said["window"], said["stripe"], said["anchor_factor"]) == (6, [4, 12], 2)
