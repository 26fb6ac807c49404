"""Several sweeps make the next payments of the same invoices at the same moment, on MariaDB."""

from functools import partial

import pytest
from django.conf import LazySettings

from config.api.principals import system
from config.kernel import db
from payments import services
from payments.models import Payment
from payments.providers.base import Declined
from payments.services.locks import lock
from payments.services.outcomes import apply_outcome
from payments.tests.factories import make_payment
from payments.tests.patience import wait_for_next_attempt
from tests.concurrency.threads import all_at_once
from tests.invariants import check_invariants

pytestmark = pytest.mark.django_db(transaction=True)


@db.transaction(idempotent=False)
def decline(payment: Payment) -> None:
    invoice, locked = lock(payment.id)
    outcome = Declined(code="insufficient_funds", retryable=True)
    apply_outcome(invoice=invoice, payment=locked, outcome=outcome, actor=system("test"))


@pytest.mark.parametrize("rounds", [10, pytest.param(200, marks=pytest.mark.long)])
def test_two_sweeps_at_once_make_one_payment(settings: LazySettings, rounds: int) -> None:
    """Each of three invoices has exactly one second attempt."""
    settings.TEST_CLOCK = True
    for _ in range(rounds):
        payments = [make_payment() for _ in range(3)]
        for payment in payments:
            decline(payment)
            wait_for_next_attempt(payment.invoice)
        made = all_at_once([partial(services.retry_due) for _ in range(2)])
        made.append(services.retry_due())
        assert sum(made) == 3
        for payment in payments:
            assert Payment.objects.filter(invoice_id=payment.invoice_id).count() == 2
    check_invariants()
