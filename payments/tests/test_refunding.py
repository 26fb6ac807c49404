"""Refunds are requested: once per key, out of what has been paid and is left, while nothing is under dispute."""

import threading

import pytest
from django.db import connection

from config.api.idempotency import IdempotencyKey, IdempotencyKeyReused
from config.kernel import db
from config.kernel.errors import ForbiddenTransition
from config.tests.test_mariadb import sent
from invoices.tests.factories import MERCHANT_KEY
from outbox.models import OutboxEvent
from payments import events, services
from payments.models import Payment, Refund
from payments.services.locks import lock
from payments.services.refunds import reserving
from payments.tests.factories import (
    SOFT,
    captured,
    make_key,
    make_paid,
    make_payment,
    make_refund,
    receipt_of,
    refunded,
    tell_dispute,
    tell_payment,
    tell_refund,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("invariants_hold")]


def request(payment: Payment, key: IdempotencyKey | None = None, **terms: object) -> Refund:
    key = key or make_key(operation="payments.refund")
    return services.request_refund(actor=MERCHANT_KEY, payment_id=payment.id, key=key, **terms).row  # type: ignore[arg-type]


def test_a_refund_reserves_what_it_will_give_back() -> None:
    """Nobody else can have it, and nothing has moved yet."""
    payment = make_paid(amount=1250)
    refund = request(payment, amount=400, reason="too small")
    assert (refund.status, refund.amount, refund.charge_reference) == ("created", 400, f"ch_{payment.id}")
    receipt = receipt_of(payment)
    assert (receipt.status, receipt.amount_refunding, receipt.amount_refunded) == ("applied", 400, 0)
    assert services.check_refundable(payment) == 850
    event = OutboxEvent.objects.get(type="refund.created")
    assert (event.aggregate_id, event.actor) == (payment.invoice_id, "api_key:key_test")


def test_without_an_amount_all_that_is_left_goes_back() -> None:
    """Whatever was refunded before."""
    payment = make_paid(amount=1250)
    request(payment, amount=400)
    assert request(payment).amount == 850


def test_one_key_is_one_refund() -> None:
    """Also when nothing is left by then, and never another input."""
    payment, key = make_paid(), make_key(operation="payments.refund")
    first = request(payment, key)
    again = services.request_refund(actor=MERCHANT_KEY, payment_id=payment.id, key=key)
    assert (again.row.id, again.is_new) == (first.id, False)
    other = IdempotencyKey(key.owner, key.operation, key.digest, "v1:other")
    with pytest.raises(IdempotencyKeyReused, match=first.id):
        request(payment, other, amount=1)
    assert receipt_of(payment).amount_refunding == payment.amount


def test_scar_saleor_apps_2446_two_equal_partial_refunds_are_two() -> None:
    """Only a key makes two requests one; each gets its own answer."""
    payment = make_paid(amount=1250)
    first, second = request(payment, amount=500), request(payment, amount=500)
    assert first.id != second.id
    for refund in (first, second):
        assert tell_refund(refund, refunded(refund)) == "applied"
    payment = Payment.objects.select_related("invoice").get(id=payment.id)
    assert (payment.status, payment.amount_refunded, payment.invoice.amount_refunded) == ("succeeded", 1000, 1000)


@pytest.mark.parametrize("amount", [0, -1])
def test_a_refund_is_over_at_least_one(amount: int) -> None:
    """The error says what is left."""
    payment = make_paid(amount=1250)
    with pytest.raises(services.RefundAmountInvalid, match="1250 EUR") as refused:
        request(payment, amount=amount)
    assert refused.value.attributes["amount_refundable"] == 1250


def test_more_than_is_left_is_refused() -> None:
    """What others have reserved is not left."""
    payment = make_paid(amount=1250)
    request(payment, amount=1000)
    with pytest.raises(services.RefundTooLarge, match="250 EUR") as refused:
        request(payment, amount=251)
    assert refused.value.attributes["amount_refundable"] == 250
    assert request(payment, amount=250).amount == 250
    with pytest.raises(services.RefundTooLarge, match=" 0 EUR"):
        request(payment)


