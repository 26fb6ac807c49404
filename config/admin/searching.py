"""Finding rows by what names them exactly, through indexes: each lookup on its own, until one finds something."""

from collections.abc import Iterable, Iterator
from typing import Any

from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db import models
from django.db.models import Q

MAX_FOUND = 1000
"""Rows that one search finds at most, the newest."""
EXACT = "__exact"
"""How the names of search fields end that are not searched as contained text."""


def by_ids(model: type[models.Model], term: str, paths: Iterable[str]) -> Iterator[Q]:
    """`term` as the row's own id, or as an id at the end of one of `paths` (names of relations)."""
    for path in ("pk", *paths):
        try:
            yield Q(**{path: _target_field(model, path).to_python(term)})
        except ValidationError:
            continue


def first_found(model: type[models.Model], lookups: Iterable[Q]) -> list[Any]:
    """Primary keys of the newest rows that the first of `lookups` to find any finds."""
    for lookup in lookups:
        rows = model._default_manager.filter(lookup).order_by("-pk")
        if found := list(rows.values_list("pk", flat=True)[:MAX_FOUND]):
            return found
    return []


def of_fields(term: str, fields: Iterable[str]) -> Iterator[Q]:
    """A lookup for each of `fields` that is written "number__exact": its first column is that of an index."""
    yield from (Q(**{name: term}) for name in fields if name.endswith(EXACT))


def _target_field(model: type[models.Model], path: str) -> "models.Field[Any, Any]":
    """The primary key at the end of `path`. Raises FieldDoesNotExist for a path that is not a relation."""
    for name in path.split("__"):
        if name == "pk":
            break
        related = model._meta.get_field(name).related_model
        if related is None or isinstance(related, str):
            raise FieldDoesNotExist(f"{name} of {model.__name__} is not a relation")
        model = related
    assert model._meta.pk is not None
    return model._meta.pk
