"""A consumer of batches, whose effect is one row per event as that of `outbox.tests.support.take_effect` is."""

from collections.abc import Sequence

from config.kernel import clock
from invoices.models import Customer
from outbox.models import OutboxEvent
from outbox.tests.support import Happened

PREFIX = "effect in a batch:"


def wanted() -> list[str]:
    return [Happened.type]


def take_effects(*, events: Sequence[OutboxEvent]) -> None:
    Customer.objects.bulk_create(Customer(name=f"{PREFIX}{event.pk}", created_at=clock.now()) for event in events)


def effects_of_batches() -> list[str]:
    """The ids of the events that took effect, one per effect, in order."""
    names = Customer.objects.filter(name__startswith=PREFIX).order_by("id").values_list("name", flat=True)
    return [name.removeprefix(PREFIX) for name in names]
