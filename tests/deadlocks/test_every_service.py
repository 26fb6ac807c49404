"""A deadlock at every statement of what is called without a webhook: docs/decisions/0003-transactions.md."""

from collections.abc import Callable
from functools import partial

import pytest

from config.api.principals import system
from config.kernel import clock, db
from invoices.models import Invoice
from payments import services
from payments.models import Payment
from payments.tests.factories import make_key, make_payment
from tests.deadlocks.rows import rows
from tests.faults import deadlock_at
from tests.invariants import check_invariants
from webhooks.inbound.tests.sending import event_about, send

pytestmark = pytest.mark.django_db(transaction=True)
ACTOR = system("test")


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


def _retry() -> Callable[[], object]:
    _declined()
    return services.retry_due


@pytest.fixture(autouse=True)
def _quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(db, "BASE_BACKOFF_SECONDS", 0.0001)


@pytest.mark.parametrize("prepare", [_request_refund, _cancel_unsent, _cancel_in_flight, _retry])
def test_one_deadlock_anywhere_in_a_service_is_retried_whole(prepare: Callable[[], Callable[[], object]]) -> None:
    """Whatever statement is the victim: no error, and as many rows and events as without it."""
    expected = _made_by(prepare())
    injected = 0
    for n in range(1, 100):
        act = prepare()
        with deadlock_at(n) as faults:
            made = _made_by(act)
        assert made == expected, (n, faults.failed)
        if not faults.faults:
            break
        injected += 1
    assert injected >= 2
    check_invariants()


def _made_by(act: Callable[[], object]) -> dict[str, int]:
    """How many rows more there are after `act`."""
    before = rows()
    act()
    return {name: len(after) - len(before[name]) for name, after in rows().items()}
