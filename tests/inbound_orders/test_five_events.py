"""A charge that is refunded twice alike and disputed for all the rest: one end for each of 113,400 orders.

Five webhooks come twice each. Their amounts are the charge's to the cent, so that nothing can be taken twice: a refund
or a dispute that counts again, or is swallowed, shows.
"""

import itertools
import logging
from collections import Counter
from functools import partial
from typing import Any

import pytest

from invoices.ledger import accounts
from invoices.ledger.models import Entry, JournalKind
from invoices.models import Invoice
from outbox.models import OutboxEvent
from payments.models import Dispute, Payment, Receipt, Refund
from payments.tests.factories import make_payment
from tests.inbound_orders.orders import Order, one_of, orders, walk
from tests.inbound_orders.paid import LOG
from tests.inbound_orders.waiting import let_time_pass
from tests.invariants import check_invariants
from webhooks.inbound import services as inbound
from webhooks.inbound.models import ProviderEvent
from webhooks.inbound.tests.sending import event_about, signed

PAID, REFUNDED, DISPUTED = 1250, 400, 450
HELD = accounts.clearing("simulated")
SAID: dict[str, tuple[str, dict[str, Any]]] = {
    "paid": ("charge.succeeded", {}),
    "refund": ("refund.succeeded", {"reference": None, "refund": "rf_1", "amount": REFUNDED}),
    "equal": ("refund.succeeded", {"reference": None, "refund": "rf_2", "amount": REFUNDED}),
    "opened": ("dispute.opened", {"dispute": "dp_1", "amount": DISPUTED}),
    "lost": ("dispute.lost", {"dispute": "dp_1", "amount": DISPUTED}),
}
BEGINNINGS = list(itertools.product(SAID, repeat=2))
THE_LOG = Counter([*LOG, "dispute.opened", "dispute.lost"])
THE_LOG.update(["refund.created", "refund.processing", "refund.succeeded"] * 2)
THE_BOOKS = Counter(
    entry
    for kind, debit, credit, amount in (
        (JournalKind.INVOICE_ISSUED, accounts.RECEIVABLE, accounts.REVENUE, PAID),
        (JournalKind.CAPTURE, HELD, accounts.UNAPPLIED, PAID),
        (JournalKind.RECEIPT_APPLIED, accounts.UNAPPLIED, accounts.RECEIVABLE, PAID),
        (JournalKind.REFUND, accounts.REFUNDS, HELD, REFUNDED),
        (JournalKind.REFUND, accounts.REFUNDS, HELD, REFUNDED),
        (JournalKind.DISPUTE_OPENED, accounts.DISPUTED_FUNDS, HELD, DISPUTED),
        (JournalKind.DISPUTE_LOST, accounts.DISPUTE_LOSSES, accounts.DISPUTED_FUNDS, DISPUTED),
    )
    for entry in ((kind, debit, amount), (kind, credit, -amount))
)
"""Every entry there is: each journal balances, and nothing is left at the provider."""

pytestmark = pytest.mark.django_db


def beginning_with(*begun: str) -> list[Order]:
    """Every order of two copies each that begins like this."""
    left = Counter(dict.fromkeys(SAID, 2)) - Counter(begun)
    return [(*begun, *rest) for rest in orders(left)]


def test_there_are_113400_orders() -> None:
    """10! / 2!⁵, all different."""
    everything = [order for beginning in BEGINNINGS for order in beginning_with(*beginning)]
    assert len(everything) == len(set(everything)) == 113_400


def deliver(bodies: dict[str, bytes], name: str, sent: Order) -> None:
    """The second copy is a duplicate, and nothing takes effect before there is money."""
    body, order = bodies[name], (*sent, name)
    answer = inbound.receive(path="payment-provider", body=body, headers=signed(body))
    first = _end_of(name, order) if "paid" in order else "parked"
    assert answer.status == ("duplicate" if name in sent else first), order


def _end_of(name: str, order: Order) -> str:
    """That a dispute was opened is stale after it was lost. What came before the money took its turn at the end."""
    once = list(dict.fromkeys(order))
    money = once.index("paid")
    took_effect = once[money:] + once[:money]
    stale = name == "opened" and "lost" in took_effect[: took_effect.index("opened")]
    return "ignored" if stale else "processed"


def check_end(payment: Payment, order: Order) -> None:
    """The one end that every order has."""
    let_time_pass()
    payment = Payment.objects.select_related("invoice").get(id=payment.id)
    invoice = payment.invoice
    assert (payment.status, payment.amount_refunded) == ("succeeded", 2 * REFUNDED), order
    assert (invoice.status, invoice.amount_paid, invoice.amount_refunded) == ("paid", PAID, 2 * REFUNDED), order
    receipt = Receipt.objects.get()
    amounts = (receipt.amount_applied, receipt.amount_unapplied, receipt.amount_refunding, receipt.amount_refunded)
    assert (receipt.status, amounts) == ("applied", (PAID, 0, 0, 2 * REFUNDED)), order
    refunds = Refund.objects.values_list("provider_reference", "status", "amount")
    assert sorted(refunds) == [("rf_1", "succeeded", REFUNDED), ("rf_2", "succeeded", REFUNDED)], order
    disputes = Dispute.objects.values_list("provider_reference", "status", "amount", "reinstated_at")
    assert list(disputes) == [("dp_1", "lost", DISPUTED, None)], order
    booked = Entry.objects.values_list("journal__kind", "account", "amount")
    assert Counter(booked) == THE_BOOKS, order
    check_log(invoice, order)
    if one_of(500, [order]):
        check_invariants()


def check_log(invoice: Invoice, order: Order) -> None:
    """Each event once and gap-free, and nothing waits."""
    log = list(OutboxEvent.objects.filter(aggregate_id=invoice.id).order_by("sequence").values_list("sequence", "type"))
    assert Counter(type_ for _, type_ in log) == THE_LOG, order
    assert [sequence for sequence, _ in log] == list(range(1, invoice.event_sequence + 1)), order
    ends = dict(ProviderEvent.objects.values_list("event_id", "status"))
    assert ends == {name: _end_of(name, order) for name in SAID}, order


@pytest.mark.parametrize("each", [2000, pytest.param(1, marks=pytest.mark.long)])
@pytest.mark.parametrize(("first", "second"), BEGINNINGS)
def test_every_order_has_the_same_end(first: str, second: str, each: int, caplog: pytest.LogCaptureFixture) -> None:
    """The same rows, the same books and each event once, whatever came first and however often."""
    caplog.set_level(logging.ERROR)
    payment = make_payment()
    bodies = {name: event_about(payment, type_, id=name, **facts) for name, (type_, facts) in SAID.items()}
    walk(one_of(each, beginning_with(first, second)), partial(deliver, bodies), partial(check_end, payment))
