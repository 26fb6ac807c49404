"""Charges in the provider's books beside our receipts."""

import time
from typing import Any

import pytest
from django.db import connection

from config.kernel import db
from invoices.models import Invoice
from invoices.tests.factories import MERCHANT_KEY
from outbox.models import OutboxEvent
from payments import services
from payments.models import Difference, Payment, Receipt, SettlementLine
from payments.providers.base import Declined
from payments.providers.simulated.simulator.core import SimulatorCore
from payments.providers.simulated.simulator.objects import NewCharge
from payments.services.locks import lock
from payments.services.outcomes import apply_outcome
from payments.tests.factories import make_payment
from payments.tests.settlement.books import assert_nothing_differs, charged_there, found, paid, reconcile

pytestmark = pytest.mark.django_db(transaction=True)


def test_what_both_sides_have_is_no_difference(core: SimulatorCore) -> None:
    """Read twice, the lines are kept once."""
    payments = [paid() for _ in range(3)]
    paid("tok_declined_stolen")
    for _ in range(2):
        assert_nothing_differs()
    lines = SettlementLine.objects.order_by("id")
    assert [line.our_reference for line in lines] == [payment.id for payment in payments]
    assert {line.charge_reference for line in lines} == {payment.provider_reference for payment in payments}


@pytest.mark.parametrize("token", ["tok_timeout_after", "tok_garbage_answer", "tok_5xx_after"])
def test_a_charge_whose_answer_and_webhook_were_lost_is_booked(core: SimulatorCore, token: str) -> None:
    """The payment succeeds and its invoice is paid, by the same step as a webhook's, and who did it is on record."""
    payment = paid(token)
    assert payment.status == "unknown"
    difference = found()
    assert (difference.kind, difference.subject, difference.mend) == ("missing_here", "charge", "book_capture")
    assert (difference.our_id, difference.found_amount, difference.expected_amount) == (payment.id, 1250, None)
    assert difference.resolved_at
    assert Payment.objects.get().status == "succeeded"
    assert Invoice.objects.get().status == "paid"
    event = OutboxEvent.objects.get(type="receipt.created")
    assert event.actor == "system:payments.reconcile_settlement"
    assert event.reason == f"in the books of simulated, {difference.run_id}"
    assert_nothing_differs()


def test_a_payment_nobody_has_sent_as_far_as_we_know_is_booked_too(core: SimulatorCore) -> None:
    """A worker that died between the call and its commit."""
    charged_there(core, make_payment())
    assert found().detail == "the payment is created"
    assert Payment.objects.get().status == "succeeded"


def test_late_money_of_a_failed_payment_pays_the_invoice(core: SimulatorCore) -> None:
    """By the rules for late success."""
    payment = make_payment(token="tok_pending")
    services.submit(payment_id=payment.id)
    _fail(payment)
    core.settle_charge(payment.id, failure_code="", now=time.time())
    difference = found()
    assert (difference.detail, bool(difference.resolved_at)) == ("the payment is failed", True)
    assert Payment.objects.get().status == "failed"
    assert Invoice.objects.get().status == "paid"


def _fail(payment: Payment) -> None:
    @db.transaction(idempotent=False)
    def fail() -> None:
        invoice, locked = lock(payment.id)
        outcome = Declined("stolen_card", retryable=False)
        apply_outcome(invoice=invoice, payment=locked, outcome=outcome, actor=MERCHANT_KEY)

    fail()


@pytest.mark.parametrize(("amount", "currency"), [(100, "EUR"), (1250, "USD")])
def test_other_money_than_asked_for_is_booked_and_reviewed(core: SimulatorCore, amount: int, currency: str) -> None:
    """Never paid: a person must look."""
    charged_there(core, make_payment(), amount=amount, currency=currency)
    assert found().resolved_at
    assert Payment.objects.get().status == "review"
    assert Receipt.objects.get().status == "unapplied"
    assert_nothing_differs()


def test_a_charge_of_nobody_is_left_to_staff(core: SimulatorCore) -> None:
    """It is one difference however often it is found."""
    core.charge(NewCharge(500, "EUR", "tok_visa", "pay_of_another_shop"), key="k", now=time.time())
    first = found()
    report, [second] = reconcile()
    assert (first.kind, first.mend, first.resolved_at) == ("missing_here", "", None)
    assert "pay_of_another_shop" in first.detail
    assert (second.id, second.found_at, report.left) == (first.id, first.found_at, 1)
    assert second.run_id != first.run_id
    assert Difference.objects.count() == 1


