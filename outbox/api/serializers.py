"""What events look like on the wire."""

from rest_framework import serializers

from config.api.shared_fields import OutputSerializer
from outbox.models import LoggedEvent, OutboxEvent


class EventSerializer(OutputSerializer[LoggedEvent]):
    """One thing that happened; `sequence` is gap-free per invoice or customer. What `data` holds: docs/events.md."""

    id = serializers.CharField(read_only=True)
    data = serializers.DictField(read_only=True)  # type: ignore[assignment]

    class Meta:
        model = OutboxEvent
        fields = ["id", "type", "version", "sequence", "actor", "reason", "occurred_at", "correlation_id", "data"]
        read_only_fields = fields

    concealed = {"actor": "", "reason": "", "correlation_id": "", "data": {}}


class LoggedEventSerializer(EventSerializer):
    """An event out of the log of everything: `aggregate` is the invoice or customer whose `sequence` it counts in."""

    aggregate = serializers.CharField(source="aggregate_id", read_only=True)

    class Meta(EventSerializer.Meta):
        fields = [*EventSerializer.Meta.fields, "aggregate"]
        read_only_fields = fields
