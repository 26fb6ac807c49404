"""A deadlock at every statement of what is called without a webhook: docs/decisions/0003-transactions.md."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from config.api.principals import system
from config.kernel import clock, db
from invoices.models import Invoice
from invoices.services import Line
from invoices.tests.factories import issue, make_credit, make_customer, make_invoice
from payments import services
from payments.models import Difference, Payment, PaymentMethod, Receipt, Refund
from payments.tests.factories import make_key, make_method, make_payment
from payments.tests.settlement.books import make_difference
from tests.deadlocks.rows import rows
from tests.faults import deadlock_at, statements_counted
from tests.invariants import check_invariants
from webhooks.inbound.tests.sending import event_about, send

pytestmark = pytest.mark.django_db(transaction=True)
ACTOR = system("test")
Row = dict[str, Any]


def _paid() -> Payment:
    payment = make_payment()
    send(event_about(payment))
    return payment


def _sent() -> Payment:
    payment = make_payment()
    send(event_about(payment, "charge.pending"))
    return payment


def _declined() -> Payment:
    payment = make_payment()
    send(event_about(payment, "charge.failed", failure_code="insufficient_funds"))
    Invoice.objects.filter(id=payment.invoice_id).update(next_attempt_at=clock.now())
    return payment


def _request_refund() -> Callable[[], object]:
    return partial(services.request_refund, actor=ACTOR, payment_id=_paid().id, key=make_key(), amount=400)


def _cancel_unsent() -> Callable[[], object]:
    return partial(services.cancel_payment, actor=ACTOR, payment_id=make_payment().id)


def _cancel_in_flight() -> Callable[[], object]:
    return partial(services.cancel_payment, actor=ACTOR, payment_id=_sent().id)


def _manual() -> Payment:
    return make_payment(provider="manual", token="")


def _manual_refund() -> Refund:
    payment = services.confirm_payment(actor=ACTOR, payment_id=_manual().id)
    return services.request_refund(actor=ACTOR, payment_id=payment.id, key=make_key(), amount=400).row


def _confirm_late() -> Callable[[], object]:
    payment = _manual()
    services.fail_payment(actor=ACTOR, payment_id=payment.id, failure_code="not_received")
    return partial(services.confirm_payment, actor=ACTOR, payment_id=payment.id, reference=payment.id)


def _in_review() -> Payment:
    payment = make_payment()
    send(event_about(payment, amount=payment.amount + 100))
    return payment


def _resolve() -> Callable[[], object]:
    split = services.Disposition.SPLIT
    return partial(
        services.resolve_payment, actor=ACTOR, payment_id=_in_review().id, status="succeeded", disposition=split
    )


def _dispose() -> Callable[[], object]:
    payment = _in_review()
    services.resolve_payment(actor=ACTOR, payment_id=payment.id, status="failed")
    receipt = Receipt.objects.get(payment=payment)
    split = services.Disposition.SPLIT
    return partial(services.dispose_receipt, actor=ACTOR, receipt_id=receipt.id, disposition=split)


def _confirm_refund() -> Callable[[], object]:
    return partial(services.confirm_refund, actor=ACTOR, refund_id=_manual_refund().id)


def _fail_refund() -> Callable[[], object]:
    return partial(services.fail_refund, actor=ACTOR, refund_id=_manual_refund().id, failure_code="not_sent")


def _take_back_refund() -> Callable[[], object]:
    refund = services.confirm_refund(actor=ACTOR, refund_id=_manual_refund().id)
    return partial(services.fail_refund, actor=ACTOR, refund_id=refund.id, failure_code="returned")


def _close_difference() -> Callable[[], object]:
    Difference.objects.all().delete()
    return partial(services.close_difference, actor=ACTOR, difference_id=make_difference().id, reason="settled")


def _issue_with_credit() -> Callable[[], object]:
    """Billing's step: a line is taken back, and what is left of it is applied by the next one."""
    customer = make_credit(700).customer
    line = issue(customer, Line(unit_amount=500)).lines.get().id
    return partial(issue, customer, Line(unit_amount=900), Line(unit_amount=-400, reverses=line))


def _carry_over() -> Callable[[], object]:
    customer = make_customer()
    line = issue(customer, Line(unit_amount=500)).lines.get().id
    return partial(issue, customer, Line(unit_amount=-400, reverses=line))


def _retry() -> Callable[[], object]:
    _declined()
    return services.retry_due


def _attach_method() -> Callable[[], object]:
    """As the default, in the place of another."""
    customer = make_method().customer
    return partial(make_method, customer, token="tok_amex", default=True)


def _detach_method() -> Callable[[], object]:
    return partial(services.detach_payment_method, actor=ACTOR, method_id=make_method().id)


def _make_default() -> Callable[[], object]:
    second = make_method(make_method().customer, token="tok_amex")
    return partial(services.make_default, actor=ACTOR, method_id=second.id)


def _announce_expiring() -> Callable[[], object]:
    PaymentMethod.objects.filter(id=make_method().id).update(notice_due_at=clock.now())
    return services.announce_expiring


def _pay_with_default() -> Callable[[], object]:
    invoice = make_invoice(customer_id=make_method().customer_id)
    terms = services.PaymentTerms()
    return partial(services.pay_invoice, actor=ACTOR, invoice_id=invoice.id, terms=terms, key=make_key())


@pytest.fixture(autouse=True)
def _quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(db, "BASE_BACKOFF_SECONDS", 0.0001)


PREPARED = [
    _request_refund,
    _cancel_unsent,
    _cancel_in_flight,
    _confirm_late,
    _resolve,
    _dispose,
    _confirm_refund,
    _fail_refund,
    _take_back_refund,
    _close_difference,
    _issue_with_credit,
    _carry_over,
    _retry,
    _attach_method,
    _detach_method,
    _make_default,
    _announce_expiring,
    _pay_with_default,
]


@pytest.mark.parametrize("prepare", PREPARED)
def test_one_deadlock_anywhere_in_a_service_is_retried_whole(prepare: Callable[[], Callable[[], object]]) -> None:
    """Whatever statement is the victim: no error, and as many rows and events made and changed as without it."""
    act = prepare()
    with statements_counted() as usual:
        expected = done_by(act)
    assert usual.seen >= 2
    for n in range(1, usual.seen + 1):
        act = prepare()
        with deadlock_at(n) as faults:
            done = done_by(act)
        assert (done, faults.faults) == (expected, 1), (n, faults.failed)
    check_invariants()


def done_by(act: Callable[[], object]) -> dict[str, tuple[int, int]]:
    """How many rows `act` made and how many it changed, by table."""
    before = rows()
    act()
    return {name: _difference(before[name], after) for name, after in rows().items()}


def _difference(before: list[Row], after: list[Row]) -> tuple[int, int]:
    known = {row["id"]: row for row in before}
    return len(after) - len(before), sum(row["id"] in known and row != known[row["id"]] for row in after)
