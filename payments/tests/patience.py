"""Waiting under the test clock: days pass at once, for the services as for the tests."""

import datetime

from config.kernel import clock
from config.test_clock.services import advance
from invoices.models import Invoice
from payments.models import Payment


def wait_until(moment: datetime.datetime | None) -> None:
    """Business time is then, or a moment later."""
    assert moment is not None
    advance(by=max(moment - clock.now(), datetime.timedelta(0)) + datetime.timedelta(milliseconds=1))


def wait_for(payment: Payment) -> datetime.timedelta:
    """Business time is when the payment is due; how long that was."""
    before = clock.now()
    wait_until(Payment.objects.get(id=payment.id).available_at)
    return clock.now() - before


def wait_for_next_attempt(invoice: Invoice) -> datetime.timedelta:
    """Business time is when the invoice is tried again; how long that was."""
    before = clock.now()
    wait_until(Invoice.objects.get(id=invoice.id).next_attempt_at)
    return clock.now() - before
