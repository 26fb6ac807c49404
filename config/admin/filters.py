"""Filters that read a part of a large table, to know what they offer and to find it."""

import datetime
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import Field, QuerySet
from django.http import HttpRequest
from django.utils.dateparse import parse_datetime
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _

from config.api.filters import made_between
from config.kernel.fields import by_id

RECENT_ROWS = 1000

OFFERED_ROWS = 100
OFFERED_CHARACTERS = 60

SEARCHED_ROWS = 20_000
"""The newest rows, among which is filtered by what has no index: about 0.1 s."""


def among_newest(rows: QuerySet[Any]) -> QuerySet[Any]:
    """Those of `rows` that are among the newest SEARCHED_ROWS of their table."""
    oldest = rows.model._default_manager.order_by("-pk").values_list("pk", flat=True)[SEARCHED_ROWS:].first()
    return rows if oldest is None else rows.filter(pk__gt=oldest)


def titled(field: Any) -> Any:
    """What such a filter is called: by `field`, and how far it looks."""
    return _("%(field)s (newest %(rows)s)") % {"field": field, "rows": f"{SEARCHED_ROWS:,}"}


class RecentValuesFilter(admin.FieldListFilter):
    """Offers the values of the newest RECENT_ROWS rows, and finds the one chosen among the newest SEARCHED_ROWS.

    Django's own reads every row, to offer them and to find a rare one.
    """

    def __init__(
        self,
        field: "Field[Any, Any]",
        request: HttpRequest,
        params: dict[str, Any],
        model: Any,
        model_admin: Any,
        field_path: str,
    ) -> None:
        self.parameter = field_path
        super().__init__(field, request, params, model, model_admin, field_path)
        self.chosen = str(request.GET.get(field_path, ""))
        newest = model._default_manager.order_by("-pk").values(field_path)[:RECENT_ROWS]
        values = {row[field_path] for row in newest} | {self.chosen}
        self.title = titled(self.title)
        self.values = sorted(str(value) for value in values if value not in (None, ""))

    def has_output(self) -> bool:
        return bool(self.values)

    def expected_parameters(self) -> list[str | None]:
        return [self.parameter]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not self.chosen:
            return queryset
        return among_newest(queryset).filter(**{self.parameter: self.chosen})

    def choices(self, changelist: ChangeList) -> Any:
        yield {"selected": not self.chosen, "query_string": changelist.get_query_string({}, [self.parameter]),
               "display": _("All")}  # fmt: skip
        for value in self.values:
            yield {
                "selected": value == self.chosen,
                "query_string": changelist.get_query_string({self.parameter: value}),
                "display": value,
            }


class NewestRelatedFilter(admin.RelatedFieldListFilter):
    """Offers the OFFERED_ROWS newest rows that a foreign key may lead to, and the one chosen.

    Django's own offers every row there is.
    """

    def field_choices(
        self, field: Any, request: HttpRequest, model_admin: "admin.ModelAdmin[Any]"
    ) -> list[tuple[str, Any]]:
        rows = field.related_model._default_manager.order_by("-pk")
        chosen = by_id(rows, self.lookup_val[-1]) if self.lookup_val else None
        offered = [*rows[:OFFERED_ROWS], chosen]
        return list({row.pk: Truncator(row).chars(OFFERED_CHARACTERS) for row in offered if row}.items())


class MadeDateFilter(admin.DateFieldListFilter):
    """For the field that says when a row was made: the same choices, read from the newest on."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        found = super().queryset(request, queryset)
        assert found is not None
        return made_between(found, since=self._chosen("__gte"), before=self._chosen("__lt"))

    def _chosen(self, end: str) -> datetime.datetime | None:
        values: Any = self.used_parameters.get(f"{self.field_path}{end}")
        return parse_datetime(str(values[-1])) if values else None
