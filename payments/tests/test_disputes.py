"""Disputes: money that the payer's bank has taken back, until the provider has judged."""

import itertools

import pytest

from invoices.ledger import services as ledger
from invoices.models import Invoice
from outbox.models import OutboxEvent
from payments.models import Dispute, Payment
from payments.providers.base import Pending
from payments.services.dispute_news import DisputeAmountDiffers
from payments.tests.factories import (
    SOFT,
    captured,
    make_paid,
    make_payment,
    make_refund,
    refunded,
    tell_dispute,
    tell_payment,
    tell_refund,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("invariants_hold")]


def balances() -> dict[str, int]:
    wanted = ("clearing:simulated", "disputed_funds", "dispute_losses")
    return {account: ledger.balances().get((account, "EUR"), 0) for account in wanted}


def log(payment: Payment) -> list[str]:
    events = OutboxEvent.objects.filter(aggregate_id=payment.invoice_id, type__startswith="dispute.")
    return list(events.order_by("sequence").values_list("type", flat=True))


def test_a_dispute_takes_the_money_out_of_the_clearing_account() -> None:
    """It stands apart until it is closed; payment and invoice stay what they were."""
    payment = make_paid(amount=1250)
    assert tell_dispute(payment, "opened") == "applied"
    dispute = Dispute.objects.get()
    assert (dispute.status, dispute.amount, dispute.reason) == ("open", 1250, "fraudulent")
    assert balances() == {"clearing:simulated": 0, "disputed_funds": 1250, "dispute_losses": 0}
    assert (Payment.objects.get().status, Invoice.objects.get().status) == ("succeeded", "paid")


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        ("won", {"clearing:simulated": 1250, "disputed_funds": 0, "dispute_losses": 0}),
        ("lost", {"clearing:simulated": 0, "disputed_funds": 0, "dispute_losses": 1250}),
    ],
)
def test_however_it_is_told_a_dispute_opens_and_closes_once(outcome: str, expected: dict[str, int]) -> None:
    """Its opening may be heard of after its end, and each twice."""
    for order in set(itertools.permutations(["opened", "opened", outcome, outcome])):
        payment = make_paid(amount=1250)
        before = balances()
        for status in order:
            tell_dispute(payment, status, reference=f"dp_{payment.id}")
        moved = {account: balance - before[account] for account, balance in balances().items()}
        assert moved == {account: expected[account] - (1250 if "clearing" in account else 0) for account in expected}
        assert log(payment) == ["dispute.opened", f"dispute.{outcome}"]
        assert Invoice.objects.get(id=payment.invoice_id).status == "paid"


def test_a_dispute_that_was_won_stays_won() -> None:
    """Final states never leave."""
    payment = make_paid()
    tell_dispute(payment, "won")
    assert tell_dispute(payment, "lost") == "stale"
    assert Dispute.objects.get().status == "won"


def test_a_dispute_waits_for_the_money_it_is_about() -> None:
    """Told before the capture it is parked."""
    payment = make_payment()
    assert tell_dispute(payment, "opened") == "unknown_reference"
    tell_payment(payment, captured(payment))
    assert tell_dispute(payment, "opened") == "applied"


def test_a_refund_under_way_ends_in_spite_of_a_dispute() -> None:
    """The provider had taken it before: its word counts."""
    payment = make_paid(amount=1250)
    refund = make_refund(payment, 400)
    tell_dispute(payment, "opened", amount=850)
    assert tell_refund(refund, refunded(refund)) == "applied"
    tell_dispute(payment, "lost", amount=850)
    assert balances() == {"clearing:simulated": 0, "disputed_funds": 0, "dispute_losses": 850}
    assert Invoice.objects.get().status == "paid"


def test_two_disputes_of_one_charge_are_two() -> None:
    """By the provider's references."""
    payment = make_paid(amount=1250)
    for reference, amount in (("dp_a", 1000), ("dp_b", 250)):
        tell_dispute(payment, "opened", reference=reference, amount=amount)
    tell_dispute(payment, "won", reference="dp_a", amount=1000)
    assert dict(Dispute.objects.values_list("provider_reference", "status")) == {"dp_a": "won", "dp_b": "open"}


def test_a_dispute_that_is_won_after_it_was_lost_stays_lost_and_its_money_is_ours() -> None:
    """Final states never leave; the provider does not say so for nothing, and says it once however often."""
    payment = make_paid(amount=1250)
    assert [tell_dispute(payment, status) for status in ("lost", "won", "won", "lost")] == [
        "applied",
        "applied",
        "stale",
        "stale",
    ]
    assert Dispute.objects.get().status == "lost"
    assert balances() == {"clearing:simulated": 1250, "disputed_funds": 0, "dispute_losses": 0}
    assert log(payment) == ["dispute.opened", "dispute.lost", "dispute.reinstated"]
    make_refund(payment, 1250)


def test_what_the_books_told_without_reason_and_date_its_webhook_completes() -> None:
    """Once; the provider's list of transactions carries neither."""
    payment = make_paid(amount=1250)
    tell_dispute(payment, "opened", reason="")
    assert tell_dispute(payment, "opened") == "applied"
    assert Dispute.objects.get().reason == "fraudulent"
    assert tell_dispute(payment, "opened") == "stale"


def test_money_under_dispute_does_not_pay_by_itself() -> None:
    """Held money pays when the live payment ends without any, but not what the bank has taken back."""
    payment = make_payment()
    tell_payment(payment, SOFT)
    other = make_payment(invoice=payment.invoice)
    tell_payment(other, Pending(f"ch_{other.id}"))
    tell_payment(payment, captured(payment))
    tell_dispute(payment, "opened")
    tell_payment(other, SOFT)
    assert Invoice.objects.get(id=payment.invoice_id).status == "open"


def test_a_dispute_that_closes_over_another_amount_is_not_believed() -> None:
    """The event fails and waits for staff; nothing is booked for it."""
    payment = make_paid(amount=1250)
    tell_dispute(payment, "opened")
    with pytest.raises(DisputeAmountDiffers):
        tell_dispute(payment, "won", amount=60)
    assert Dispute.objects.get().status == "open"
