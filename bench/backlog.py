"""Events that wait for the relay, inserted in bulk. Needs Django set up."""

import itertools
from collections.abc import Iterator

from config.kernel import clock
from invoices.models import Invoice
from outbox import services as outbox
from outbox.models import OutboxEvent

EVENTS_PER_INVOICE = 10
"""About what one invoice records on its way to paid."""
CHUNK = 2000


def record(count: int) -> None:
    """`count` unnumbered events of invoices that nothing else knows, with the data of the latest real one."""
    template = OutboxEvent.objects.order_by("-id").first()
    assert template is not None, "record a real event first: the backlog looks like it"
    events = _events(template, count)
    while chunk := list(itertools.islice(events, CHUNK)):
        OutboxEvent.objects.bulk_create(chunk)


def _events(template: OutboxEvent, count: int) -> Iterator[OutboxEvent]:
    invoice = ""
    for number in range(count):
        if number % EVENTS_PER_INVOICE == 0:
            invoice = Invoice._meta.get_field("id").get_default()
        yield OutboxEvent(
            type=template.type,
            version=template.version,
            data=template.data,
            aggregate_type=template.aggregate_type,
            aggregate_id=invoice,
            sequence=number % EVENTS_PER_INVOICE + 1,
            shard=outbox.shard_of(invoice),
            actor=template.actor,
            correlation_id=template.correlation_id,
            occurred_at=clock.now(),
        )
