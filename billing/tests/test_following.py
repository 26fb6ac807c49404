"""What is told of invoices, to subscriptions in every status."""

import itertools

import pytest

from billing import services
from billing.models import Subscription
from billing.states import LIVE, SubscriptionStatus
from billing.tests.factories import invoices_of, make_subscription
from config.kernel import clock, db
from outbox.models import OutboxEvent

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("movable_clock")]
EVENTS = ["invoice.paid", "invoice.reopened", "invoice.failed", "invoice.voided"]


@db.transaction(idempotent=False)
def tell(event: OutboxEvent) -> None:
    services.follow_invoice(event=event)


@pytest.mark.parametrize(("status", "event_type"), [*itertools.product(SubscriptionStatus.values, EVENTS)])
def test_nothing_that_is_told_of_an_invoice_is_held(status: str, event_type: str) -> None:
    """Whatever is told late or twice: no status of a subscription makes the consumer raise."""
    subscription = make_subscription()
    ended_at = None if status in LIVE else clock.now()
    Subscription.objects.filter(id=subscription.id).update(
        status=status,
        ended_at=ended_at,
        live_family=None if ended_at else subscription.family,
        due_at=None if ended_at else clock.now(),
        past_due_at=clock.now(),
        voids_open_invoices=True,
    )
    event = OutboxEvent.objects.filter(aggregate_id=invoices_of(subscription)[0].id).first()
    assert event is not None
    event.type = event_type
    tell(event)
