"""Every order in which four events can arrive, each delivered twice: 2,520 of them, and one end."""

from collections.abc import Iterator, Mapping

import pytest
from django.test import Client

from invoices.models import Invoice
from outbox.models import OutboxEvent
from payments.models import Payment, Receipt
from payments.tests.factories import make_payment
from tests.inbound_orders.paid import LOG
from tests.invariants import check_invariants
from webhooks.inbound.models import ProviderEvent
from webhooks.inbound.tests.sending import event_about, send, status_of

TYPES = ("charge.pending", "charge.succeeded", "charge.updated", "payout.created")
COPIES = 2
SHARES = 12
"""So that several workers can take part."""


def orders(left: Mapping[str, int]) -> Iterator[tuple[str, ...]]:
    """Each distinct order of the types, every one as often as `left` says."""
    if not any(left.values()):
        yield ()
    for type_, count in left.items():
        if count:
            for rest in orders({**left, type_: count - 1}):
                yield (type_, *rest)


ALL_ORDERS = list(orders(dict.fromkeys(TYPES, COPIES)))


def test_there_are_2520_orders() -> None:
    """8! / 2!⁴, all different."""
    assert len(ALL_ORDERS) == len(set(ALL_ORDERS)) == 2520


def play(order: tuple[str, ...], client: Client) -> Payment:
    """Send the events of a new payment in this order; the first copy of each counts, the second is a duplicate."""
    payment = make_payment()
    bodies = {type_: event_about(payment, type_) for type_ in TYPES}
    seen: set[str] = set()
    for type_ in order:
        status = status_of(send(bodies[type_], client=client))
        expected = "duplicate" if type_ in seen else _first_status(type_, seen)
        assert status == expected, (order, type_)
        seen.add(type_)
    return payment


def _first_status(type_: str, seen: set[str]) -> str:
    if type_ == "charge.succeeded":
        return "processed"
    if type_ == "charge.pending" and "charge.succeeded" not in seen:
        return "processed"
    return "ignored"


def check_end(payment_id: str, invoice_id: str) -> None:
    """The one end that every order has."""
    payment, invoice = Payment.objects.get(id=payment_id), Invoice.objects.get(id=invoice_id)
    assert (payment.status, payment.provider_reference) == ("succeeded", f"ch_{payment_id}")
    assert (invoice.status, invoice.amount_paid) == ("paid", invoice.amount)
    receipt = Receipt.objects.get(invoice_id=invoice_id)
    assert (receipt.status, receipt.amount) == ("applied", invoice.amount)
    log = list(OutboxEvent.objects.filter(aggregate_id=invoice_id).order_by("sequence").values_list("type", flat=True))
    assert sorted(log) == LOG
    assert log[-1] == "invoice.paid"
    assert len(log) == invoice.event_sequence
    stored = ProviderEvent.objects.filter(our_reference=payment_id).values_list("type", flat=True)
    assert sorted(stored) == sorted(TYPES)


@pytest.mark.django_db
@pytest.mark.parametrize("share", range(SHARES))
def test_every_order_has_the_same_end(share: int) -> None:
    """Paid once, one receipt, balanced books, the same events, whatever came first and however often."""
    client = Client()
    for order in ALL_ORDERS[share::SHARES]:
        payment = play(order, client)
        check_end(payment.id, payment.invoice_id)
    check_invariants()
