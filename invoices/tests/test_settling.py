"""What payments do to an invoice: money is applied and given back with its tax, and what is left is voided."""

from collections.abc import Callable

import pytest

from config.kernel import clock, db
from invoices import services
from invoices.ledger import services as ledger
from invoices.models import Invoice
from invoices.tests.factories import MERCHANT_KEY, make_invoice

pytestmark = pytest.mark.django_db


def make_taxed(net: int, tax: int) -> Invoice:
    return make_invoice(lines=[services.Line(unit_amount=net, tax_amount=tax)])


@db.transaction(idempotent=False)
def pay(invoice: Invoice, amount: int) -> Invoice:
    locked = services.lock_invoice(invoice.id)
    services.apply_money(invoice=locked, receipt_id="rct_1", amount=amount, actor=MERCHANT_KEY)
    return locked


@db.transaction(idempotent=False)
def refund(invoice: Invoice, amount: int) -> None:
    locked = services.lock_invoice(invoice.id)
    refund_id = f"re_{locked.amount_refunded}"
    services.refund_money(invoice=locked, refund_id=refund_id, amount=amount, holder="bank")


@db.transaction(idempotent=False)
def pay_rest(invoice: Invoice) -> None:
    locked = services.lock_invoice(invoice.id)
    services.apply_money(invoice=locked, receipt_id="rct_2", amount=locked.amount_due, actor=MERCHANT_KEY)


def balance(account: str) -> int:
    return ledger.balances()[account, "EUR"]


def test_refunds_take_their_part_of_the_tax_with_them() -> None:
    """In whatever steps: of 1190 with 190 tax, 400 takes 64 (63.87), 400 more takes 64 (127.73), the rest 62."""
    invoice = make_taxed(1000, 190)
    pay(invoice, 1190)
    owed = []
    for amount in (400, 400, 390):
        refund(invoice, amount)
        owed.append((balance("refunds"), balance("tax_payable"), balance("bank")))
    assert owed == [(336, -126, -400), (672, -62, -800), (1000, 0, -1190)]
    assert Invoice.objects.get().amount_refunded == 1190


def test_voiding_takes_back_what_nobody_has_paid_and_its_tax() -> None:
    """Of 1190 with 190 tax 595 is paid: half of revenue and tax stays, and nobody owes anything."""
    invoice = make_taxed(1000, 190)
    pay(invoice, 595)
    before = clock.now()
    services.void_invoice(actor=MERCHANT_KEY, invoice_id=invoice.id)
    assert (balance("receivable"), balance("revenue"), balance("tax_payable")) == (0, -500, -95)
    voided_at = Invoice.objects.get().voided_at
    assert voided_at is not None
    assert before <= voided_at <= clock.now()


def test_an_invoice_says_when_it_was_paid() -> None:
    """Not before all of it is."""
    invoice = make_invoice(1000)
    pay(invoice, 999)
    assert Invoice.objects.get().paid_at is None
    before = clock.now()
    pay_rest(invoice)
    stored = Invoice.objects.get()
    assert stored.paid_at is not None
    assert (stored.status, before <= stored.paid_at <= clock.now()) == ("paid", True)


def test_money_for_a_part_ends_the_schedule_of_retries() -> None:
    """The rest is not charged by itself, and is due."""
    invoice = make_invoice(1000)
    Invoice.objects.filter(id=invoice.id).update(next_attempt_at=clock.now())
    assert pay(invoice, 999).status == "open"
    stored = Invoice.objects.get()
    assert (stored.next_attempt_at, stored.amount_paid, stored.amount_due) == (None, 999, 1)


STEPS: dict[str, Callable[[Invoice], object]] = {
    "lock": lambda invoice: services.lock_invoice(invoice.id),
    "start": lambda invoice: services.start_payment(invoice=invoice, actor=MERCHANT_KEY),
    "end": lambda invoice: services.end_payment(invoice=invoice, may_retry=True, actor=MERCHANT_KEY),
    "stop retrying": lambda invoice: services.stop_retrying(invoice=invoice),
    "apply": lambda invoice: services.apply_money(invoice=invoice, receipt_id="rct_1", amount=1, actor=MERCHANT_KEY),
    "refund": lambda invoice: services.refund_money(invoice=invoice, refund_id="re_1", amount=1, holder="bank"),
}


@pytest.mark.parametrize("step", STEPS)
def test_a_step_without_a_transaction_does_nothing(step: str) -> None:
    """Neither to the row nor to the object: half of it would stay."""
    status = "processing" if step == "end" else "open"
    Invoice.objects.filter(id=make_invoice().id).update(status=status, next_attempt_at=None)
    invoice = Invoice.objects.get()
    if step == "stop retrying":
        invoice.next_attempt_at = clock.now()
    before = invoice.__dict__ | {"_state": None}
    with pytest.raises(db.NotInTransaction):
        STEPS[step](invoice)
    assert invoice.__dict__ | {"_state": None} == before
    assert Invoice.objects.values("status", "amount_paid", "amount_refunded", "attempts").get() == {
        "status": status,
        "amount_paid": 0,
        "amount_refunded": 0,
        "attempts": 0,
    }