@pytest.mark.parametrize("changes", [{"amount": 1249}, {"currency": "USD"}])
def test_another_amount_or_currency_is_left_to_staff(core: SimulatorCore, changes: dict[str, Any]) -> None:
    """Money is neither unbooked nor corrected by itself; once both agree, the difference is resolved."""
    receipt = _receipt_of(paid())
    _overwrite(Receipt, receipt.id, **changes)
    difference = found()
    expected = changes.get("amount", 1250), changes.get("currency", "EUR")
    assert (difference.kind, difference.our_id, difference.resolved_at) == ("amount", receipt.id, None)
    assert (difference.expected_amount, difference.expected_currency) == expected
    assert (difference.found_amount, difference.found_currency) == (1250, "EUR")
    _overwrite(Receipt, receipt.id, amount=1250, currency="EUR")
    report, _ = reconcile()
    resolved = Difference.objects.get()
    assert (report.left, report.resolved, resolved.mend) == (0, 1, "no_longer_found")
    assert resolved.resolved_at


def test_a_difference_that_comes_back_is_open_again(core: SimulatorCore) -> None:
    """The same row, found anew."""
    receipt = _receipt_of(paid())
    for _ in range(2):
        _overwrite(Receipt, receipt.id, amount=1)
        assert found().resolved_at is None
        _overwrite(Receipt, receipt.id, amount=1250)
        assert reconcile()[0].resolved == 1
    assert Difference.objects.count() == 1


def test_a_receipt_without_a_charge_there_is_left_to_staff(core: SimulatorCore) -> None:
    """The provider, asked, does not stand by the money; nothing is unbooked."""
    receipt = _receipt_of(paid())
    _forget(core, "DELETE FROM transactions", "UPDATE charges SET status = 'failed', failure_code = 'stolen_card'")
    difference = found()
    assert (difference.kind, difference.our_id, difference.mend) == ("missing_there", receipt.id, "")
    assert (difference.expected_amount, difference.found_amount) == (1250, None)
    assert "the provider says declined" in difference.detail
    assert _receipt_of(Payment.objects.get()).status == "applied"


def test_a_charge_that_has_gone_from_books_read_before_is_left_to_staff(core: SimulatorCore) -> None:
    """That its line was once read is no proof that the money is still there."""
    paid()
    assert_nothing_differs()
    _forget(core, "DELETE FROM transactions", "UPDATE charges SET status = 'canceled'")
    assert (found().kind, found().resolved_at) == ("missing_there", None)


def test_a_line_just_outside_the_window_is_no_difference(core: SimulatorCore) -> None:
    """The provider stands by the money."""
    paid()
    _forget(core, "DELETE FROM transactions")
    assert_nothing_differs()


def test_an_amount_the_provider_has_without_a_line_is_compared_too(core: SimulatorCore) -> None:
    """Asked, it names another one."""
    paid()
    _forget(core, "DELETE FROM transactions", "UPDATE charges SET amount = 1000")
    difference = found()
    assert (difference.kind, difference.expected_amount, difference.found_amount) == ("amount", 1250, 1000)


def _receipt_of(payment: Payment) -> Receipt:
    return Receipt.objects.get(payment=payment)


def _overwrite(model: type[Receipt], id: str, **values: Any) -> None:
    """By SQL, as no service would."""
    columns = ", ".join(f"{name} = %s" for name in values)
    key = model._meta.get_field("id").get_db_prep_value(id, connection)
    unchecked, checked = {
        "mysql": ("SET check_constraint_checks = 0", "SET check_constraint_checks = 1"),
        "sqlite": ("PRAGMA ignore_check_constraints = ON", "PRAGMA ignore_check_constraints = OFF"),
    }[connection.vendor]
    with connection.cursor() as cursor:
        cursor.execute(unchecked)
        cursor.execute(f"UPDATE {model._meta.db_table} SET {columns} WHERE id = %s", [*values.values(), key])
        cursor.execute(checked)


def _forget(core: SimulatorCore, *statements: str) -> None:
    """The provider's database was tampered with."""
    for statement in statements:
        core._store.execute(statement)
