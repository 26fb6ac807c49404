"""Counts and pages that cost the same for a thousand rows and for a million."""

import dataclasses
from typing import TYPE_CHECKING, Any

from django.core.paginator import Paginator
from django.db.models import Case, Count, OuterRef, QuerySet, Subquery, Value, When
from django.db.models.functions import Coalesce
from django.db.models.lookups import IsNull
from django.utils.functional import cached_property

if TYPE_CHECKING:
    BasePaginator = Paginator[Any]
else:
    BasePaginator = Paginator

COUNTED_ROWS = 1000
"""Where counting ends, and the pages of a list; older rows are reached by a link that goes on from there."""


@dataclasses.dataclass(frozen=True)
class BoundedCount:
    """`number` rows, or more than that when `is_more`. As text: "12", "1,000+"."""

    number: int
    is_more: bool

    def __str__(self) -> str:
        return f"{self.number:,}+" if self.is_more else f"{self.number:,}"


def bounded_count(rows: QuerySet[Any], limit: int | None = None) -> BoundedCount:
    """How many rows there are, reading `limit` + 1 (COUNTED_ROWS) of them at most, in an order that an index serves."""
    limit = COUNTED_ROWS if limit is None else limit
    found = rows[: limit + 1].count()
    return BoundedCount(min(found, limit), found > limit)


def count_for_each(rows: QuerySet[Any], key: str) -> Case:
    """An annotation: how many of `rows` have the annotated row as `key`, read no further than COUNTED_ROWS + 1."""
    limit = COUNTED_ROWS
    rows = rows.filter(**{key: OuterRef("pk")})
    beyond = Subquery(rows.order_by("id").values("id")[limit : limit + 1])
    count = Subquery(rows.order_by().values(key).annotate(number=Count("pk")).values("number"))
    return Case(When(IsNull(beyond, False), then=Value(limit + 1)), default=Coalesce(count, 0))


def as_bounded(number: int) -> BoundedCount:
    """What `count_for_each` has counted."""
    return BoundedCount(min(number, COUNTED_ROWS), number > COUNTED_ROWS)


class BoundedPaginator(BasePaginator):
    """Pages of the first COUNTED_ROWS rows; `total` says whether there are more."""

    template_name = "admin/bounded_pagination.html"

    @cached_property
    def total(self) -> BoundedCount:
        if isinstance(self.object_list, QuerySet):
            return bounded_count(self.object_list)
        return BoundedCount(len(self.object_list), False)

    @cached_property
    def count(self) -> int:
        return self.total.number

    @cached_property
    def end(self) -> Any:
        """The primary key of the last row on the last page, when there are rows after it; else None.

        None too when they have left the list since they were counted.
        """
        if not self.total.is_more or not isinstance(self.object_list, QuerySet):
            return None
        return next(iter(keys(self.object_list[self.count - 1 : self.count])), None)


def keys(rows: QuerySet[Any]) -> list[Any]:
    """Primary keys of `rows`, which an index may know without the rows."""
    return list(rows.prefetch_related(None).values_list("pk", flat=True))
