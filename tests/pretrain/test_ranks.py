"""Several ranks: the error of the first is everybody's, and is said once. (What they compute is in test_step.py.)"""

from __future__ import annotations

import pickle

import pytest
import torch

from million_ird.errors import UsageError
from pretrain.ranks import Ranks, ToldError
from tests.pretrain.two_ranks import two_ranks


def test_a_single_rank_needs_nobody() -> None:
    ranks = Ranks()
    assert ranks.is_first
    assert ranks.gather([1, 2.5]) == [[1.0, 2.5]]
    assert ranks.from_first(lambda: "made") == ranks.first_then_all(lambda: "made") == "made"
    model = torch.nn.Linear(1, 1)
    assert ranks.share_gradients(model, some_unused=False) is model
    with pytest.raises(UsageError, match="no"):
        ranks.from_first(_object)


def test_an_error_that_was_told_keeps_its_words_and_code_on_its_way() -> None:
    error = pickle.loads(pickle.dumps(ToldError("what", 2)))
    assert (str(error), error.exit_code) == ("what", 2)


def _object() -> None:
    raise UsageError("no")


def test_two_ranks_agree() -> None:
    first, second = (rank["agreement"] for rank in two_ranks())
    assert first["gather"] == second["gather"] == [[0.0, 0.1], [1.0, 1.1]]
    assert first["from_first"] == second["from_first"] == {"rank": 0, "tensor": [0, 1, 2]}
    assert (first["first_then_all"], second["first_then_all"]) == ([0], [1])
    for way in ("from_first", "first_then_all"):
        assert (first[f"usage {way}"], second[f"usage {way}"]) == (("UsageError", "no", 2), ("ToldError", "no", 2))
        assert first[f"data {way}"] == ("DatasetError", "damaged", 1)
        assert second[f"data {way}"] == ("ToldError", "damaged", 1)
