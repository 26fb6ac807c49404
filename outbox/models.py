"""The sequenced log of events, where each subscriber stands in it, and the events a subscriber could not take."""

import datetime
from typing import Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.sql.compiler import SQLCompiler
from django.utils.translation import gettext_lazy as _

from config.kernel.fields import ExactCharField, PrefixedIdField
from outbox.states import HeldEventMachine, HeldStatus

SHARDS = 64
SEQUENCER = "sequencer"
"""The subscriber whose cursor is the head of each shard: the position given out last."""


class EventSource(models.Model):
    """An aggregate: a row whose events are ordered. `event_sequence` is raised under the row's lock."""

    event_sequence = models.PositiveBigIntegerField(default=0, editable=False)

    class Meta:
        abstract = True

    @classmethod
    def from_db(cls, *args: Any, **kwargs: Any) -> "EventSource":
        source: EventSource = super().from_db(*args, **kwargs)
        source.stored_sequence = source.__dict__.get("event_sequence", 0)
        return source

    stored_sequence = 0
    """What the database holds, as far as this object knows."""

    def save(self, *args: Any, **kwargs: Any) -> None:
        update_fields = kwargs.get("update_fields")
        if update_fields is not None:
            kwargs["update_fields"] = {*update_fields, "event_sequence"}
        super().save(*args, **kwargs)
        self.stored_sequence = self.event_sequence


class LoggedEvent(models.Model):
    """One thing that happened, wherever its row lies."""

    id = PrefixedIdField(prefix="evt")
    type = ExactCharField(max_length=100)
    version = models.PositiveSmallIntegerField(default=1)
    data = models.JSONField()
    aggregate_type = models.CharField(max_length=50)
    aggregate_id = ExactCharField(max_length=100)
    sequence = models.PositiveBigIntegerField(help_text=_("Gap-free per aggregate, from 1."))
    shard = models.PositiveSmallIntegerField()
    position = models.PositiveBigIntegerField(null=True, help_text=_("Dense per shard, from 1; empty until sequenced."))
    actor = ExactCharField(max_length=200)
    reason = models.CharField(max_length=500, blank=True)
    correlation_id = ExactCharField(max_length=100, blank=True)
    occurred_at = models.DateTimeField(help_text=_("Business time."))

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.type} {self.id}"


class OutboxEvent(LoggedEvent):
    """Recorded in the transaction that made it happen, numbered by the relay, then final."""

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["aggregate_id", "sequence"], name="outbox_event_aggregate_sequence"),
            models.UniqueConstraint(fields=["shard", "position"], name="outbox_event_shard_position"),
        ]
        indexes = [
            models.Index(fields=["correlation_id"], name="outbox_event_correlation"),
            models.Index(fields=["type"], name="outbox_event_type"),
        ]


class ArchivedEvent(LoggedEvent):
    """An old one that every subscriber has passed. Both tables together are the log."""

    class Meta:
        verbose_name = _("archived event")
        verbose_name_plural = _("archived events")
        constraints = [
            models.UniqueConstraint(fields=["aggregate_id", "sequence"], name="outbox_archived_aggregate_sequence"),
            models.UniqueConstraint(fields=["shard", "position"], name="outbox_archived_shard_position"),
        ]
        indexes = [
            models.Index(fields=["correlation_id"], name="outbox_archived_correlation"),
            models.Index(fields=["type"], name="outbox_archived_type"),
        ]


SQLITE_TIME = "%Y-%m-%d %H:%M:%f000"
"""The database's time there, with the six digits of what is stored: SQLite compares texts."""


class DatabaseNow(models.Func):
    """The database's time in UTC. On MariaDB Django's own `Now()` is local time, which jumps twice a year."""

    template = "UTC_TIMESTAMP(6)"
    output_field = models.DateTimeField()

    def as_sqlite(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **context: Any) -> Any:
        template = "STRFTIME('{}', 'NOW')".format(SQLITE_TIME.replace("%", "%%%%"))
        return self.as_sql(compiler, connection, template=template, **context)


def seconds_from_now(seconds: float) -> models.Expression:
    """The database's time `seconds` from now."""
    return models.ExpressionWrapper(
        DatabaseNow() + models.Value(datetime.timedelta(seconds=seconds)), output_field=models.DateTimeField()
    )


