"""Rows of what was seeded, found and corrupted."""

from typing import Any


def first(rows: Any, **wanted: Any) -> Any:
    found = rows.filter(**wanted).order_by("pk").first()
    assert found is not None, (rows.model, wanted)
    return found


def change(row: Any, **columns: Any) -> None:
    """By one UPDATE, past models and services."""
    assert type(row)._default_manager.filter(pk=row.pk).update(**columns) == 1
