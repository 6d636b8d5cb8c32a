"""Settings without a docstring."""

from __future__ import annotations

from million_ird.settings_fields import field_docs, field_types, nested_settings


def undocumented(cls: type) -> list[str]:
    """`Class.field` of every field without one, in a settings class and in those inside it."""
    missing = [f"{cls.__name__}.{name}" for name in field_types(cls) if not field_docs(cls).get(name)]
    nested = [inner for hint in field_types(cls).values() for inner in nested_settings(hint)]
    return missing + [found for inner in nested for found in undocumented(inner)]
