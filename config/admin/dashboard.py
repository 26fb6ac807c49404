"""The first page: what waits for a person, and one box that finds anything by its id, number or reference."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.module_loading import import_string
from django.utils.translation import gettext

from config.admin import looks
from config.admin.paginator import BoundedCount, bounded_count
from config.admin.read_only import ReadOnlyAdmin
from config.kernel.fields import PrefixedIdField, by_id

MAX_HITS = 20


@dataclasses.dataclass(frozen=True)
class Tile:
    """Something to attend to: `count` objects, listed at `url`. `detail` says how bad, such as the oldest one's age."""

    title: str
    count: BoundedCount
    url: str
    detail: str = ""
    tone: str = "warn"

    @property
    def colour(self) -> str:
        return self.tone if self.count.number else "quiet"


def tile_of_status(
    model: type[models.Model], status: str, title: str, *, made: str = "", detail: str = "", tone: str = "warn"
) -> Tile:
    """For the rows of `model` in one state; `made` is the field that says how old the oldest is."""
    rows = model._default_manager.filter(status=status)
    if made:
        detail = looks.oldest_since(rows.order_by("pk").values_list(made, flat=True).first())
    return Tile(title, bounded_count(rows.order_by("-pk")), looks.list_of(model, status__exact=status), detail, tone)


def fill(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Unfold's hook for the index page."""
    return context | {"title": gettext("What needs attention"), "tiles": tiles(request)}


def tiles(request: HttpRequest) -> list[Tile]:
    """Those of the apps in settings.ADMIN_ATTENTION whose permission the user has."""
    allowed = [path for path, permission in settings.ADMIN_ATTENTION.items() if request.user.has_perm(permission)]
    return [tile for path in allowed for tile in import_string(path)()]


def find(request: HttpRequest) -> HttpResponse:
    """The page of the one object that `?q=` names exactly, or the few that it does, or the news that there is none."""
    term = request.GET.get("q", "").strip()
    hits = _hits(request, term) if term else []
    if len(hits) == 1:
        return redirect(looks.url_of(hits[0]))
    shown = [(hit._meta.verbose_name, looks.link(hit)) for hit in hits]
    context = {**admin.site.each_context(request), "title": f"“{term}”", "term": term, "hits": shown}
    return TemplateResponse(request, "admin/found.html", context)


def _hits(request: HttpRequest, term: str) -> Sequence[Any]:
    """An object whose own id it is, else every one that is known under it."""
    seen = {
        model: model_admin
        for model, model_admin in admin.site._registry.items()
        if isinstance(model_admin, ReadOnlyAdmin) and model_admin.has_view_permission(request)
    }
    for model in seen:
        if isinstance(model._meta.pk, PrefixedIdField) and (row := by_id(model._default_manager, term)):
            return [row]
    hits: list[Any] = []
    for model, model_admin in seen.items():
        found = model_admin.find(term)[: MAX_HITS - len(hits)]
        hits += model._default_manager.filter(pk__in=found).order_by("-pk") if found else []
    return hits
