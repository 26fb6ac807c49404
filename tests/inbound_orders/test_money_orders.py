"""A payment that succeeds, is refunded in part at the provider's dashboard and disputed: one end for every order.

The four webhooks come twice each, in 2,520 orders. Those that come before the money wait for it, and the sweep takes
them up.
"""

from collections import Counter
from functools import partial
from typing import Any

import pytest
from django.test import Client

from invoices.ledger import accounts
from invoices.ledger import services as ledger
from invoices.models import Invoice
from outbox import services as outbox
from outbox.models import OutboxEvent
from payments.models import Dispute, Payment, Receipt, Refund
from payments.tests.factories import make_payment
from tests.inbound_orders.orders import Order, one_of, orders, walk
from tests.inbound_orders.paid import LOG
from tests.inbound_orders.waiting import let_time_pass
from tests.invariants import check_invariants
from webhooks.inbound import services as inbound
from webhooks.inbound.models import ProviderEvent
from webhooks.inbound.tests.sending import event_about, send, status_of

TYPES = ("charge.pending", "charge.succeeded", "refund.succeeded", "dispute.opened")
COPIES = 2
ALL_ORDERS = list(orders(dict.fromkeys(TYPES, COPIES)))
SAMPLE = one_of(16, ALL_ORDERS)
LOOKED_AT_WHOLE = set(one_of(50, ALL_ORDERS))
REFUNDED, DISPUTED = 400, 600
HOW_MANY = pytest.mark.parametrize("everything", [SAMPLE, pytest.param(ALL_ORDERS, marks=pytest.mark.long)], ids=len)

pytestmark = pytest.mark.django_db


def bodies_about(payment: Payment) -> dict[str, bytes]:
    """As the provider sends them: a refund that was made there names no reference of ours."""
    of: dict[str, dict[str, Any]] = {
        "refund.succeeded": {"reference": None, "refund": "rf_1", "amount": REFUNDED},
        "dispute.opened": {"dispute": "dp_1", "amount": DISPUTED},
    }
    return {type_: event_about(payment, type_, **of.get(type_, {})) for type_ in TYPES}


def deliver(bodies: dict[str, bytes], client: Client, type_: str, sent: Order) -> None:
    expected = "duplicate" if type_ in sent else _first_status(type_, sent)
    assert status_of(send(bodies[type_], client=client)) == expected, (*sent, type_)


def _first_status(type_: str, sent: Order) -> str:
    if type_ == "charge.pending":
        return "ignored" if "charge.succeeded" in sent else "processed"
    return "processed" if "charge.succeeded" in (type_, *sent) else "parked"


def check_end(payment: Payment, order: Order) -> None:
    """The one end that every order has."""
    let_time_pass()
    payment, invoice = Payment.objects.get(id=payment.id), Invoice.objects.get(id=payment.invoice_id)
    total = invoice.amount
    assert (payment.status, payment.amount_refunded) == ("succeeded", REFUNDED), order
    assert (invoice.status, invoice.amount_paid, invoice.amount_refunded) == ("paid", total, REFUNDED), order
    receipt = Receipt.objects.get()
    amounts = (receipt.amount_applied, receipt.amount_unapplied, receipt.amount_refunding, receipt.amount_refunded)
    assert (receipt.status, amounts) == ("applied", (total, 0, 0, REFUNDED)), order
    refund, dispute = Refund.objects.get(), Dispute.objects.get()
    assert (refund.status, refund.amount, refund.provider_reference) == ("succeeded", REFUNDED, "rf_1"), order
    assert (dispute.status, dispute.amount, dispute.provider_reference) == ("open", DISPUTED, "dp_1"), order
    check_books(total, order)
    check_log(invoice, order)
    if order in LOOKED_AT_WHOLE:
        check_invariants()


def check_books(total: int, order: Order) -> None:
    balances = {account: balance for (account, _), balance in ledger.balances().items() if balance}
    assert balances == {
        accounts.clearing("simulated"): total - REFUNDED - DISPUTED,
        accounts.DISPUTED_FUNDS: DISPUTED,
        accounts.REFUNDS: REFUNDED,
        accounts.REVENUE: -total,
    }, order


def check_log(invoice: Invoice, order: Order) -> None:
    log = list(OutboxEvent.objects.filter(aggregate_id=invoice.id).order_by("sequence").values_list("type", flat=True))
    afterwards = ["refund.created", "refund.processing", "refund.succeeded", "dispute.opened"]
    assert sorted(log) == sorted(LOG + afterwards), order
    assert len(log) == invoice.event_sequence
    events = ProviderEvent.objects.values_list("type", "status")
    stale = order.index("charge.pending") > order.index("charge.succeeded")
    expected = dict.fromkeys(TYPES, "processed") | ({"charge.pending": "ignored"} if stale else {})
    assert sorted(events) == sorted(expected.items()), order


@HOW_MANY
@pytest.mark.parametrize("first", TYPES)
def test_every_order_of_success_refund_and_dispute_has_the_same_end(first: str, everything: list[Order]) -> None:
    """The same rows, the same books and each event once, whatever came first and however often."""
    payment = make_payment()
    those = [order for order in everything if order[0] == first]
    walk(those, partial(deliver, bodies_about(payment), Client()), partial(check_end, payment))


def test_the_sample_has_every_beginning() -> None:
    """A sixteenth of the orders, and each pair of first events among them."""
    assert len(ALL_ORDERS) == 2520
    assert 130 < len(SAMPLE) < 185
    assert len(Counter(order[:2] for order in SAMPLE)) == len(TYPES) ** 2


@pytest.mark.parametrize("order", one_of(400, ALL_ORDERS), ids=" ".join)
def test_what_waits_for_the_money_is_released_by_it(order: Order) -> None:
    """No time passes: the relay hears of the receipt and makes the waiting events due."""
    payment = make_payment()
    bodies = bodies_about(payment)
    for type_ in order:
        send(bodies[type_])
    outbox.drain()
    inbound.sweep()
    assert not ProviderEvent.objects.exclude(status__in=["processed", "ignored"]).exists()
    check_end(payment, order)
    check_invariants()
