"""Cursor pagination, newest first: a page costs the same however far back it lies, and new rows move nothing."""

from __future__ import annotations

import base64
import binascii
import datetime
import json
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response

from config.kernel.errors import FieldError, Invalid

if TYPE_CHECKING:
    from rest_framework.views import APIView

DEFAULT_LIMIT = 20
MAX_LIMIT = 100


class InvalidPage(Invalid):
    """The page cannot be read: see `errors` for what to send."""

    code = "invalid_page"


class CursorPagination(BasePagination):
    """Answers {"data": […], "has_more": true, "next_cursor": "…" or null}; query: `limit` 1 to 100, `cursor`.

    Rows come newest first by the view's `page_by`, field names that end in a unique one; else by `created_at` and
    the primary key, or the primary key alone where there is no `created_at`. The view's `archive` holds further rows,
    which the same filters apply to. Raises InvalidPage.
    """

    def paginate_queryset(self, queryset: Any, request: Request, view: APIView | None = None) -> list[Any]:
        """At most `limit` rows of a QuerySet."""
        fields = _page_fields(queryset.model, view)
        limit = _limit(request)
        cursor = request.query_params.get("cursor")
        after = _after(fields, _decode(cursor, fields)) if cursor else Q()
        order = [f"-{field.name}" for field in fields]
        # By key: a row that is archived between the two statements is in both.
        found = {
            row.pk: row for rows in _tables(queryset, view) for row in rows.filter(after).order_by(*order)[: limit + 1]
        }
        page = sorted(found.values(), key=attrgetter(*(field.name for field in fields)), reverse=True)[: limit + 1]
        self.next_cursor = _encode(page[limit - 1], fields) if len(page) > limit else None
        return page[:limit]

    def get_paginated_response(self, data: Any) -> Response:
        return Response({"data": data, "has_more": self.next_cursor is not None, "next_cursor": self.next_cursor})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        return {
            "type": "object",
            "required": ["data", "has_more", "next_cursor"],
            "properties": {
                "data": schema,
                "has_more": {"type": "boolean", "example": True},
                "next_cursor": {
                    "type": "string",
                    "nullable": True,
                    "example": "WyIwMTliMGY0MSJd",
                    "description": "Send it as `cursor` for the next page; null on the last one.",
                },
            },
        }

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        limits = {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT}
        return [
            {"name": "limit", "in": "query", "required": False, "schema": limits, "description": "Rows per page."},
            {
                "name": "cursor",
                "in": "query",
                "required": False,
                "schema": {"type": "string"},
                "description": "`next_cursor` of the page before.",
            },
        ]


def _tables(queryset: Any, view: Any) -> list[Any]:
    archive = getattr(view, "archive", None)
    return [queryset] if archive is None else [queryset, view.filter_queryset(archive.all())]


def _page_fields(model: type[models.Model], view: APIView | None) -> list[models.Field[Any, Any]]:
    names = {field.name for field in model._meta.concrete_fields}
    assert model._meta.pk is not None
    fallback = [*(["created_at"] if "created_at" in names else []), model._meta.pk.name]
    return [model._meta.get_field(name) for name in getattr(view, "page_by", fallback)]  # type: ignore[misc]


def _limit(request: Request) -> int:
    text = request.query_params.get("limit", str(DEFAULT_LIMIT))
    if text.isascii() and text.isdecimal() and len(text) <= 3 and 1 <= int(text) <= MAX_LIMIT:
        return int(text)
    raise InvalidPage(errors=(FieldError("limit", "invalid_limit", f"Send an integer from 1 to {MAX_LIMIT}."),))


def _after(fields: list[models.Field[Any, Any]], values: list[Any]) -> Q:
    """Rows behind the cursor: (a, b) < (x, y) is a <= x and (a < x or b < y); the first part lets an index serve it."""
    name, value = fields[0].name, values[0]
    if len(fields) == 1:
        return Q(**{f"{name}__lt": value})
    return Q(**{f"{name}__lte": value}) & (Q(**{f"{name}__lt": value}) | _after(fields[1:], values[1:]))


def _encode(row: models.Model, fields: list[models.Field[Any, Any]]) -> str:
    values = [field.value_to_string(row) for field in fields]
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


def _decode(cursor: str, fields: list[models.Field[Any, Any]]) -> list[Any]:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        texts = json.loads(base64.b64decode(padded.encode("ascii"), altchars=b"-_", validate=True))
        if not isinstance(texts, list) or len(texts) != len(fields) or not all(isinstance(t, str) for t in texts):
            raise ValueError("not the values of one row")
        return [_read(field, text) for field, text in zip(fields, texts, strict=True)]
    except (ValueError, OverflowError, binascii.Error, ValidationError, RecursionError) as error:
        detail = "Send the next_cursor of an earlier page, unchanged."
        raise InvalidPage(errors=(FieldError("cursor", "invalid_cursor", detail),)) from error


def _read(field: models.Field[Any, Any], text: str) -> Any:
    if not isinstance(field, models.DateTimeField):
        return field.to_python(text)
    instant = datetime.datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError("an instant needs its offset")
    return instant.astimezone(datetime.UTC)
