"""The inbox: what providers have told us, and who had it told again."""

import datetime
from collections.abc import Sequence

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from config.kernel import ids as kernel_ids
from config.kernel.fields import ExactCharField, PrefixedIdField
from config.kernel.prepared import PreparedModel
from payments.providers import base
from webhooks.inbound.states import WAITING, ProviderEventMachine, ProviderEventStatus


class Outcome(models.TextChoices):
    """What came of the latest try to apply an event."""

    APPLIED = "applied", _("applied")
    STALE = "stale", _("stale")
    UNHANDLED = "unhandled", _("unhandled type")
    UNKNOWN_REFERENCE = "unknown_reference", _("unknown reference")
    MALFORMED = "malformed", _("malformed")
    FAILED = "failed", _("failed")


class ProviderEventQuerySet(models.QuerySet["ProviderEvent"]):
    def due(self, now: datetime.datetime) -> "ProviderEventQuerySet":
        """Waiting for a try whose time has come."""
        return self.filter(status__in=WAITING, available_at__lte=now)

    def with_any_id(self, ids: Sequence[str]) -> "ProviderEventQuerySet":
        """Those that have one of `ids` as their own id or as the provider's."""
        return self.filter(Q(id__in=[id for id in ids if _is_own(id)]) | Q(event_id__in=ids))

    def parked_for(self, *, provider: str, our_references: set[str], charge_references: set[str]) -> list[str]:
        """Ids of the parked events that speak of these payments, by our ids or by the provider's; oldest first."""
        parked = self.filter(provider=provider, status=ProviderEventStatus.PARKED).values_list("id", flat=True)
        found = {str(id) for id in parked.filter(our_reference__in=our_references - {""})}
        return sorted(found | {str(id) for id in parked.filter(charge_reference__in=charge_references - {""})})


def _is_own(id: str) -> bool:
    try:
        kernel_ids.decode("pev", id)
    except ValueError:
        return False
    return True


class ProviderEvent(ProviderEventMachine, PreparedModel):
    """One signed webhook, stored once, in the transaction that applies it."""

    id = PrefixedIdField(prefix="pev")
    provider = ExactCharField(max_length=50)
    account = ExactCharField(max_length=100)
    event_id = ExactCharField(
        max_length=255, help_text=_("The provider's id, or the body's SHA-256 where it has none.")
    )
    type = ExactCharField(max_length=100, blank=True)
    our_reference = ExactCharField(max_length=200, blank=True)
    charge_reference = ExactCharField(max_length=200, blank=True)
    payload = models.TextField(help_text=_("The body as it was sent, card numbers masked; empty once it is archived."))
    outcome = models.CharField(
        max_length=20, blank=True, choices=Outcome.choices, help_text=_("What came of the latest try.")
    )
    error = models.TextField(blank=True, help_text=_("Why the latest try failed."))
    attempts = models.PositiveIntegerField(default=0)
    available_at = models.DateTimeField(null=True, help_text=_("When it is tried next; empty once it has ended."))
    correlation_id = ExactCharField(max_length=100, blank=True)
    received_at = models.DateTimeField()
    processed_at = models.DateTimeField(null=True, help_text=_("When it reached its present end."))

    objects = ProviderEventQuerySet.as_manager()

    class Meta:
        verbose_name = _("provider event")
        verbose_name_plural = _("provider events")
        permissions = [("replay_providerevent", _("Can replay provider events"))]
        constraints = [
            models.UniqueConstraint(fields=["event_id", "provider", "account"], name="inbound_event_identifiers"),
            models.CheckConstraint(condition=Q(status__in=ProviderEventStatus.values), name="inbound_event_status"),
            models.CheckConstraint(
                condition=Q(status__in=WAITING, available_at__isnull=False)
                | (~Q(status__in=WAITING) & Q(available_at__isnull=True)),
                name="inbound_event_due",
            ),
        ]
        indexes = [
            models.Index(fields=["available_at", "id"], name="inbound_event_due_at"),
            models.Index(fields=["status", "id"], name="inbound_event_status_id"),
            models.Index(fields=["our_reference"], name="inbound_event_our_reference"),
            models.Index(fields=["charge_reference"], name="inbound_event_charge_reference"),
            models.Index(fields=["correlation_id"], name="inbound_event_correlation"),
        ]

    def __str__(self) -> str:
        return f"{self.type or 'garbage'} {self.event_id}"

    def learn(self, event: base.ProviderEvent) -> None:
        """Take over what the payload parses to, so that the event is found by it."""
        self.type = event.type
        self.our_reference = event.our_reference
        self.charge_reference = event.charge_reference


class ArchivedPayload(models.Model):
    """The body of an old event, which keeps the rest of its row: what has been received once is known for ever."""

    id = PrefixedIdField(prefix="pev", help_text=_("The event's."))
    payload = models.TextField()

    class Meta:
        verbose_name = _("archived payload")
        verbose_name_plural = _("archived payloads")

    def __str__(self) -> str:
        return self.id


class Replay(models.Model):
    """One replay of one event: who asked for it, why, and what came of it."""

    id = PrefixedIdField(prefix="pvr")
    event = models.ForeignKey(ProviderEvent, on_delete=models.PROTECT, related_name="replays")
    actor = ExactCharField(max_length=200)
    reason = models.CharField(max_length=500)
    status_before = models.CharField(max_length=20, choices=ProviderEventStatus.choices)
    status_after = models.CharField(max_length=20, choices=ProviderEventStatus.choices)
    outcome = models.CharField(max_length=20, choices=Outcome.choices)
    error = models.TextField(blank=True)
    correlation_id = ExactCharField(max_length=100, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        verbose_name = _("replay")
        verbose_name_plural = _("replays")
        indexes = [models.Index(fields=["correlation_id"], name="inbound_replay_correlation")]

    def __str__(self) -> str:
        return f"{self.event_id} by {self.actor}"
