"""Everything that the page tells, read from a project in one pass; masks are decoded one at a time."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from annotation.agree import Agreement, AgreeSettings, compare
from annotation.agree.opinions import NotCompared, project_opinions
from annotation.check.projects import is_checked
from annotation.mask import Mask
from annotation.project import Project
from annotation.records import Item, Kind, Layer, Revision, State
from million_ird.errors import MillionIrdError
from million_ird.progress import Progress
from million_ird.windows import SIZES, Rule, cost_of_shares, kept_shares, padding

RULES: tuple[Rule, ...] = ("any", "majority")
_NOBODYS: tuple[Kind, ...] = ("empty", "proposal")


@dataclass(frozen=True, slots=True)
class MaskFacts:
    """One mask in numbers."""

    item: int
    name: str
    layer: int
    """Number of the layer in its item: 1 or 2."""
    annotator: str
    share: float
    """Blurred share of the picture, 0 to 1."""
    padded_share: float
    """Blurred share of the frame that LMD-ViT pads the picture to."""
    kept: dict[tuple[int, Rule], float]
    """(size, rule) → share of windows kept, plain grid."""
    compute: dict[Rule, float]
    """Rule → share of LMD-ViT's multiply-accumulates."""


@dataclass(slots=True)
class Work:
    """What one annotator did on one day."""

    strokes: int = 0
    pictures: set[int] = field(default_factory=set)
    """Items drawn on."""
    finished: int = 0
    """Masks that are done and had their last stroke on this day."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """What the page is made of."""

    name: str
    items: int
    pairs: int
    states: dict[State, int]
    """Layers in each state."""
    people: dict[str, dict[State, int]]
    """Annotator → layers that show the annotator's strokes, by state."""
    masks: tuple[MaskFacts, ...]
    """Of what is done, or of all that is drawn."""
    everything: bool
    """Whether masks that are drawn but not done are among them."""
    unreadable: tuple[str, ...]
    """A line for every mask that could not be read."""
    work: dict[tuple[str, str], Work]
    """(day in UTC, annotator) → what was done."""
    kinds: dict[Kind, int]
    """Revisions by kind, those of persons."""
    agreements: tuple[Agreement, ...]
    not_compared: tuple[NotCompared, ...]


def gather(project: Project, everything: bool, settings: AgreeSettings, progress: Progress | None = None) -> Gathered:
    """Reads a project.

    Args:
        project: an open one.
        everything: also take masks that are drawn but not done.
        settings: of the agreement.
        progress: told of every item.
    """
    states: Counter[State] = Counter()
    people: dict[str, Counter[State]] = defaultdict(Counter)
    work: dict[tuple[str, str], Work] = defaultdict(Work)
    kinds: Counter[Kind] = Counter()
    masks: list[MaskFacts] = []
    unreadable: list[str] = []
    pairs = 0
    for item in project.store.every_item():
        pairs += item.is_pair
        for layer in project.store.layers(item.id):
            states[layer.state] += 1
            if layer.annotator:
                people[layer.annotator][layer.state] += 1
            history = _strokes(project.store.history(layer.id))
            kinds.update(revision.kind for revision in history)
            _note_work(work, item, layer, history)
            if is_checked(layer, everything):
                try:
                    masks.append(_facts(item, layer, project.store.mask(layer.id)))
                except MillionIrdError as error:
                    unreadable.append(f"{item.name}, layer {layer.number}: {error}")
        if progress is not None:
            progress.advance({})
    agreements, not_compared = _agreements(project, everything, settings)
    return Gathered(
        name=project.name,
        items=project.store.count(),
        pairs=pairs,
        states=dict(states),
        people={name: dict(people[name]) for name in sorted(people)},
        masks=tuple(masks),
        everything=everything,
        unreadable=tuple(unreadable),
        work={key: work[key] for key in sorted(work)},
        kinds=dict(kinds.most_common()),
        agreements=agreements,
        not_compared=not_compared,
    )


def _strokes(history: list[Revision]) -> list[Revision]:
    """What persons did, newest first."""
    return [revision for revision in history if revision.kind not in _NOBODYS]


def _note_work(work: dict[tuple[str, str], Work], item: Item, layer: Layer, history: list[Revision]) -> None:
    for revision in history:
        done = work[_day(revision), revision.annotator]
        done.strokes += 1
        done.pictures.add(item.id)
    if layer.state == "done" and history:
        last = next((revision for revision in history if revision.id == layer.head), history[0])
        work[_day(last), last.annotator].finished += 1


def _day(revision: Revision) -> str:
    return revision.at[:10]


def _facts(item: Item, layer: Layer, mask: Mask) -> MaskFacts:
    frame = padding(item.height, item.width)
    shares = {rule: kept_shares(mask, rule) for rule in RULES}
    return MaskFacts(
        item=item.id,
        name=item.name,
        layer=layer.number,
        annotator=layer.annotator,
        share=float(mask.mean()),
        padded_share=float(mask.sum()) / (frame.width * frame.height),
        kept={(size, rule): shares[rule][size, False] for size in SIZES for rule in RULES},
        compute={rule: cost_of_shares(shares[rule]) for rule in RULES},
    )


def _agreements(
    project: Project, everything: bool, settings: AgreeSettings
) -> tuple[tuple[Agreement, ...], tuple[NotCompared, ...]]:
    rows: Iterator[Agreement | NotCompared] = (
        row if isinstance(row, NotCompared) else compare(row, settings) for row in project_opinions(project, everything)
    )
    compared, missing = [], []
    for row in rows:
        if isinstance(row, NotCompared):
            missing.append(row)
        else:
            compared.append(row)
    return tuple(compared), tuple(missing)
