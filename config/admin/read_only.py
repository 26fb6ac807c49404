"""Lists and pages to look at: searched by any id, counted cheaply, and without a field to fill in."""

from __future__ import annotations

import datetime
import functools
import itertools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.utils import NotRelationField, get_fields_from_path, quote
from django.contrib.admin.views.main import PAGE_VAR
from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from config.admin import looks, searching
from config.admin.looks import Look
from config.admin.paginator import BoundedCount, BoundedPaginator, bounded_count, keys
from config.kernel.fields import PrefixedIdField

if TYPE_CHECKING:
    from django.contrib.admin.views.main import ChangeList

    ModelAdmin = admin.ModelAdmin[Any]
    TabularInline = admin.TabularInline[Any, Any]
else:
    from unfold.admin import ModelAdmin, TabularInline
    from unfold.views import ChangeList


OFFERED_LOOKUPS = {"exact", "in", "isnull", "isempty", "gte", "gt", "lt", "lte"}
"""What filters and links use. Patterns, parts of dates and contained text read every row, and fail on half of what can
be typed."""

OLDER_THAN = "pk__lt"
"""The parameter by which a list goes on below a row: Django looks it up like any other."""


class BoundedList(ChangeList):
    """Counts no further than its paginator does, and says nothing of a total it does not know.

    What rows refer to comes in a statement of its own: given a join, MariaDB may begin with the other table, and sort
    all rows to show the first page. So do the keys of a page: asked for whole rows older than one, MariaDB may read all
    newer ones of the index first (0.3 s in an account of 300,000 entries, against 0.5 ms).
    """

    def get_queryset(self, *args: Any, **kwargs: Any) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(*args, **kwargs)
        shown: list[str] = self.model_admin.shown_relations()  # type: ignore[attr-defined]
        return rows.prefetch_related(*shown)

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.full_result_count = self.result_count
        self.result_list = self.queryset.filter(pk__in=keys(self.result_list))

    @property
    def older(self) -> str:
        """The query string of the rows that come after the last page; empty when there are none."""
        end = self.paginator.end
        return "" if end is None else self.get_query_string({OLDER_THAN: end}, [PAGE_VAR])

    @property
    def newest(self) -> str:
        """The query string of the whole list, for one that `older` leads to; else empty."""
        return self.get_query_string(remove=[OLDER_THAN, PAGE_VAR]) if OLDER_THAN in self.params else ""


class _Looks(ModelAdmin if TYPE_CHECKING else object):  # type: ignore[misc]
    """Shows fields in their looks wherever they are named. An amount's currency is found along `currency_path`."""

    currency_path: ClassVar[str] = "currency"

    def look(self, name: Any) -> Any:
        """The look of the field `name`, or `name` itself."""
        return self._looks.get(name, name) if isinstance(name, str) else name

    @functools.cached_property
    def _looks(self) -> dict[str, Look]:
        found = {f.name: looks.of_field(f, currency=self.currency_path) for f in self.opts.concrete_fields}
        return {name: look for name, look in found.items() if look and not hasattr(self, name)}


class ReadOnlyInline(_Looks, TabularInline):
    """Rows shown on the page of what they belong to; nothing can be added, edited or deleted."""

    extra = 0
    hide_title = True

    def get_fields(self, request: HttpRequest, obj: models.Model | None = None) -> list[Any]:
        return [self.look(name) for name in self.fields or ()]

    def get_readonly_fields(self, request: HttpRequest, obj: models.Model | None = None) -> list[Any]:
        """Its `fields`: Django takes the others for a form's, and refuses those that are not editable."""
        return self.get_fields(request, obj)

    def has_add_permission(self, *_: object) -> bool:
        return False

    def has_change_permission(self, *_: object) -> bool:
        return False

    def has_delete_permission(self, *_: object) -> bool:
        return False


