"""Staff has deliveries sent again: one, or all that a list shows."""

import dataclasses
import functools

from django.contrib import messages
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from config.admin import ReasonedAction, Said, bounded_count
from config.admin.actions import Text
from config.admin.paginator import BoundedCount
from config.api.principals import Principal
from webhooks.outbound import services
from webhooks.outbound.models import Delivery, DeliveryQuerySet
from webhooks.outbound.states import EndpointStatus

MOST_RESENT = 10_000
"""At a time."""


@dataclasses.dataclass(frozen=True)
class Matching:
    """Deliveries that match what is asked for in a list."""

    rows: DeliveryQuerySet

    @functools.cached_property
    def count(self) -> BoundedCount:
        return bounded_count(self.rows.order_by("-pk"), MOST_RESENT)

    def __str__(self) -> str:
        count = self.count
        return ngettext("%(count)s delivery", "%(count)s deliveries", count.number) % {"count": count}


def _unless_endpoint_deleted(delivery: Delivery) -> Text:
    is_deleted = delivery.endpoint.status == EndpointStatus.DELETED
    return _("Not possible: its endpoint is deleted.") if is_deleted else ""


def _unless_none(matching: Matching) -> Text:
    return "" if matching.count.number else _("There is none.")


def _resend(delivery: Delivery, actor: Principal, reason: str) -> Said:
    endpoint = services.resend(actor=actor, delivery_id=delivery.pk, reason=reason).endpoint
    if endpoint.status == EndpointStatus.ENABLED:
        return Said(gettext("It is sent again now, with all its tries before it."))
    text = gettext("It is sent again once its endpoint is enabled, which is %(status)s.")
    return Said(text % {"status": endpoint.get_status_display()}, messages.WARNING)


def _resend_many(matching: Matching, actor: Principal, reason: str) -> Said:
    count = services.resend_many(actor=actor, deliveries=matching.rows, reason=reason, limit=MOST_RESENT)
    said = ngettext("%(count)s delivery is sent again.", "%(count)s deliveries are sent again.", count)
    return Said(said % {"count": f"{count:,}"}, messages.SUCCESS if count else messages.WARNING)


RESEND = ReasonedAction(
    name="resend",
    label=_("Send again"),
    note=_("Under the same webhook-id, by which its receiver knows what it has seen; with all its tries before it."),
    perform=_resend,
    refusal=_unless_endpoint_deleted,
)
RESEND_MANY = ReasonedAction(
    name="resend_many",
    permission="resend",
    label=_("Send again"),
    note=_(
        "All that match now, also those that have arrived, the oldest %(most)s at most; those to deleted endpoints"
        " stay as they are. Each goes out under the same webhook-id, with all its tries before it."
    )
    % {"most": f"{MOST_RESENT:,}"},
    perform=_resend_many,
    refusal=_unless_none,
    is_grave=True,
)
