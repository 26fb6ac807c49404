"""The lists of the API and the pages of the admin, each by every way of asking for it.

Lists, filters, searches and pages are found in the code, so a new one is covered as it is written.
"""

import datetime
import functools
import json
from collections.abc import Callable, Iterator
from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import quote
from django.db import models
from django.db.models import QuerySet
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django_filters import CharFilter
from rest_framework.generics import ListAPIView

from config.admin import ReadOnlyAdmin
from config.api.filters import IdFilter
from config.api.principals import system
from invoices.models import CreditEntry
from tests.admin.world import chief
from tests.api import ApiConsumer
from tests.scale import plans
from webhooks.outbound.models import Endpoint

ACTOR = system("tests")


def api_lists() -> list[tuple[str, type[ListAPIView[Any]]]]:
    """(path, view) of every list of the API."""
    found = [(path, getattr(callback, "view_class", None)) for path, callback in _routes(get_resolver())]
    return [(_filled(path), view) for path, view in found if view and issubclass(view, ListAPIView)]


def _filled(path: str) -> str:
    """With the id of something that has a long list."""
    endpoint = Endpoint.objects.order_by("id").first()
    credit = CreditEntry.objects.order_by("-id").first()
    path = path.replace("<str:endpoint_id>", endpoint.id if endpoint else "")
    return path.replace("<str:customer_id>", credit.customer_id if credit else "")


def _routes(resolver: URLResolver, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for entry in resolver.url_patterns:
        route = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from _routes(entry, route)
        elif isinstance(entry, URLPattern):
            yield f"/{route}", entry.callback


def queries(view: type[ListAPIView[Any]]) -> Iterator[dict[str, str]]:
    """Of a list: none, and each of its filters with a value that finds something."""
    rows = view.queryset.order_by("pk")  # type: ignore[union-attr]
    filters = view.filterset_class.base_filters if view.filterset_class else {}  # type: ignore[attr-defined]
    yield {}
    for name, each in filters.items():
        yield {name: _value(rows, each)}


def _value(rows: QuerySet[Any], each: Any) -> str:
    """What the filter finds a row in the middle by, or the first of its choices where it asks in a way of its own."""
    if each.method is not None:
        return str(each.extra["choices"][0][0])
    field = str(each.field_name)
    rows = rows.exclude(**{f"{field}__isnull": True})
    if isinstance(each, CharFilter) and not isinstance(each, IdFilter):
        rows = rows.exclude(**{field: ""})
    row = rows[rows.count() // 2]
    for name in field.split("__"):
        row = getattr(row, name)
    if isinstance(row, bool):
        return str(row).lower()
    return row.isoformat() if isinstance(row, datetime.datetime) else str(row)


def turn_pages(path: str, query: dict[str, str]) -> None:
    """The first page, and the second when there is one."""
    api = ApiConsumer()
    further: dict[str, str] = {}
    while True:
        page = {**query, **further, "limit": "5"}
        answer = api.client.get(path, page, headers={"Authorization": f"Bearer {api.secret}"})
        assert answer.status_code == 200, (path, page, answer.content)
        following = json.loads(answer.content)["next_cursor"]
        if further or not following:
            return
        further = {"cursor": following}


def admin_addresses() -> Iterator[tuple[str, Callable[[], Any]]]:
    """(name, visit) of every list, filter, search and page of every registered model, and of the first page."""
    client = chief()
    visit = functools.partial(functools.partial, _visit, client)
    yield "admin index", visit("/admin/")
    yield "admin find", visit("/admin/find/", {"q": "nothing like it"})
    for model, model_admin in admin.site._registry.items():
        with plans.aside():
            row = model._default_manager.order_by("pk").first()
        if row is None:
            continue
        name = f"{model._meta.app_label}.{model._meta.model_name}"
        start = reverse(f"admin:{name.replace('.', '_')}_changelist")
        yield f"admin list {name}", visit(start)
        yield f"admin page {name}", visit(reverse(f"admin:{name.replace('.', '_')}_change", args=[quote(row.pk)]))
        for title, query in _filters(client, start):
            yield f"admin filter {name} {title}", visit(start + query)
        for title, term in _terms(model_admin, row):
            yield f"admin search {name} {title}", visit(start, {"q": term})


def _visit(client: Client, address: str, data: dict[str, str] | None = None) -> Any:
    answer: Any = client.get(address, data, follow=True)
    assert answer.status_code == 200, (address, data, answer.content[-500:])
    return answer


def _filters(client: Client, start: str) -> Iterator[tuple[str, str]]:
    changelist = _visit(client, start).context["cl"]
    for spec in changelist.filter_specs:
        for choice in spec.choices(changelist):
            if choice["query_string"] != "?":
                yield f"{spec.title}={choice['display']}", choice["query_string"]


def _terms(model_admin: Any, row: models.Model) -> Iterator[tuple[str, str]]:
    """What its search box takes, said of `row`; and what nobody has."""
    yield "by nothing like it", "nothing like it"
    yield "by id", str(row.pk)
    if not isinstance(model_admin, ReadOnlyAdmin):
        return
    for field in (*model_admin.search_fields, *model_admin.id_search_fields):
        term = _follow(row, field.removesuffix("__exact"))
        if term:
            yield f"by {field}", term


def _follow(row: Any, path: str) -> str:
    for name in path.split("__"):
        row = getattr(row, name, None)
        row = row.first() if hasattr(row, "first") else row
    return str(getattr(row, "pk", row)) if row not in (None, "") else ""
