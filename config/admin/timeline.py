"""One page, one timeline: all that is known about an invoice or a payment, in the order it happened.

Sources are named in settings.ADMIN_TIMELINE_SOURCES, so that the page of an invoice shows payments and provider events
without its app knowing them. Each takes at most a fixed number of statements, whatever the history.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.utils.dateparse import parse_datetime
from django.utils.module_loading import import_string
from django.utils.safestring import SafeString

from config.admin import looks
from config.admin.actions import ReasonedActionsAdmin

SHOWN_ITEMS = 200
PAYLOAD_CHARACTERS = 4000
"""What is shown of one payload here; the page it leads to has all of it."""


@dataclasses.dataclass(frozen=True)
class Subject:
    """What a timeline is about: the whole of an invoice, or of it only what concerns `payment_id`.

    `payments` are the newest of the invoice, or the one, with their ids and provider references.
    """

    invoice_id: str
    payments: Sequence[Any]
    payment_id: str | None = None


@dataclasses.dataclass(frozen=True)
class Window:
    """A source returns its newest `limit` items that are not later than `until`."""

    until: datetime.datetime | None = None
    limit: int = SHOWN_ITEMS + 1

    def before(self, field: str) -> dict[str, datetime.datetime]:
        """For `filter(**…)`."""
        return {} if self.until is None else {f"{field}__lte": self.until}


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

    @property
    def ago(self) -> str:
        return looks.ago(self.at)

    @property
    def when(self) -> datetime.datetime:
        return self.at.astimezone(datetime.UTC)

    @property
    def known_facts(self) -> list[tuple[str, Any]]:
        return [(name, value) for name, value in self.facts if value not in ("", None)]


@dataclasses.dataclass(frozen=True)
class Timeline:
    """Oldest first. `older` is the moment to go on from when there is more, else None."""

    items: Sequence[Item]
    older: datetime.datetime | None = None
    until: datetime.datetime | None = None


@dataclasses.dataclass(frozen=True)
class Actor:
    """Who did it, as events have it: "staff:usr_…". Staff is shown by e-mail address."""

    actor: str
    name: str = ""

    def __str__(self) -> str:
        return f"{self.name} ({self.actor})" if self.name else self.actor


def read(request: HttpRequest, subject: Subject) -> Timeline:
    """The timeline up to the moment `?until=` names, from the sources that the user may look at."""
    window = Window(until=_until(request))
    found: list[Item] = []
    for source, permission in settings.ADMIN_TIMELINE_SOURCES.items():
        if request.user.has_perm(permission):
            found += import_string(source)(subject, window)
    found.sort(key=lambda item: (item.at, item.order))
    shown = found[-SHOWN_ITEMS:]
    older = shown[0].at if len(found) > len(shown) else None
    return Timeline(_with_names(shown), older, window.until)


def _until(request: HttpRequest) -> datetime.datetime | None:
    try:
        until = parse_datetime(request.GET.get("until", ""))
    except ValueError:
        return None
    return until.replace(tzinfo=until.tzinfo or datetime.UTC) if until else None


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

    def subject(self, obj: Any) -> Subject:
        """What the timeline of `obj` is about."""
        raise NotImplementedError

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Any = None,
    ) -> HttpResponse:
        context["timeline"] = read(request, self.subject(obj))
        return super().render_change_form(request, context, add, change, form_url, obj)
