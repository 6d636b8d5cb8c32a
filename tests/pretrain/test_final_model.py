"""What a finished run hands on where none of its checkpoints was judged: the newest. (The best: test_loop.py.)"""

from __future__ import annotations

from pathlib import Path

import torch

from pretrain.checkpoint import Checkpoint, Checkpoints, CheckpointSettings
from pretrain.final_model import write_final_model
from pretrain.models.pretrained import from_pretrained, weights_metadata
from tests.pretrain.tiny import LARGE, SMALL, tiny_network


def test_the_newest_is_handed_on_under_the_runs_name(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, CheckpointSettings())
    networks = [tiny_network(seed=seed) for seed in range(2)]
    for step, network in enumerate(networks, start=1):
        metadata = weights_metadata(network, (LARGE, SMALL), {"stream_fingerprint": "abc"})
        state = {"state": {}, "param_groups": []}
        checkpoints.save(Checkpoint(step, step, network.state_dict(), state, metadata), best=False)
    write_final_model(tmp_path, checkpoints, "my run")
    found = from_pretrained(tmp_path / "model")
    for name, value in networks[1].state_dict().items():
        assert torch.equal(found.model.state_dict()[name], value)
    assert found.metadata["stream_fingerprint"] == "abc"
    assert "# my run" in (tmp_path / "model/README.md").read_text()
    assert not (tmp_path / "model-ema").exists()
