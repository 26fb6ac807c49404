"""Locks: the status is read after them, and nobody waits for them who need not."""

import threading
import time
from functools import partial

import pytest
from django.db import connections, transaction

from config.kernel import clock, db
from invoices.models import Invoice
from invoices.tests.factories import MERCHANT_KEY, make_invoice
from outbox.models import OutboxEvent
from payments import services
from payments.models import Payment
from payments.services import locks
from payments.tests.factories import make_key, make_payment
from tests.api import ApiConsumer
from tests.concurrency.threads import all_at_once
from tests.invariants import check_invariants

pytestmark = pytest.mark.django_db(transaction=True)
INNODB_VIEW_REFRESH_SECONDS = 0.2
"""The server renews its view of transactions only when nobody has looked for 0.1 s."""
TERMS = services.PaymentTerms(provider="simulated", payment_method="tok_visa")


def _someone_is_waiting_for_a_lock() -> bool:
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'")
        return bool(cursor.fetchone()[0])


def test_scar_killbill_809_what_changed_while_waiting_for_the_lock_counts() -> None:
    """Paying waits for the invoice, which is voided meanwhile: refused, not made on what was seen before."""
    invoice, locked = make_invoice(), threading.Event()

    def void() -> str:
        with transaction.atomic():
            Invoice.objects.select_for_update().get(id=invoice.id)
            locked.set()
            while not _someone_is_waiting_for_a_lock():
                time.sleep(INNODB_VIEW_REFRESH_SECONDS)
            Invoice.objects.filter(id=invoice.id).update(status="void")
        return "voided"

    def pay() -> str:
        assert locked.wait(10)
        with pytest.raises(services.InvoiceNotPayable, match="in void status"):
            services.pay_invoice(actor=MERCHANT_KEY, invoice_id=invoice.id, terms=TERMS, key=make_key())
        return "refused"

    assert all_at_once([void, pay]) == ["voided", "refused"]
    assert not Payment.objects.exists()


def test_eight_workers_that_submit_at_once_send_once() -> None:
    """All but one read the status after the first has claimed, and leave the payment alone."""
    payment = make_payment(provider="manual")
    all_at_once([lambda: services.submit(payment_id=payment.id)] * 8)
    log = OutboxEvent.objects.filter(aggregate_id=payment.invoice_id, type="payment.processing")
    assert log.count() == 1
    check_invariants()


def test_a_locked_invoice_does_not_hold_up_the_sweep() -> None:
    """Somebody sits on one row: the sweep passes over it at once and takes up the other payment."""
    stuck, free = make_payment(provider="manual"), make_payment(provider="manual")
    Payment.objects.update(available_at=clock.now())
    locked, swept = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            Invoice.objects.select_for_update().get(id=stuck.invoice_id)
            locked.set()
            assert swept.wait(10)

    def sweep() -> None:
        assert locked.wait(10)
        services.sweep()
        swept.set()

    all_at_once([hold, sweep])
    assert Payment.objects.get(id=free.id).status == "processing"
    assert Payment.objects.get(id=stuck.id).status == "created"


def test_one_bank_reference_confirmed_by_six_at_once_is_booked_once() -> None:
    """One 200; the others are told whose it is."""
    payments = [make_payment(provider="manual").id for _ in range(6)]
    secret = ApiConsumer().secret
    paths = [f"payments/{payment}/confirm" for payment in payments]
    calls = [partial(ApiConsumer(secret=secret).post, path, {"reference": "RF18"}) for path in paths]
    answers = all_at_once(calls)
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 5
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"reference_taken"}
    check_invariants()


def test_the_one_statement_that_locks_both_takes_the_invoice_first_and_reads_what_was_committed_meanwhile() -> None:
    """While it waits for the invoice, the payment is free for others, and what they change counts."""
    payment, locked = make_payment(provider="manual"), threading.Event()

    def hold_the_invoice() -> None:
        with transaction.atomic():
            Invoice.objects.select_for_update().get(id=payment.invoice_id)
            locked.set()
            while not _someone_is_waiting_for_a_lock():
                time.sleep(INNODB_VIEW_REFRESH_SECONDS)
            Payment.objects.select_for_update(nowait=True).get(id=payment.id)
            Payment.objects.filter(id=payment.id).update(failure_message="meanwhile")
            Invoice.objects.filter(id=payment.invoice_id).update(description="meanwhile")

    @db.transaction(idempotent=True)
    def lock_both() -> tuple[str, str]:
        invoice, found = locks.lock_both(payment)
        assert found.invoice is invoice
        return invoice.description, found.failure_message

    def wait() -> tuple[str, str]:
        assert locked.wait(10)
        return lock_both()

    assert all_at_once([hold_the_invoice, wait]) == [None, ("meanwhile", "meanwhile")]


def test_one_key_for_two_amounts_of_one_order_at_once_names_the_payment_it_made() -> None:
    """The second request waits for the order's invoice; that its amount differs is not what is wrong with it."""
    secret = ApiConsumer().secret
    for number in range(10):
        bodies = [
            {"order_id": f"order-{number}", "amount": amount, "currency": "EUR", "payment_method": "tok_visa"}
            for amount in (100, 200)
        ]
        calls = [partial(ApiConsumer(secret=secret).post, "payments", body, key=f"key-{number}") for body in bodies]
        answers = sorted(all_at_once(calls), key=lambda answer: answer.status_code)
        assert [answer.status_code for answer in answers] == [201, 409]
        assert answers[1].json()["code"] == "idempotency_key_reused"
        assert answers[0].json()["id"] in answers[1].json()["detail"]
