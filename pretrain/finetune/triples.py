"""Pairs with blur masks, from the shards that `million-ird annotate export` writes, to fine-tune on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pretrain.finetune.examples import Example
from pretrain.finetune.pictures import DecodedPictures, PatchPicture
from pretrain.local_blur.index import Triples, read_triples
from pretrain.local_blur.masks import BlurMask
from pretrain.stream.cache import ShardCache, cache_folder
from pretrain.stream.index import Patch
from pretrain.stream.reader import ThreadReaders
from pretrain.stream.settings import StreamSettings


@dataclass(frozen=True)
class OpenTriples:
    """Every pair with a mask, whatever its size, and what is known of the data."""

    examples: list[Example]
    fingerprint: str


def open_triples(locations: Sequence[str], decoded: DecodedPictures, say: Callable[[str], None]) -> OpenTriples:
    """Opens shards of blurred frames, sharp frames and masks.

    Args:
        locations: folders of tars (an export's, say), single tars or patterns, each a path or any fsspec URL. Their
            order is part of the sequence.
        decoded: where pictures that are no JPEGs are kept.
        say: takes a line for a person.

    Raises:
        DatasetError: there is no tar, or no pair with a mask. StoreError: a location cannot be read.
    """
    settings = StreamSettings()
    cache = ShardCache(cache_folder(settings.cache), int(settings.cache_gb * 1e9))
    triples = read_triples(list(locations), cache, say)
    fetch = ThreadReaders(triples.index, cache).read
    if triples.left_out:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in triples.left_out.items())
        say(f"{', '.join(locations)}: no pair with a mask: {reasons}")
    return OpenTriples(
        [_example(triples, number, fetch, decoded) for number in range(len(triples))], triples.index.fingerprint
    )


def _example(triples: Triples, number: int, fetch: Callable[[Patch], bytes], decoded: DecodedPictures) -> Example:
    blur, sharp, mask = triples.members(number)
    return Example(PatchPicture(sharp, fetch, decoded), PatchPicture(blur, fetch, decoded), BlurMask(mask, fetch))
