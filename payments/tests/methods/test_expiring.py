"""A payment method that expires soon is announced once."""

import datetime

import pytest

from config.kernel import clock
from config.test_clock.services import advance
from invoices.models import Customer
from invoices.tests.factories import MERCHANT_KEY, make_customer
from outbox.models import OutboxEvent
from payments import services, tasks
from payments.models import PaymentMethod
from payments.services import expiring
from payments.tests.factories import make_method
from payments.tests.methods.asking import log_of
from payments.tests.patience import wait_until

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("movable_clock")]
UTC = datetime.UTC


def test_it_is_announced_thirty_days_before_its_month_ends_and_once() -> None:
    """In the customer's log, without the token."""
    customer = make_customer()
    method = make_method(customer)
    assert (method.exp_month, method.exp_year) == (12, 2034)
    assert method.notice_due_at == datetime.datetime(2034, 12, 2, tzinfo=UTC)
    wait_until(method.notice_due_at - datetime.timedelta(seconds=60))
    assert services.announce_expiring() == 0
    advance(by=datetime.timedelta(seconds=61))
    assert [services.announce_expiring() for _ in range(2)] == [1, 0]
    told = OutboxEvent.objects.get(type="payment_method.expiring")
    assert told.aggregate_id == customer.id
    assert told.data == {
        "payment_method": method.id,
        "customer": customer.id,
        "provider": "simulated",
        "provider_account": "acct_simulated",
        "brand": "visa",
        "last4": "4242",
        "exp_month": 12,
        "exp_year": 2034,
        "is_default": True,
    }


def test_one_that_is_detached_is_not_announced() -> None:
    """Nobody pays with it any more; nor is one that had expired when it came."""
    customer = make_customer()
    gone, expired = make_method(customer), make_method(customer, token="tok_declined_expired")
    services.detach_payment_method(actor=MERCHANT_KEY, method_id=gone.id)
    assert expired.notice_due_at is None
    advance(by=datetime.timedelta(days=365 * 9))
    assert services.announce_expiring() == 0
    assert "payment_method.expiring" not in log_of(customer)


def test_one_that_was_detached_meanwhile_is_left_alone() -> None:
    """It had been found due before."""
    method = make_method()
    services.detach_payment_method(actor=MERCHANT_KEY, method_id=method.id)
    assert not expiring._announce(method.customer_id, method.id)
    assert not OutboxEvent.objects.filter(type="payment_method.expiring").exists()


def test_one_that_cannot_be_announced_is_put_off_and_stops_no_other() -> None:
    """The events of its customer do not add up: the next one's number is taken."""
    bad, good = make_method(), make_method()
    PaymentMethod.objects.update(notice_due_at=clock.now())
    sequence = Customer.objects.get(id=bad.customer_id).event_sequence
    Customer.objects.filter(id=bad.customer_id).update(event_sequence=0)
    assert services.announce_expiring() == 1
    assert OutboxEvent.objects.get(type="payment_method.expiring").aggregate_id == good.customer_id
    put_off = PaymentMethod.objects.get(id=bad.id)
    assert put_off.notice_due_at is not None
    assert put_off.notice_due_at > clock.now()
    Customer.objects.filter(id=bad.customer_id).update(event_sequence=sequence)
    wait_until(put_off.notice_due_at)
    assert tasks.announce_expiring.apply().get() == 1