class TypedLookups(ModelAdmin if TYPE_CHECKING else object):  # type: ignore[misc]
    """A list survives whatever is typed into its address."""

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        own = {getattr(each, "parameter_name", None) for each in self.get_list_filter(request)}
        is_offered = lookup in own or lookup.rpartition("__")[2] in OFFERED_LOOKUPS or self._is_path(lookup)
        return is_offered and not self._is_zoneless(lookup, value) and super().lookup_allowed(lookup, value, request)

    def _is_path(self, lookup: str) -> bool:
        """Whether it names a field, if need be across relations, and nothing else."""
        try:
            return bool(get_fields_from_path(self.model, lookup))
        except (FieldDoesNotExist, NotRelationField):
            return False

    def _is_zoneless(self, lookup: str, value: str) -> bool:
        """A date, or an instant without its time zone, where an instant is meant. Filters and links always say it."""
        path, _, suffix = lookup.rpartition("__")
        try:
            fields = get_fields_from_path(self.model, path if suffix in OFFERED_LOOKUPS else lookup)
            instant = datetime.datetime.fromisoformat(value)
        except (FieldDoesNotExist, NotRelationField, ValueError):
            return False
        return isinstance(fields[-1], models.DateTimeField) and instant.tzinfo is None

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Raises IncorrectLookupParameters also for an instant that UTC has no year for."""
        try:
            return super().get_changelist_instance(request)
        except OverflowError as error:
            raise IncorrectLookupParameters(error) from error


class ReadOnlyAdmin(TypedLookups, _Looks, ModelAdmin):
    """Nothing can be added, edited or deleted; everything is shown, and found by any of its ids.

    The search box takes the object's own id, an id in one of `id_search_fields` (names of foreign keys, also across
    relations: "payment__invoice"), or text in `search_fields`: "number__exact" by its index, one after the other until
    one knows it; "name" as contained text after them.
    """

    id_search_fields: ClassVar[Sequence[str]] = ()
    ordering = ("-pk",)
    paginator = BoundedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 50
    list_max_show_all = 0
    list_before_template = "admin/status_counts.html"
    compressed_fields = False
    # Sorting a million rows by a column without an index takes seconds; newest first is the primary key backwards.
    sortable_by = ()

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return BoundedList

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        return [self.look(name) for name in super().get_list_display(request)]

    def get_fieldsets(self, request: HttpRequest, obj: models.Model | None = None) -> Any:
        def looked(row: Any) -> Any:
            return tuple(map(self.look, row)) if isinstance(row, list | tuple) else self.look(row)

        return [
            (name, {**options, "fields": [looked(row) for row in options["fields"]]})
            for name, options in super().get_fieldsets(request, obj)
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: models.Model | None = None) -> list[Any]:
        declared = list(super().get_readonly_fields(request, obj))
        stored = [field.name for field in (*self.opts.concrete_fields, *self.opts.local_many_to_many)]
        return [self.look(name) for name in (*stored, *(name for name in declared if name not in stored))]

    def get_list_select_related(self, request: HttpRequest) -> tuple[()]:
        """Nothing, and no guess of Django's: see BoundedList."""
        return ()

    def shown_relations(self) -> list[str]:
        """Every foreign key of the list, besides those in `list_select_related`."""
        declared = self.list_select_related
        names = list(declared) if isinstance(declared, list | tuple) else []
        return [*names, *(f.name for f in self.opts.concrete_fields if f.is_relation and f.name in self.list_display)]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        counts = {"status_counts": list(self._status_counts(request))}
        return super().changelist_view(request, counts | (extra_context or {}))

    def _status_counts(self, request: HttpRequest) -> Iterator[tuple[str, str, BoundedCount, bool]]:
        """(value, text, count, whether it is filtered by) of each state, for the line above the list."""
        field = next((f for f in self.opts.concrete_fields if f.name == "status" and looks.is_state(f)), None)
        for value, text in field.flatchoices if field else ():
            rows = self.model._default_manager.filter(status=value).order_by("-pk")
            yield value, str(text), bounded_count(rows), request.GET.get("status__exact") == value

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:
        """Those that are searched as contained text. Never empty, because Django shows the search box only then."""
        return tuple(name for name in self.search_fields if not name.endswith(searching.EXACT)) or ("pk",)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        if found := self.find(term):
            return queryset.filter(pk__in=found), False
        if all(name.endswith(searching.EXACT) for name in self.search_fields):
            return queryset.none(), False
        return super().get_search_results(request, queryset, term)

    def find(self, term: str) -> list[Any]:
        """Primary keys of the newest rows that `term` names exactly: an id, a number, a reference."""
        ids = searching.by_ids(self.model, term, self.id_search_fields)
        texts = searching.of_fields(term, self.search_fields)
        return searching.first_found(self.model, itertools.chain(ids, texts))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return super().change_view(request, self._quoted(object_id), form_url, extra_context)

    def _quoted(self, object_id: str) -> str:
        """An id typed into the address bar, as the admin's own links spell it ("_" is its escape character)."""
        pk = self.opts.pk
        if not isinstance(pk, PrefixedIdField) or not object_id.startswith(f"{pk.prefix}_"):
            return object_id
        try:
            pk.to_python(object_id)
        except ValidationError:
            return object_id
        return quote(object_id)
