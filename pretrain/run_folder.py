"""The folder of a run: begun once, resumed only with the same recipe, used by one run at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from million_ird.errors import UsageError
from million_ird.store import Store, explained
from pretrain.checkpoint import FOLDER as CHECKPOINTS
from pretrain.logs import LINES
from pretrain.ranks import Ranks
from pretrain.recipe import TrainingRecipe, recipe_from_toml
from pretrain.run_lock import run_lock

RECIPE = "recipe.toml"
"""The resolved recipe, beside the checkpoints."""


@contextmanager
def open_run(out: Path, recipe: TrainingRecipe, ranks: Ranks, resume: bool) -> Iterator[None]:
    """Holds the run folder while the block runs, once it is sure that this recipe may write there.

    Only the first rank looks and writes; what it objects to is raised on every rank.

    Raises:
        UsageError: there is a run and `resume` is false, or it had another recipe.
        LeaseError: another process writes there.
        StoreError: the folder cannot be written.
    """
    with ExitStack() as held:

        def begin() -> None:
            held.enter_context(run_lock(out))
            check_run(out, recipe, resume)
            store = Store(str(out))
            store.write(RECIPE, recipe.to_toml().encode("utf-8"))
            store.sweep()

        ranks.from_first(begin)
        yield


def check_run(out: Path, recipe: TrainingRecipe, resume: bool) -> None:
    """Whether `recipe` may write to the folder `out`. Nothing is changed.

    Raises:
        UsageError: there is a run and `resume` is false, or it had another recipe; or something else is there.
    """
    with explained("read", str(out)):
        text = (out / RECIPE).read_text(encoding="utf-8") if (out / RECIPE).exists() else None
        begun = has_begun(out)
    if begun and not resume:
        raise UsageError(f"{out} holds a run already: go on with --resume, or give another --out")
    if begun and text is None:
        raise UsageError(f"{out} has no {RECIPE}: it holds no run that can be resumed; give another --out")
    if text is None:
        return
    try:
        before = recipe_from_toml(type(recipe), text)
    except UsageError as error:
        raise UsageError(
            f"{out}: the {RECIPE} there is none of this kind of run ({error}); give another --out"
        ) from None
    if begun:
        _compare(recipe, before, out)


def has_begun(out: Path) -> bool:
    """Whether a run has come as far as its first step there."""
    return (out / CHECKPOINTS).exists() or (out / LINES).exists()


def _compare(recipe: TrainingRecipe, before: TrainingRecipe, out: Path) -> None:
    changed = recipe.differences(before.resolved)
    if changed:
        more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
        raise UsageError(
            f"{out} was begun with another recipe: {'; '.join(changed[:3])}{more}. "
            "Give the settings it had, or another --out to begin anew"
        )
    if recipe.steps < before.steps:
        raise UsageError(
            f"{out} was begun with steps = {before.steps:,}; a resumed run may have more, but not {recipe.steps:,}"
        )
