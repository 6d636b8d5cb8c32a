"""What a person has looked at and found to be so: `overrides.jsonl` beside the masks, only ever appended to.

Each line accepts one rule for one mask, for good: it names the mask by a hash of its pixels, and lapses when the mask
is drawn on. A later line for the same mask and rule takes the place of an earlier one; an empty reason takes it back.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path

from annotation.check.finding import Subject
from annotation.check.rules import RULES, WHOLE_SET
from annotation.mask import encode_mask
from million_ird.errors import StoreError, UsageError

OVERRIDES = "overrides.jsonl"


@dataclass(frozen=True, slots=True)
class Override:
    """One line of the file."""

    item: str
    layer: int | None
    """Number of the store's layer; None for files."""
    rule: str
    mask: str
    """SHA-256 of the mask as 1-bit PNG; "" where there is no mask."""
    reason: str
    annotator: str
    at: str
    """UTC, ISO 8601."""


class Overrides:
    """The overrides of one place. Reading is done once; `add` appends at once."""

    def __init__(self, path: Path) -> None:
        """`path` need not exist.

        Raises:
            StoreError: it cannot be read, or a line of it is no override.
        """
        self.path = path
        self._known = {_key(each): each for each in _read(path)}

    def reason(self, subject: Subject, rule: str) -> str:
        """Who accepted this rule for this mask and why; "" if nobody did."""
        known = self._known.get((subject.name, subject.layer, rule, fingerprint(subject)))
        if known is None or not known.reason:
            return ""
        return f"{known.annotator}: {known.reason}" if known.annotator else known.reason

    def add(self, subject: Subject, rule: str, reason: str, annotator: str) -> Override:
        """Accepts a rule for a mask as it is now.

        Raises:
            UsageError: no such rule, or one that nobody can accept.
            StoreError: the file cannot be written.
        """
        check_rule(rule)
        at = datetime.now(UTC).isoformat(timespec="seconds")
        new = Override(subject.name, subject.layer, rule, fingerprint(subject), reason.strip(), annotator.strip(), at)
        line = json.dumps(asdict(new), ensure_ascii=False) + "\n"
        try:
            with self.path.open("a", encoding="utf-8", newline="\n") as file:
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise StoreError(f"cannot write {self.path}: {error.strerror or error}") from None
        self._known[_key(new)] = new
        return new


def check_rule(rule: str) -> None:
    """UsageError unless a rule of this name can be accepted."""
    acceptable = [name for name, known in RULES.items() if known.can_be_accepted]
    if rule not in acceptable:
        why = f"{RULES[rule].meaning}, which no reason makes usable" if rule in RULES else "there is no such rule"
        raise UsageError(f"{rule!r} cannot be accepted: {why}; {', '.join(acceptable)} can")


def fingerprint(subject: Subject) -> str:
    """What an override binds to."""
    if subject.name == WHOLE_SET or subject.mask is None:
        return ""
    return hashlib.sha256(encode_mask(subject.mask)).hexdigest()


def _key(override: Override) -> tuple[str, int | None, str, str]:
    return override.item, override.layer, override.rule, override.mask


def _read(path: Path) -> list[Override]:
    try:
        lines = path.read_text("utf-8").splitlines()
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"cannot read {path}: {error}") from None
    return [_parse(path, number, line) for number, line in enumerate(lines, 1) if line.strip()]


def _parse(path: Path, number: int, line: str) -> Override:
    names = {field.name for field in fields(Override)}
    try:
        values = json.loads(line)
        if not isinstance(values, dict) or not names <= values.keys():
            raise ValueError("keys are missing")  # noqa: TRY301  the same sentence for whatever is wrong with a line
        override = Override(**{name: values[name] for name in names})
        texts = [getattr(override, name) for name in names - {"layer"}]
        if not all(isinstance(text, str) for text in texts) or not isinstance(override.layer, int | None):
            raise ValueError("a value is of another type")  # noqa: TRY301
    except ValueError as error:
        raise StoreError(f"{path}, line {number} is no override ({error}): mend or remove that line") from None
    return override