class CursorQuerySet(models.QuerySet["Cursor"]):
    """Finds work: cursors that a relay may lease now because something waits for them."""

    def claimable(self) -> "CursorQuerySet":
        """Leased by nobody, or by a relay whose lease ran out, and not backing off."""
        return self.filter(
            models.Q(lease_expires_at=None) | models.Q(lease_expires_at__lte=DatabaseNow()),
            models.Q(available_at=None) | models.Q(available_at__lte=DatabaseNow()),
        )

    def with_unsequenced_events(self) -> "CursorQuerySet":
        """The sequencer's cursors of shards that hold events without a position."""
        waiting = OutboxEvent.objects.filter(shard=models.OuterRef("shard"), position=None)
        # Not EXISTS: MariaDB would answer that for all shards at once, by reading the whole log.
        first = models.Subquery(waiting.values("shard")[:1])
        return self.filter(subscriber=SEQUENCER).alias(waiting=first).filter(waiting__isnull=False)

    def with_head(self) -> "CursorQuerySet":
        """Annotate `head`, the position given out last in the cursor's shard."""
        sequencer = Cursor.objects.filter(subscriber=SEQUENCER, shard=models.OuterRef("shard"))
        return self.annotate(head=models.Subquery(sequencer.values("position")))  # type: ignore[no-redef]

    def with_undelivered_events(self) -> "CursorQuerySet":
        """Cursors behind the head of their shard, or with a held event whose next try is due: `has_due_events`.

        `has_held_events` says that the subscriber holds any, of whatever shard: the index answers that at once.
        """
        held = HeldEvent.objects.held().filter(subscriber=models.OuterRef("subscriber"))
        due = HeldEvent.objects.due().filter(subscriber=models.OuterRef("subscriber"), shard=models.OuterRef("shard"))
        cursors = self.with_head().annotate(  # type: ignore[no-redef]
            has_due_events=models.Exists(due), has_held_events=models.Exists(held)
        )
        return cursors.filter(models.Q(position__lt=models.F("head")) | models.Q(has_due_events=True))


class Cursor(models.Model):
    """How far one subscriber has come in one shard, and which relay may move it there."""

    subscriber = ExactCharField(max_length=100)
    shard = models.PositiveSmallIntegerField()
    position = models.PositiveBigIntegerField(default=0, help_text=_("Up to here all is delivered, held or skipped."))
    lease_owner = models.CharField(max_length=200, blank=True)
    lease_token = models.PositiveBigIntegerField(
        default=0, help_text=_("Raised by each claim; an older one moves nothing.")
    )
    lease_expires_at = models.DateTimeField(null=True, help_text=_("Database time; empty when free."))
    available_at = models.DateTimeField(null=True, help_text=_("Database time; backing off until then."))
    failures = models.PositiveIntegerField(default=0, help_text=_("Transport failures since the latest success."))

    head: int
    has_due_events: bool
    has_held_events: bool
    """Only on what `with_undelivered_events` finds."""

    objects = CursorQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["subscriber", "shard"], name="outbox_cursor_subscriber_shard")]

    def __str__(self) -> str:
        return f"{self.subscriber}/{self.shard}"


class HeldEventQuerySet(models.QuerySet["HeldEvent"]):
    def held(self) -> "HeldEventQuerySet":
        return self.filter(status=HeldStatus.HELD)

    def due(self) -> "HeldEventQuerySet":
        """To be tried again now; only ever the first of its aggregate in line."""
        return self.held().filter(available_at__lte=DatabaseNow())

    def line(self, *, subscriber: str, aggregate_id: str) -> "HeldEventQuerySet":
        """What waits for `subscriber` of one aggregate, in the order it must be delivered."""
        return self.held().filter(subscriber=subscriber, aggregate_id=aggregate_id).order_by("sequence")


class HeldEvent(HeldEventMachine):
    """An event that one subscriber failed to take, or one of the same aggregate that queues behind it."""

    id = PrefixedIdField(prefix="hev")
    subscriber = ExactCharField(max_length=100)
    event = models.ForeignKey(OutboxEvent, on_delete=models.PROTECT, related_name="held")
    aggregate_id = ExactCharField(max_length=100)
    sequence = models.PositiveBigIntegerField()
    shard = models.PositiveSmallIntegerField()
    position = models.PositiveBigIntegerField()
    attempts = models.PositiveIntegerField(default=0)
    available_at = models.DateTimeField(
        null=True,
        help_text=_("Database time of the next try; empty while queued, given up or resolved."),
    )
    given_up_at = models.DateTimeField(null=True, help_text=_("Since when it waits for staff."))
    error = models.TextField(blank=True)
    actor = ExactCharField(max_length=200, blank=True, help_text=_("Who requeued or skipped it."))
    reason = models.CharField(max_length=500, blank=True)
    held_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True)

    objects = HeldEventQuerySet.as_manager()

    class Meta:
        permissions = [
            ("requeue_heldevent", _("Can requeue held events")),
            ("skip_heldevent", _("Can skip held events")),
        ]
        constraints = [
            models.UniqueConstraint(fields=["subscriber", "event"], name="outbox_held_subscriber_event"),
            models.CheckConstraint(condition=models.Q(status__in=HeldStatus.values), name="outbox_held_status"),
        ]
        indexes = [
            models.Index(fields=["subscriber", "status", "aggregate_id", "sequence"], name="outbox_held_line"),
            models.Index(fields=["status", "available_at"], name="outbox_held_due"),
        ]

    def __str__(self) -> str:
        return f"{self.event_id} held for {self.subscriber}"
