"""Filters that every list shares."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

import django_filters
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django_filters.rest_framework import DjangoFilterBackend
from rest_framework.exceptions import ValidationError

from config.kernel import clock, ids

if TYPE_CHECKING:
    from rest_framework.views import APIView


TIMES_DIFFER_BY = datetime.timedelta(minutes=1)
"""At most, the time in an id and the one written on its row: one machine's clock makes both, in one transaction."""


def made_between(
    rows: QuerySet[Any], *, since: datetime.datetime | None = None, before: datetime.datetime | None = None
) -> QuerySet[Any]:
    """`rows` less those whose ids were made well before `since` or after `before`.

    Ids tell wall time, which a test clock leaves behind: what is written on the row was the same or later.

    For a filter on the time a row was made, beside that filter: ids are ordered by time, so that a list by id reads the
    range and not the table: docs/decisions/0011-scale.md.
    """
    prefix = rows.model._meta.pk.prefix
    if since is not None:
        rows = rows.filter(pk__gte=ids.earliest(prefix, since - clock.ahead() - TIMES_DIFFER_BY))
    if before is not None:
        rows = rows.filter(pk__lt=ids.earliest(prefix, before + TIMES_DIFFER_BY))
    return rows


class MadeFilter(django_filters.IsoDateTimeFilter):
    """Rows made since (`gte`) or before (`lt`) an instant, by the field that says when."""

    def filter(self, qs: QuerySet[Any], value: datetime.datetime | None) -> QuerySet[Any]:
        found: QuerySet[Any] = super().filter(qs, value)
        return made_between(found, **{"since" if self.lookup_expr == "gte" else "before": value})


class IdFilter(django_filters.CharFilter):
    """A public id; text that is no such id matches nothing."""

    def filter(self, qs: QuerySet[Any], value: str) -> QuerySet[Any]:
        try:
            found: QuerySet[Any] = super().filter(qs, value)
        except DjangoValidationError:
            return qs.none()
        return found


PAGING = {"limit", "cursor"}


class FilterBackend(DjangoFilterBackend):
    """Also refuses parameters it does not know and empty ones, since a misspelt or lost filter would show everything,
    and instants that no database can hold: 0001-01-01T00:00+14:00 lies before the first one in UTC.
    """

    def filter_queryset(self, request: HttpRequest, queryset: QuerySet[Any], view: APIView) -> QuerySet[Any]:
        filterset = self.get_filterset(request, queryset, view)
        if filterset is None:
            return queryset
        unknown = set(filterset.data or ()) - set(filterset.filters) - PAGING
        if unknown:
            known = ", ".join(sorted({*filterset.filters, *PAGING}))
            raise ValidationError(dict.fromkeys(unknown, f"There is no such parameter; there are {known}."))
        blank = [name for name in filterset.filters if "" in map(str.strip, request.GET.getlist(name))]
        if blank:
            raise ValidationError(dict.fromkeys(blank, "Send a value, or leave the parameter out."), code="blank")
        if not filterset.is_valid():
            raise ValidationError(filterset.errors)
        for name, value in filterset.form.cleaned_data.items():
            if isinstance(value, datetime.datetime) and not is_storable(value):
                raise ValidationError({name: "Send a date between the years 2 and 9998."}, code="out_of_range")
        found: QuerySet[Any] = filterset.qs
        return found


def is_storable(value: datetime.datetime) -> bool:
    """Whether every time zone has it within the years that databases and Python know."""
    return 1 < value.year < 9999
