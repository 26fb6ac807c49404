"""Endpoints, their secrets, and what was sent to them."""

import datetime

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from config.api.idempotency import IdempotentModel
from config.kernel.fields import ExactCharField, PrefixedIdField
from outbox.models import DatabaseNow, EventSource, OutboxEvent
from webhooks.outbound.states import COLLECTING, DeliveryMachine, DeliveryStatus, EndpointMachine, EndpointStatus

MAX_URL_LENGTH = 2000


class EndpointQuerySet(models.QuerySet["Endpoint"]):
    def collecting(self) -> "EndpointQuerySet":
        """Those whose events become deliveries."""
        return self.filter(status__in=COLLECTING)

    def with_previous_secret(self, wall: datetime.datetime) -> "EndpointQuerySet":
        """Annotate `previous_secret_expires_at`: until when a rotated secret goes on signing; None where none does."""
        rotated = EndpointSecret.objects.filter(endpoint=models.OuterRef("pk"), expires_at__gt=wall)
        latest = models.Subquery(rotated.order_by("-expires_at").values("expires_at")[:1])
        return self.annotate(previous_secret_expires_at=latest)

    def with_due_deliveries(self, now: datetime.datetime) -> "EndpointQuerySet":
        """Enabled, with something to send now that no worker has claimed."""
        due = Delivery.objects.claimable(now).filter(endpoint=models.OuterRef("pk"))
        # Not EXISTS, which MariaDB may answer for all endpoints at once by reading every delivery that is due.
        first = models.Subquery(due.values("id")[:1])
        return self.filter(status=EndpointStatus.ENABLED).alias(first=first).filter(first__isnull=False)


class Endpoint(EndpointMachine, EventSource, IdempotentModel):
    """Where a subscriber wants to hear of events. Its own log says who changed what about it, and why."""

    id = PrefixedIdField(prefix="whe")
    url = models.CharField(max_length=MAX_URL_LENGTH)
    events = models.JSONField(help_text=_("Event types it hears of; * stands for anything."))
    description = models.CharField(max_length=500, blank=True)
    failing_since = models.DateTimeField(
        null=True, help_text=_("When the first try failed since the latest that succeeded.")
    )
    disabled_because = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField()

    objects = EndpointQuerySet.as_manager()

    class Meta(IdempotentModel.Meta):
        abstract = False
        verbose_name = _("webhook endpoint")
        verbose_name_plural = _("webhook endpoints")
        constraints = [
            *IdempotentModel.Meta.constraints,
            models.CheckConstraint(condition=Q(status__in=EndpointStatus.values), name="outbound_endpoint_status"),
        ]
        indexes = [models.Index(fields=["status", "id"], name="outbound_endpoint_status_id")]
        permissions = [("operate_endpoint", _("Can pause, resume, disable, enable, test and rotate webhook endpoints"))]

    def __str__(self) -> str:
        return self.url


class EndpointSecret(models.Model):
    """What deliveries are signed with. A rotated one goes on signing beside the new one until it expires."""

    id = PrefixedIdField(prefix="whs")
    endpoint = models.ForeignKey(Endpoint, on_delete=models.PROTECT, related_name="secrets")
    secret = models.CharField(max_length=200, editable=False)
    expires_at = models.DateTimeField(null=True, help_text=_("Wall time; empty for the present one."))
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.id


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    def claimable(self, now: datetime.datetime) -> "DeliveryQuerySet":
        """Due, and claimed by no worker that may still be sending it."""
        return self.filter(Q(claimed_until=None) | Q(claimed_until__lte=DatabaseNow()), available_at__lte=now)


class Delivery(DeliveryMachine):
    """One event on its way to one endpoint; a ping has no event."""

    id = PrefixedIdField(prefix="whd")
    endpoint = models.ForeignKey(Endpoint, on_delete=models.PROTECT, related_name="deliveries")
    event = models.ForeignKey(OutboxEvent, null=True, on_delete=models.PROTECT, related_name="deliveries")
    type = ExactCharField(max_length=100)
    attempts = models.PositiveIntegerField(default=0, help_text=_("Tries since it was made or sent again."))
    available_at = models.DateTimeField(null=True, help_text=_("When it is tried next; empty once it has ended."))
    claimed_by = ExactCharField(max_length=40, blank=True)
    claimed_until = models.DateTimeField(null=True, help_text=_("Database time; another worker may claim it then."))
    status_code = models.PositiveIntegerField(null=True, help_text=_("Of the latest answer."))
    error = models.CharField(max_length=500, blank=True, help_text=_("Why the latest try failed."))
    actor = ExactCharField(max_length=200, blank=True, help_text=_("Who had it sent again."))
    reason = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = _("deliveries")
        constraints = [
            models.UniqueConstraint(fields=["endpoint", "event"], name="outbound_delivery_endpoint_event"),
            models.CheckConstraint(condition=Q(status__in=DeliveryStatus.values), name="outbound_delivery_status"),
            models.CheckConstraint(
                condition=Q(status=DeliveryStatus.PENDING, available_at__isnull=False)
                | (~Q(status=DeliveryStatus.PENDING) & Q(available_at__isnull=True)),
                name="outbound_delivery_available",
            ),
        ]
        indexes = [
            models.Index(fields=["endpoint", "available_at", "id"], name="outbound_delivery_due"),
            models.Index(fields=["endpoint", "status", "id"], name="outbound_delivery_endpoint"),
            models.Index(fields=["endpoint", "id"], name="outbound_delivery_list"),
            models.Index(fields=["endpoint", "type", "id"], name="outbound_delivery_list_type"),
            models.Index(fields=["status", "id"], name="outbound_delivery_status_id"),
        ]
        permissions = [("resend_delivery", _("Can send deliveries again"))]

    def __str__(self) -> str:
        return f"{self.type} {self.id}"

    @property
    def message_id(self) -> str:
        """The `webhook-id`: the event's own, so that a receiver knows it whichever way it comes."""
        return self.event_id or self.id


class Attempt(models.Model):
    """One try of one delivery, as it went."""

    id = PrefixedIdField(prefix="wha")
    delivery = models.ForeignKey(Delivery, on_delete=models.PROTECT, related_name="tries")
    url = models.CharField(max_length=MAX_URL_LENGTH)
    status_code = models.PositiveIntegerField(null=True)
    error = models.CharField(max_length=500, blank=True)
    answer = models.TextField(blank=True, help_text=_("The first 4 KiB of what came back, card numbers masked."))
    duration_ms = models.PositiveIntegerField()
    started_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.status_code or self.error}"


class ArchivedDelivery(models.Model):
    """An old one that has ended, with its tries as they went: `url`, `status_code`, `error`, `answer` and so on."""

    id = PrefixedIdField(prefix="whd")
    endpoint = models.ForeignKey(Endpoint, on_delete=models.PROTECT, related_name="archived_deliveries")
    event_id = ExactCharField(max_length=40, blank=True)
    type = ExactCharField(max_length=100)
    status = models.CharField(max_length=20, choices=DeliveryStatus.choices)
    status_code = models.PositiveIntegerField(null=True)
    error = models.CharField(max_length=500, blank=True)
    actor = ExactCharField(max_length=200, blank=True)
    reason = models.CharField(max_length=500, blank=True)
    tries = models.JSONField()
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField()

    class Meta:
        verbose_name = _("archived delivery")
        verbose_name_plural = _("archived deliveries")
        indexes = [
            models.Index(fields=["endpoint", "id"], name="outbound_archived_endpoint"),
            models.Index(fields=["event_id"], name="outbound_archived_event"),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.id}"
