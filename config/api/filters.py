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

if TYPE_CHECKING:
    from rest_framework.views import APIView


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
    """Also refuses parameters it does not know, since a misspelt filter would show everything, and instants that no
    database can hold: 0001-01-01T00:00+14:00 lies before the first one in UTC.
    """

    def filter_queryset(self, request: HttpRequest, queryset: QuerySet[Any], view: APIView) -> QuerySet[Any]:
        filterset = self.get_filterset(request, queryset, view)
        if filterset is None:
            return queryset
        unknown = set(filterset.data or ()) - set(filterset.filters) - PAGING
        if unknown:
            known = ", ".join(sorted({*filterset.filters, *PAGING}))
            raise ValidationError(dict.fromkeys(unknown, f"There is no such parameter; there are {known}."))
        if not filterset.is_valid():
            raise ValidationError(filterset.errors)
        for name, value in filterset.form.cleaned_data.items():
            if isinstance(value, datetime.datetime) and not _is_storable(value):
                raise ValidationError({name: "Send a date between the years 2 and 9998."})
        found: QuerySet[Any] = filterset.qs
        return found


def _is_storable(value: datetime.datetime) -> bool:
    return 1 < value.year < 9999
