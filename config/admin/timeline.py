"""One page, one timeline: all that is known about an invoice or a payment, in the order it happened.

Sources are named in settings.ADMIN_TIMELINE_SOURCES, so that the page of an invoice shows payments and provider events
without its app knowing them. Each takes at most a fixed number of statements, whatever the history.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Sequence
from typing import Any, TypeVar

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.dateparse import parse_datetime
from django.utils.http import urlencode
from django.utils.module_loading import import_string
from django.utils.safestring import SafeString

from config.admin import looks
from config.admin.actions import ReasonedActionsAdmin

Rows = TypeVar("Rows", bound="QuerySet[Any, Any]")

SHOWN_ITEMS = 200
MAX_TRAIL = 50
"""Pages that an address remembers the way back through: it has to fit into a request line."""
PAYLOAD_CHARACTERS = 4000
"""What is shown of one payload here; the page it leads to has all of it."""


@dataclasses.dataclass(frozen=True)
class Subject:
    """What a timeline is about: the whole of an invoice, or of it only what concerns `payment_id`.

    `payments` are those of the invoice that the window shows, or the one, with their ids and provider references.
    `next_attempt_at` is when the invoice's next payment will be made by itself.
    """

    invoice_id: str
    payments: Sequence[Any]
    payment_id: str | None = None
    next_attempt_at: datetime.datetime | None = None


@dataclasses.dataclass(frozen=True)
class Window:
    """A source returns its newest `limit` items that are not later than the last of `trail`.

    The trail is how staff came here: the moments that the pages before this one went on from.
    """

    limit: int
    trail: tuple[datetime.datetime, ...] = ()

    @property
    def until(self) -> datetime.datetime | None:
        return self.trail[-1] if self.trail else None

    def newest(self, rows: Rows, made: str, order: str = "-pk") -> Rows:
        """Those of `rows` to show; `made` is the field that says when it was."""
        shown = rows if self.until is None else rows.filter(**{f"{made}__lte": self.until})
        return shown.order_by(order)[: self.limit]


@dataclasses.dataclass(frozen=True)
class Item:
    """One thing that happened. `facts` are (name, value) pairs, shown unless empty; `order` breaks ties of `at`."""

    at: datetime.datetime
    kind: str
    icon: str
    title: str
    href: str = ""
    status: SafeString | str = ""
    facts: Sequence[tuple[str, Any]] = ()
    entries: Sequence[tuple[str, str, str]] = ()
    payload: str = ""
    payload_goes_on: bool = False
    order: tuple[Any, ...] = ()

    @classmethod
    def of(cls, row: models.Model, **more: Any) -> Item:
        """For a row that is known whole: it leads to the row's page and says its state, if it has one."""
        status = getattr(row, "status", "")
        text = row.get_status_display() if status else ""  # type: ignore[attr-defined]
        return cls(href=looks.url_of(row), status=status and looks.label(status, text), **more)

    @property
    def ago(self) -> str:
        return looks.ago(self.at)

    @property
    def when(self) -> datetime.datetime:
        return self.at.astimezone(datetime.UTC)

    @property
    def payload_as_code(self) -> SafeString:
        return looks.code(self.payload)

    @property
    def known_facts(self) -> list[tuple[str, Any]]:
        return [(name, value) for name, value in self.facts if value not in ("", None)]


@dataclasses.dataclass(frozen=True)
class Timeline:
    """Oldest first. `older` and `newer` are query strings of the pages beside this one; empty where there is none."""

    items: Sequence[Item]
    older: str = ""
    newer: str = ""
    until: datetime.datetime | None = None


@dataclasses.dataclass(frozen=True)
class Actor:
    """Who did it, as events have it: "staff:usr_…". Staff is shown by e-mail address."""

    actor: str
    name: str = ""

    def __str__(self) -> str:
        return f"{self.name} ({self.actor})" if self.name else self.actor


def window_of(request: HttpRequest) -> Window:
    """What the request asks to see: `?until=` names the moments of its trail."""
    moments = map(_moment, request.GET.getlist("until"))
    return Window(SHOWN_ITEMS + 1, tuple(moment for moment in moments if moment)[-MAX_TRAIL:])


def read(request: HttpRequest, subject: Subject, window: Window) -> Timeline:
    """The timeline in this window, from the sources that the user may look at."""
    found: list[Item] = []
    for source, permission in settings.ADMIN_TIMELINE_SOURCES.items():
        if request.user.has_perm(permission):
            found += import_string(source)(subject, window)
    return paged(found, window)


def paged(found: list[Item], window: Window) -> Timeline:
    """The newest of `found`, which are what sources return for this window."""
    found.sort(key=lambda item: (item.at, item.order))
    shown = found[-SHOWN_ITEMS:]
    older = _query((*window.trail, shown[0].at)) if len(found) > len(shown) else ""
    newer = _query(window.trail[:-1]) if window.trail else ""
    return Timeline(_with_names(shown), older, newer, window.until)


def _query(trail: Sequence[datetime.datetime]) -> str:
    return "?" + urlencode([("until", moment.isoformat()) for moment in trail])


def _moment(text: str) -> datetime.datetime | None:
    try:
        moment = parse_datetime(text)
        return moment.replace(tzinfo=moment.tzinfo or datetime.UTC).astimezone(datetime.UTC) if moment else None
    except (ValueError, OverflowError):
        return None


def _with_names(items: Sequence[Item]) -> list[Item]:
    """Staff by their names, in one statement for all of them."""
    actors = {str(value) for item in items for _, value in item.facts if isinstance(value, Actor)}
    names = _staff_names({actor.removeprefix("staff:") for actor in actors if actor.startswith("staff:")})

    def named(value: Any) -> Any:
        return Actor(value.actor, names.get(value.actor, "")) if isinstance(value, Actor) else value

    return [
        dataclasses.replace(item, facts=[(name, named(value)) for name, value in item.facts]) for item in items
    ]  # fmt: skip


def _staff_names(ids: set[str]) -> dict[str, str]:
    try:
        users = get_user_model()._default_manager.filter(pk__in=ids)
        return {f"staff:{user.pk}": user.get_username() for user in users}
    except ValidationError:
        return {}


class TimelineAdmin(ReasonedActionsAdmin):
    """Shows the timeline below the page of an object that has a `subject`."""

    change_form_outer_after_template = "admin/timeline.html"

    def subject(self, obj: Any, window: Window) -> Subject:
        """What the timeline of `obj` is about, in this window."""
        raise NotImplementedError

    def page_context(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        window = window_of(request)
        return super().page_context(request, obj) | {"timeline": read(request, self.subject(obj, window), window)}
