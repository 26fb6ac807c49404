"""Webhooks that contradict each other: whatever comes first, the same net money in the end, and balanced books."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

import pytest
from django.test import Client

from config.api.principals import system
from config.kernel import db
from invoices.ledger import accounts
from invoices.ledger import services as ledger
from payments import services as payments
from payments.models import Payment, Refund
from payments.providers.base import Declined, Outcome, Succeeded
from payments.services.locks import lock
from payments.services.refunds.outcomes import apply_refund_outcome
from payments.tests.factories import make_key, make_payment
from tests.inbound_orders.orders import Order, one_of, orders, walk
from tests.inbound_orders.waiting import let_time_pass
from tests.invariants import check_invariants
from webhooks.inbound.models import ProviderEvent
from webhooks.inbound.tests.sending import answer_to, event_about, send, status_of

pytestmark = pytest.mark.django_db
PAID, PART = 1250, 400
SUCCEEDED: tuple[str, dict[str, Any]] = ("charge.succeeded", {})


def made_there(refund: str, status: str, amount: int) -> tuple[str, dict[str, Any]]:
    """A refund made at the provider's dashboard."""
    return f"refund.{status}", {"reference": None, "refund": refund, "amount": amount}


def disputed(status: str) -> tuple[str, dict[str, Any]]:
    return f"dispute.{status}", {"dispute": "dp_1", "amount": PART}


SETS: dict[str, tuple[int, dict[str, tuple[str, dict[str, Any]]]]] = {
    "the charge succeeded and failed": (
        PAID,
        {"pending": ("charge.pending", {}), "succeeded": SUCCEEDED, "failed": ("charge.failed", {})},
    ),
    "the charge succeeded and failed for a passing reason": (
        PAID,
        {"succeeded": SUCCEEDED, "failed": ("charge.failed", {"failure_code": "insufficient_funds"})},
    ),
    "the charge succeeded and was canceled and failed": (
        PAID,
        {"succeeded": SUCCEEDED, "failed": ("charge.failed", {}), "canceled": ("charge.canceled", {})},
    ),
    "the refund succeeded and failed": (
        PAID,
        {"paid": SUCCEEDED, "out": made_there("rf_1", "succeeded", PART), "back": made_there("rf_1", "failed", PART)},
    ),
    "two equal refunds succeeded, and one of them failed": (
        PAID - PART,
        {
            "paid": SUCCEEDED,
            "first": made_there("rf_1", "succeeded", PART),
            "second": made_there("rf_2", "succeeded", PART),
            "second failed": made_there("rf_2", "failed", PART),
        },
    ),
    "the dispute was opened and won": (PAID, {"paid": SUCCEEDED, "opened": disputed("opened"), "won": disputed("won")}),
    "the dispute was opened and lost": (
        PAID - PART,
        {"paid": SUCCEEDED, "opened": disputed("opened"), "lost": disputed("lost")},
    ),
    "the dispute was won and lost": (
        PAID,
        {"paid": SUCCEEDED, "won": disputed("won"), "lost": disputed("lost")},
    ),
    "all of it failed to go back after another all of it": (
        0,
        {
            "paid": SUCCEEDED,
            "failed": made_there("rf_1", "failed", PAID),
            "succeeded": made_there("rf_2", "succeeded", PAID),
        },
    ),
    "all of it went back, came back, and went back another way": (
        0,
        {
            "paid": SUCCEEDED,
            "out": made_there("rf_1", "succeeded", PAID),
            "back": made_there("rf_1", "failed", PAID),
            "out again": made_there("rf_2", "succeeded", PAID),
        },
    ),
}
NAMED = [pytest.param(*case, id=name) for name, case in SETS.items()]


EFFORTS = pytest.mark.parametrize("effort", ["short", pytest.param("long", marks=pytest.mark.long)])


def orders_of(names: Iterable[str], effort: str) -> list[Order]:
    """Long: every order with each event twice. Short: every order with each event once, and some of those."""
    twice = list(orders(dict.fromkeys(names, 2)))
    if effort == "long":
        return twice
    return [*orders(dict.fromkeys(names, 1)), *one_of(30 if len(twice) < 1000 else 600, twice)]


def check_money(expected: int, order: Order) -> None:
    """What the provider holds for us, and that nothing is left undone."""
    let_time_pass()
    waiting = ProviderEvent.objects.exclude(status__in=["processed", "ignored"])
    assert list(waiting.values_list("type", "error")) == [], order
    assert ledger.balances().get((accounts.clearing("simulated"), "EUR"), 0) == expected, order
    check_invariants()


@EFFORTS
@pytest.mark.parametrize(("expected", "said"), NAMED)
def test_every_order_leaves_the_same_net_money(
    expected: int, said: Mapping[str, tuple[str, dict[str, Any]]], effort: str
) -> None:
    """In every order, and with each webhook twice."""
    payment, client = make_payment(), Client()
    bodies = {name: event_about(payment, type_, **changes) for name, (type_, changes) in said.items()}
    walk(
        orders_of(said, effort),
        lambda name, _: status_of(send(bodies[name], client=client)),
        partial(check_money, expected),
    )


@db.transaction(idempotent=False)
def answer(refund: Refund, outcome: Outcome) -> None:
    """As the worker that has sent the refund records what it was told."""
    invoice, payment = lock(refund.payment_id)
    fresh = Refund.objects.get(id=refund.id)
    apply_refund_outcome(invoice=invoice, payment=payment, refund=fresh, outcome=outcome, actor=system("test"))


REFUNDED = Succeeded("rf_1", PART, "EUR", "acct_simulated")
OURS: dict[str, tuple[int, tuple[str, ...], Outcome]] = {
    "it succeeded": (
        PAID - PART,
        ("refund.pending", "refund.succeeded"),
        REFUNDED,
    ),
    "it failed": (PAID, ("refund.pending", "refund.failed"), Declined("expired_card", False, "rf_1")),
    "it succeeded and then failed": (
        PAID,
        ("refund.succeeded", "refund.failed"),
        REFUNDED,
    ),
}


@EFFORTS
@pytest.mark.parametrize(("expected", "types", "outcome"), OURS.values(), ids=OURS)
def test_webhooks_around_the_answer_to_our_own_refund(
    expected: int, types: tuple[str, ...], outcome: Outcome, effort: str
) -> None:
    """Before, between and after it, and each of them twice: the same end."""
    payment = make_payment()
    assert answer_to(event_about(payment)) == "processed"
    refund = payments.request_refund(
        actor=system("test"), payment_id=payment.id, key=make_key(operation="payments.refund"), amount=PART
    ).row
    steps: dict[str, Callable[[], object]] = {"answer": lambda: answer(refund, outcome)}
    for type_ in types:
        steps[type_] = partial(send, event_about(payment, type_, reference=refund.id, refund="rf_1", amount=PART))
    walk(orders_of(steps, effort), lambda name, _: steps[name](), partial(check_one_refund, expected))


def check_one_refund(expected: int, order: Order) -> None:
    check_money(expected, order)
    assert Refund.objects.get().provider_reference == "rf_1", order
    assert Payment.objects.get().status == "succeeded", order
