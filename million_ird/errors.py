"""The errors a person can meet, as one tree.

A photograph that cannot be used is no error: it is a `Rejection` (see `records`) and becomes a row.
"""


class MillionIrdError(Exception):
    """Anything this project raises on purpose. Its text says what to do; the command prints it without traceback."""

    exit_code = 1


class UsageError(MillionIrdError):
    """The caller asked for something that cannot be: a wrong argument, recipe key or manifest column."""

    exit_code = 2


class DatasetError(MillionIrdError):
    """A dataset cannot be read as asked: not one of ours, another format version, a missing or damaged file."""


class StoreError(MillionIrdError):
    """The output cannot be written or read: disk full, read-only, no permission, no such bucket."""


class LeaseError(MillionIrdError):
    """Another build is writing to the same output."""


class MissingExtraError(UsageError):
    """An optional dependency is absent; the text carries the pip line that brings it."""
