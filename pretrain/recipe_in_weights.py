"""What the recipe that a network was trained by says; it travels in the weights' metadata."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from million_ird.errors import DatasetError, UsageError
from million_ird.settings import from_dict
from pretrain.finetune.tasks import TaskSettings

Sections = TypeVar("Sections")


@dataclass(frozen=True)
class _Tasks:
    tasks: Mapping[str, TaskSettings] = field(default_factory=dict)


def recipe_sections(cls: type[Sections], metadata: Mapping[str, str], checkpoint: str) -> Sections:
    """Those sections of the recipe that settings of class `cls` are made of; its defaults where there is no recipe.

    Raises:
        DatasetError: the recipe in `checkpoint` cannot be read.
    """
    try:
        recipe: dict[str, Any] = tomllib.loads(metadata.get("recipe", ""))
        names = cls.__dataclass_fields__  # type: ignore[attr-defined]
        return from_dict(cls, {name: recipe[name] for name in names if name in recipe})
    except (tomllib.TOMLDecodeError, UsageError) as error:
        raise DatasetError(f"the recipe in {checkpoint} cannot be read: {error}") from error


def tasks_in(metadata: Mapping[str, str], checkpoint: str) -> tuple[TaskSettings, ...]:
    """The tasks that a network was fine-tuned for; none where it was not.

    Raises:
        DatasetError: as `recipe_sections`.
    """
    tasks = recipe_sections(_Tasks, metadata, checkpoint).tasks.values()
    return tuple(task for task in tasks if task.weight > 0)
