"""What the recipe inside weights says, of all that it may hold or lack."""

from __future__ import annotations

import pytest

from million_ird.errors import DatasetError
from pretrain.corrupt import CorruptSettings
from pretrain.recipe_in_weights import recipe_sections, tasks_in
from pretrain.restore_trial import CorruptionTrial

TASKS = """
steps = 3
[tasks.noise]
clean = ["photographs"]
sigmas = [15, 25]
[tasks.out]
clean = ["photographs"]
mosaic = true
weight = 0
"""


def test_sections_are_read_and_the_rest_of_the_recipe_is_not() -> None:
    metadata = {"recipe": "dataset = 3\n[corrupt]\njpeg_share = 0.0\n[model]\nfamily = 'unheard-of'\n"}
    read = recipe_sections(CorruptionTrial, metadata, "run")
    assert read == CorruptionTrial(corrupt=CorruptSettings(jpeg_share=0.0))


def test_without_a_recipe_there_are_defaults_and_no_tasks() -> None:
    assert recipe_sections(CorruptionTrial, {}, "run") == CorruptionTrial()
    assert tasks_in({}, "run") == ()


def test_tasks_that_took_part_are_found() -> None:
    (task,) = tasks_in({"recipe": TASKS}, "run")
    assert task.sigmas == (15.0, 25.0)


@pytest.mark.parametrize("recipe", ["= 3", "[tasks.a]\nscale = 7\n", "tasks = 3\n"])
def test_a_recipe_that_cannot_be_read_is_named_in_one_line(recipe: str) -> None:
    with pytest.raises(DatasetError, match=r"the recipe in my-run cannot be read: ") as caught:
        tasks_in({"recipe": recipe}, "my-run")
    assert "\n" not in str(caught.value)
