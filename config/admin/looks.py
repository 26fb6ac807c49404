"""How each kind of field looks to staff: states as coloured labels, money with its currency, moments with their age."""

import datetime
import json
from collections.abc import Callable, Mapping
from typing import Any

from django.contrib.admin.utils import quote
from django.db import models
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django_fsm import FSMField

from config.kernel import clock, money
from config.kernel.fields import AmountField

Look = Callable[[Any], SafeString | str]
"""Shows one field of a row. Its name is the field's, which is where Django finds label and help text."""

TONES: Mapping[str, str] = {
    **dict.fromkeys(["paid", "succeeded", "applied", "processed", "delivered", "won", "enabled", "active"], "good"),
    **dict.fromkeys(["open", "processing", "received", "created", "refunding", "pending", "trialing"], "busy"),
    **dict.fromkeys(["unknown", "unapplied", "parked", "unknown_reference", "held", "paused", "past_due"], "warn"),
    **dict.fromkeys(["review", "failed", "dead", "malformed", "lost", "disabled", "unpaid"], "bad"),
    **dict.fromkeys(["void", "canceled", "ignored", "skipped", "stale", "unhandled", "refunded", "deleted"], "quiet"),
    "expired": "quiet",
}
"""The colour of every state of every machine, one per word. What is not here has none."""


def of_field(field: "models.Field[Any, Any]", *, currency: str = "currency") -> Look | None:
    """The look of `field`, or None where Django's own will do. `currency` is the path to an amount's currency."""
    name = field.name
    if is_state(field):
        return _named(field, lambda row: label(getattr(row, name), getattr(row, f"get_{name}_display")()))
    if isinstance(field, AmountField):
        return _named(field, lambda row: money.display(getattr(row, name), _follow(row, currency)))
    if isinstance(field, models.DateTimeField):
        return _named(field, lambda row: moment(getattr(row, name)))
    if isinstance(field, models.ForeignKey):
        return _named(field, lambda row: link(getattr(row, name)))
    if isinstance(field, models.JSONField):
        return _named(field, lambda row: code(pretty(getattr(row, name))))
    return None


def is_state(field: "models.Field[Any, Any]") -> bool:
    """Whether it is a machine's, or says what a machine's was."""
    return isinstance(field, FSMField) or (bool(field.choices) and field.name in TINTED)


TINTED = ("status_before", "status_after", "outcome")


def _named(field: "models.Field[Any, Any]", show: Look) -> Look:
    show.__name__ = field.name
    show.short_description = field.verbose_name  # type: ignore[attr-defined]
    return show


def _follow(row: Any, path: str) -> Any:
    for name in path.split("__"):
        row = getattr(row, name)
    return row


def label(value: str, text: str = "") -> SafeString | str:
    """A state in its colour."""
    if not value:
        return "-"
    return format_html('<span class="q-label q-{}">{}</span>', TONES.get(value, "quiet"), text or value)


def moment(value: datetime.datetime | None) -> SafeString | str:
    """ "2026-11-21 09:25:16" and how long ago that is."""
    if value is None:
        return "-"
    written = value.astimezone(datetime.UTC)
    return format_html(
        '<time class="q-moment" datetime="{}">{} <span>{}</span></time>',
        written.isoformat(), f"{written:%Y-%m-%d %H:%M:%S}", ago(value),
    )  # fmt: skip


def ago(value: datetime.datetime) -> str:
    """ "3 min ago", "in 2 h": the age in business time, in its largest unit."""
    seconds = (clock.now() - value).total_seconds()
    return f"in {age(-seconds)}" if seconds < 0 else f"{age(seconds)} ago"


def age(seconds: float) -> str:
    """ "40 s", "3 min", "5 h", "12 d": rounded down."""
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{int(seconds // length)} {unit}"
    return f"{int(seconds)} s"


def oldest(seconds: float) -> str:
    """ "oldest 3 min"."""
    return gettext("oldest %(age)s") % {"age": age(seconds)}


def oldest_since(value: datetime.datetime | None) -> str:
    """As `oldest`, of something that began at `value`; empty for None."""
    return oldest((clock.now() - value).total_seconds()) if value else ""


def link(row: models.Model | None) -> SafeString | str:
    """The row by its name, leading to its page where it has one."""
    if row is None:
        return "-"
    url = url_of(row)
    return format_html('<a class="q-link" href="{}">{}</a>', url, row) if url else str(row)


def url_of(row: models.Model) -> str:
    """The address of the row's page; empty where it has none."""
    return page_of(row._meta.app_label, row._meta.model_name or "", row.pk)


def page_of(app_label: str, model_name: str, pk: Any) -> str:
    """As `url_of`, for a row known by its id alone."""
    try:
        return reverse(f"admin:{app_label}_{model_name}_change", args=[quote(pk)])
    except NoReverseMatch:
        return ""


def list_of(model: type[models.Model], **query: str) -> str:
    """The address of the list of `model`, filtered by `query`."""
    address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    return f"{address}?{urlencode(query)}" if query else address


def code(text: str) -> SafeString:
    """Text as it stands, escaped, every line of it: HTML drops the line break that `<pre>` may begin with."""
    return format_html('<pre class="q-code">\n{}</pre>', text)


def pretty(document: Any) -> str:
    """JSON for reading."""
    return json.dumps(document, indent=2, ensure_ascii=False, default=str)
