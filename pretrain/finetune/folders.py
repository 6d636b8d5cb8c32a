"""What the folders of a task hold: examples to train on, examples held out, and the files that are neither."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from million_ird.errors import DatasetError
from million_ird.order import hash_words
from million_ird.patches import Box
from pretrain.crop import DamagedPatchError
from pretrain.degradations import Degradation
from pretrain.finetune.examples import Example, examples_of, joined
from pretrain.finetune.pictures import DecodedPictures, FilePicture, survey
from pretrain.finetune.shrunk import shrunk
from pretrain.finetune.tasks import TaskSettings
from pretrain.finetune.triples import open_triples
from pretrain.images import image_files_below, shown_name
from pretrain.pairs import LeftOut, pair_by_name
from pretrain.stream.index import digest, image_hashes


@dataclass(frozen=True)
class TaskData:
    """The examples of one task. `left_out` are files that cannot be used, each with its reason."""

    name: str
    settings: TaskSettings
    degradations: Mapping[float, Degradation]
    """What degrades the clean pictures, by strength; of pairs and triples nothing."""
    training: Sequence[Example]
    held_out: Sequence[Example]
    left_out: tuple[LeftOut, ...]
    fingerprint: str
    """Of the training examples, their order and sizes, and of what is done to them; not of where they lie."""
    licences: Mapping[str, int]
    """Patches of datasets under each licence; of folders nothing is known."""

    @property
    def samples(self) -> int:
        """Different samples of an epoch: each example once with every degradation."""
        return len(self.training) * max(1, len(self.degradations))

    def sample(self, number: int) -> tuple[Example, float]:
        """The example of a sample 0 … samples - 1, and the strength of its degradation; 0 where there is none."""
        strengths = list(self.degradations) or [0.0]
        return self.training[number // len(strengths)], strengths[number % len(strengths)]


def open_task(
    name: str,
    settings: TaskSettings,
    side: int,
    hold_out: int,
    seed: int,
    decoded: DecodedPictures,
    say: Callable[[str], None],
) -> TaskData:
    """Looks into the folders and datasets of a task.

    Args:
        name: of the task.
        settings: which folders and datasets.
        side: of the crops in pixels; smaller pictures are left out.
        hold_out: so many clean pictures are kept for validation, with all degraded ones of theirs; at most half. Of
            datasets, so many images.
        seed: decides which.
        decoded: where pictures are kept.
        say: takes a line for a person.

    Raises:
        UsageError: a folder cannot be read.
        DatasetError: no usable example is left to train on; the text says what became of the files.
    """
    degradations, side = settings.degradations, max(side, settings.kind.least_side) * settings.shrink
    found, lost, fingerprints = _examples(settings, decoded, say)
    fit, unfit = examples_of(found, side)
    training, chosen = _divide(fit, hold_out, seed)
    held_out, damaged = _sound(chosen)
    left_out = tuple(lost + unfit + damaged)
    fingerprints += [_treatment(settings, degradations), *map(_line, training)]
    training, held_out = ([shrunk(each, settings.shrink) for each in examples] for examples in (training, held_out))
    everything: Sequence[Example] = training
    licences: Mapping[str, int] = {}
    if settings.dataset:
        from pretrain.finetune.patches import open_patches  # the stream, for those who need it

        patches = open_patches(settings.dataset, side, settings.shrink, hold_out, seed, say)
        everything = joined(training, patches.training) if training else patches.training
        held_out += patches.held_out
        fingerprints.append(patches.fingerprint)
        licences = patches.licences
    if not everything:
        raise DatasetError(f"tasks.{name}: {_nothing(settings, left_out)}")
    return TaskData(name, settings, degradations, everything, held_out, left_out, digest(fingerprints), licences)


def _examples(
    settings: TaskSettings, decoded: DecodedPictures, say: Callable[[str], None]
) -> tuple[list[Example], list[LeftOut], list[str]]:
    """Examples of folders and triples, files that are none, and fingerprints of what is no file."""
    if settings.kind.learns_from == "triples":
        triples = open_triples(settings.triples, decoded, say)
        return triples.examples, [], [triples.fingerprint]
    clean, lost = survey(_files(settings.clean), decoded)
    if settings.kind.learns_from == "photographs":
        return [Example(picture) for picture in clean.values()], lost, []
    degraded, unusable = survey(_files(settings.degraded), decoded)
    pairing = pair_by_name(list(degraded), list(clean), settings.names)
    pairs = [Example(clean[pair.clean], degraded[pair.degraded]) for pair in pairing.pairs]
    return pairs, [*lost, *unusable, *pairing.left_out], []


def _files(folders: Iterable[str]) -> list[tuple[str, Path]]:
    """(key, path) of every picture below some folders; the key is the path below its folder."""
    return [
        (shown_name(path.relative_to(folder).as_posix()), path)
        for folder in map(Path, folders)
        for path in image_files_below(folder)
    ]


def _divide(examples: Sequence[Example], hold_out: int, seed: int) -> tuple[list[Example], list[Example]]:
    """Training and held-out examples. Clean pictures are held out by a hash of their names, at most half of them, and
    one degraded picture of each is judged by; the others of that scene are not trained on either."""
    keys = sorted({example.clean.key for example in examples})
    salted = sorted(keys, key=lambda key: (hash_words(seed, int(image_hashes([key])[0])), key))
    chosen = salted[: min(hold_out, len(keys) // 2)]
    judged = {example.clean.key: example for example in reversed(examples)}
    held = set(chosen)
    return [example for example in examples if example.clean.key not in held], [judged[key] for key in chosen]


def _sound(examples: Sequence[Example]) -> tuple[list[Example], list[LeftOut]]:
    """Those that can be read to their end and judged: better known now than at the first validation, hours later."""
    sound, unsound = [], []
    for example in examples:
        try:
            for part in (example.degraded, example.clean):
                if part is not None:
                    part.read(Box(0, 0, part.width, part.height))
            if example.mask is not None and not example.mask.read().any():
                unsound.append(LeftOut(Path(example.key), "held out, but nothing is blurred in its mask"))
            else:
                sound.append(example)
        except DamagedPatchError as error:
            unsound.append(LeftOut(Path(example.key), f"damaged: {error}"))
    return sound, unsound


def _nothing(settings: TaskSettings, left_out: Sequence[LeftOut]) -> str:
    where = ", ".join(settings.degraded + settings.clean + settings.triples)
    if not left_out:
        return f"there are no pictures in {where}"
    first = left_out[0]
    return f"none of {len(left_out):,} files in {where} can be used; the first: {first.path}: {first.reason}"


def _treatment(settings: TaskSettings, degradations: Mapping[float, Degradation]) -> str:
    """What is done to the examples, for the fingerprint; the same as before there was `shrink` where that is 1."""
    smaller = f" {settings.shrink}" if settings.shrink > 1 else ""
    return f"{list(degradations.values())} {settings.blur_aware} {settings.speck}{smaller}"


def _line(example: Example) -> str:
    parts = [part for part in (example.degraded, example.clean) if isinstance(part, FilePicture)]
    return " ".join(f"{part.key} {part.nbytes} {part.width} {part.height}" for part in parts)
