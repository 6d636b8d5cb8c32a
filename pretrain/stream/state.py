"""What decides the samples of a sequence, and whether a checkpoint's sequence is the same."""

from __future__ import annotations

from collections.abc import Mapping

from million_ird.errors import DatasetError, UsageError

State = Mapping[str, int | str]
"""Plain values that, together with a step and the batch, decide all samples from there on; one is `fingerprint`."""


def check_state(recorded: State, own: State, other_data: str, advice: str, section: str = "") -> None:
    """Whether a sequence is the one that a checkpoint recorded.

    Args:
        recorded: the checkpoint's.
        own: that of the data at hand.
        other_data: how the message for another fingerprint begins.
        advice: what to do about it.
        section: stands before the names of other values, such as "stream: ".

    Raises:
        DatasetError: the fingerprints differ.
        UsageError: another value differs.
    """
    if recorded.get("fingerprint") != own["fingerprint"]:
        prints = f"fingerprint {own['fingerprint']}, there {recorded.get('fingerprint')}"
        raise DatasetError(f"{other_data} ({prints}): {advice}, or begin a new run")
    for name, value in own.items():
        if recorded.get(name) != value:
            raise UsageError(f"{section}{name} is {value}, but {recorded.get(name)} in the checkpoint")
