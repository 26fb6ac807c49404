"""Every order in which four events can arrive, each delivered twice: 2,520 of them, and one end."""

from functools import partial

import pytest
from django.test import Client

from invoices.models import Invoice
from outbox.models import OutboxEvent
from payments.models import Payment, Receipt
from payments.tests.factories import make_payment
from tests.inbound_orders.orders import Order, one_of, orders, walk
from tests.inbound_orders.paid import LOG
from tests.invariants import check_invariants
from webhooks.inbound.models import ProviderEvent
from webhooks.inbound.tests.sending import event_about, send, status_of

TYPES = ("charge.pending", "charge.succeeded", "charge.updated", "payout.created")
COPIES = 2
ALL_ORDERS = list(orders(dict.fromkeys(TYPES, COPIES)))
SAMPLE = one_of(8, ALL_ORDERS)
HOW_MANY = pytest.mark.parametrize("everything", [SAMPLE, pytest.param(ALL_ORDERS, marks=pytest.mark.long)], ids=len)
LOOKED_AT_WHOLE = set(one_of(50, ALL_ORDERS))
"""After these, every invariant is asserted over the whole database; after the others what is said in `check_end`."""


def test_there_are_2520_orders() -> None:
    """8! / 2!⁴, all different."""
    assert len(ALL_ORDERS) == len(set(ALL_ORDERS)) == 2520


def deliver(bodies: dict[str, bytes], client: Client, type_: str, sent: Order) -> None:
    """The first copy of each counts, the second is a duplicate."""
    expected = "duplicate" if type_ in sent else _first_status(type_, sent)
    assert status_of(send(bodies[type_], client=client)) == expected, (*sent, type_)


def _first_status(type_: str, sent: Order) -> str:
    if type_ == "charge.succeeded":
        return "processed"
    if type_ == "charge.pending" and "charge.succeeded" not in sent:
        return "processed"
    return "ignored"


def check_end(payment: Payment, order: Order) -> None:
    """The one end that every order has."""
    payment, invoice = Payment.objects.get(id=payment.id), Invoice.objects.get(id=payment.invoice_id)
    assert (payment.status, payment.provider_reference) == ("succeeded", f"ch_{payment.id}"), order
    assert (invoice.status, invoice.amount_paid) == ("paid", invoice.amount)
    receipt = Receipt.objects.get(invoice=invoice)
    assert (receipt.status, receipt.amount) == ("applied", invoice.amount)
    log = list(OutboxEvent.objects.filter(aggregate_id=invoice.id).order_by("sequence").values_list("type", flat=True))
    assert sorted(log) == LOG, order
    assert log[-1] == "invoice.paid"
    assert len(log) == invoice.event_sequence
    stored = ProviderEvent.objects.filter(our_reference=payment.id).values_list("type", flat=True)
    assert sorted(stored) == sorted(TYPES)
    if order in LOOKED_AT_WHOLE:
        check_invariants()


@pytest.mark.django_db
@HOW_MANY
@pytest.mark.parametrize("first", TYPES)
def test_every_order_has_the_same_end(first: str, everything: list[Order]) -> None:
    """Paid once, one receipt, balanced books, the same events, whatever came first and however often."""
    payment = make_payment()
    bodies = {type_: event_about(payment, type_) for type_ in TYPES}
    those = [order for order in everything if order[0] == first]
    walk(those, partial(deliver, bodies, Client()), partial(check_end, payment))