def test_another_currency_is_refused() -> None:
    """Amounts are never converted."""
    with pytest.raises(services.RefundCurrencyDiffers, match="is in EUR, of which 1250"):
        request(make_paid(amount=1250), amount=5, currency="USD")


def test_what_has_not_been_settled_cannot_be_refunded() -> None:
    """A sentence that names the status."""
    with pytest.raises(ForbiddenTransition, match="Cannot refund payment in created status"):
        request(make_payment())


def test_an_open_dispute_blocks_refunds_and_a_lost_one_takes_its_part() -> None:
    """What the payer's bank has taken back is not given back again."""
    payment = make_paid(amount=1250)
    tell_dispute(payment, "opened", amount=1000)
    with pytest.raises(services.PaymentDisputed, match="1250 EUR"):
        request(payment, amount=1)
    tell_dispute(payment, "lost", amount=1000)
    with pytest.raises(services.RefundTooLarge, match="250 EUR"):
        request(payment, amount=251)
    assert request(payment).amount == 250


def test_after_a_won_dispute_all_can_be_refunded() -> None:
    """The money is ours again."""
    payment = make_paid(amount=1250)
    tell_dispute(payment, "opened")
    tell_dispute(payment, "won")
    assert request(payment).amount == 1250


def test_scar_lago_api_3308_a_refund_takes_the_payment_that_has_paid() -> None:
    """After a failed attempt the second one paid: the first has nothing to refund, the second names its own charge."""
    first = make_payment()
    tell_payment(first, SOFT)
    second = make_payment(invoice=first.invoice)
    tell_payment(second, captured(second))
    with pytest.raises(ForbiddenTransition, match="Cannot refund payment in failed status"):
        request(first)
    assert request(second).charge_reference == f"ch_{second.id}"


def test_late_money_of_a_failed_payment_can_be_refunded() -> None:
    """It has paid the invoice, whatever the payment is called."""
    payment = make_payment()
    tell_payment(payment, SOFT)
    tell_payment(payment, captured(payment))
    refund = make_refund(payment)
    tell_refund(refund, refunded(refund))
    payment = Payment.objects.select_related("invoice").get(id=payment.id)
    assert (payment.status, payment.amount_refunded, payment.invoice.amount_refunded) == ("failed", 1250, 1250)


def test_a_refund_of_nobodys_payment_is_not_found() -> None:
    """Text that is no id included."""
    with pytest.raises(services.PaymentNotFound):
        services.request_refund(actor=MERCHANT_KEY, payment_id="pay_nonsense", key=make_key())


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif("connection.vendor != 'mysql'", reason="counted by MariaDB")
def test_requesting_takes_thirteen_round_trips() -> None:
    """Replay?; BEGIN, find, locks, replay?, receipts, lost, dispute?, refund, receipt, invoice, event, COMMIT."""
    payment, key = make_paid(), make_key(operation="payments.refund")
    connection.ensure_connection()
    with sent() as counted:
        request(payment, key, amount=1)
    assert counted.statements == 13


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif("connection.vendor != 'mysql'", reason="SQLite has one writer at a time")
def test_scar_gumroad_6193_a_refund_heard_of_before_its_commit_waits_and_takes_effect_once() -> None:
    """Told three times: before the row can be seen nothing is known of it, afterwards one of them counts."""
    payment = make_paid()
    known: list[Refund] = []
    inserted, told = threading.Event(), threading.Event()

    @db.transaction(idempotent=False)
    def insert_slowly() -> None:
        invoice, _ = lock(payment.id)
        receipt = receipt_of(payment)
        refund = reserving.build(receipt=receipt, amount=1250, reason="")
        refund.save(force_insert=True)
        reserving.reserve(refund, receipt)
        reserving.record(invoice=invoice, refund=refund, event=events.RefundCreated, actor=MERCHANT_KEY)
        known.append(refund)
        inserted.set()
        told.wait(10)

    def run() -> None:
        insert_slowly()
        connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    inserted.wait(10)
    try:
        early = tell_refund(known[0], refunded(known[0]))
    finally:
        told.set()
        thread.join()
    assert early == "unknown_reference"
    assert [tell_refund(known[0], refunded(known[0])) for _ in range(3)] == ["applied", "stale", "stale"]
    assert Refund.objects.get().status == "succeeded"
