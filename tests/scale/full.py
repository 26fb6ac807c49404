"""A database with some thousand rows in each table that grows, for plans that are worth looking at."""

import datetime
from typing import Any

from config.kernel import clock, ids
from config.volume import bulk_insert, seeding
from config.volume.seeding import Plan
from invoices.models import Customer
from outbox.models import HeldEvent, OutboxEvent
from outbox.states import HeldStatus
from payments.models import PaymentMethod
from tests.scale import subscriptions
from webhooks.inbound.models import ProviderEvent, Replay
from webhooks.outbound.models import Attempt, Delivery, Endpoint
from webhooks.outbound.states import DeliveryStatus, EndpointStatus

INVOICES = CUSTOMERS = 2000


def fill() -> None:
    """Seeded invoices; and what seeding leaves out: held events, replays, parked provider events, deliveries,
    payment methods, subscriptions."""
    for _ in seeding.seed(Plan(invoices=INVOICES, customers=CUSTOMERS, seed=1)):
        pass
    _hold()
    _replay()
    _park()
    _subscribe()
    _attach()
    subscriptions.fill()
    seeding.analyze()
    bulk_insert.analyze([PaymentMethod])


def _hold() -> None:
    """Nearly all are over; some are tried again later, some wait for staff."""
    now = clock.now()
    rows = []
    for number, event in enumerate(reversed(OutboxEvent.objects.order_by("-id")[:INVOICES])):
        status = HeldStatus.HELD if number % 50 == 0 else HeldStatus.DELIVERED
        held = HeldEvent(
            subscriber="log",
            event=event,
            aggregate_id=event.aggregate_id,
            sequence=event.sequence,
            shard=event.shard,
            position=event.position or 0,
            attempts=1,
            held_at=now,
            status=status,
        )
        if status == HeldStatus.HELD and number % 100:
            held.given_up_at = now
        elif status == HeldStatus.HELD:
            held.available_at = now + datetime.timedelta(days=1)
        else:
            held.resolved_at = now
        rows.append(held)
    HeldEvent.objects.bulk_create(rows)


def _replay() -> None:
    common = {"actor": "staff:usr_1", "reason": "to see it", "outcome": "stale", "created_at": clock.now()}
    states = {"status_before": "processed", "status_after": "processed"}
    events = ProviderEvent.objects.order_by("id")[:INVOICES]
    Replay.objects.bulk_create([Replay(event=event, **common, **states) for event in events])


def _park() -> None:
    now = clock.now()
    later = now + datetime.timedelta(hours=1)
    rows: list[Any] = [
        ProviderEvent(
            provider="simulated",
            account="acct_simulated",
            event_id=f"evt_parked_{number}",
            type="charge.succeeded",
            charge_reference=f"ch_parked_{number}",
            payload="{}",
            status="parked",
            outcome="unknown_reference",
            attempts=1,
            available_at=later,
            received_at=now,
        )
        for number in range(100)
    ]
    ProviderEvent.objects.bulk_create(rows)


def _subscribe() -> None:
    """Two endpoints, of which one has nearly all deliveries, one in a hundred of them dead; and endpoints deleted."""
    now = clock.now()
    common = {"url": "https://1.1.1.1/hook", "events": ["*"], "created_at": now}
    big, small = (Endpoint(**common) for _ in range(2))
    Endpoint.objects.bulk_create([big, small, *(Endpoint(**common, status=EndpointStatus.DELETED) for _ in range(10))])
    states = {"delivered": {"status": DeliveryStatus.DELIVERED}, "dead": {"status": DeliveryStatus.DEAD}}
    deliveries = [
        Delivery(
            id=ids.from_number("whd", ids.to_number("evt", event.id)),
            endpoint=small if number % 100 == 1 else big,
            event=event,
            type=event.type,
            created_at=event.occurred_at,
            ended_at=now,
            **states["dead" if number % 100 == 0 else "delivered"],
        )
        for number, event in enumerate(OutboxEvent.objects.order_by("-id")[: 2 * INVOICES])
    ]
    Delivery.objects.bulk_create(deliveries)
    tried = {"url": big.url, "status_code": 200, "duration_ms": 50, "started_at": now}
    Attempt.objects.bulk_create([Attempt(delivery=each, **tried) for each in deliveries])


def _attach() -> None:
    """Two for each customer: one is the default, every tenth of the others is detached."""
    now = clock.now()
    common = {"provider": "simulated", "provider_account": "acct_simulated", "exp_month": 12, "exp_year": 2034}
    rows: list[PaymentMethod] = []
    for number, customer in enumerate(Customer.objects.order_by("id")):
        for token, brand in (("tok_visa", "visa"), ("tok_amex", "amex")):
            is_gone = brand == "amex" and number % 10 == 0
            method = PaymentMethod(
                customer=customer,
                attached_to=None if is_gone else customer,
                default_for=customer if brand == "visa" else None,
                token=token,
                brand=brand,
                last4="4242",
                notice_due_at=None if is_gone else now + datetime.timedelta(days=number),
                created_at=now,
                detached_at=now if is_gone else None,
                **common,
            )
            rows.append(method)
    PaymentMethod.objects.bulk_create(rows)
