"""Money that has arrived: booked once per capture, and applied to the invoice it pays. Requires the invoice's lock."""

from collections.abc import Iterable

from config.api.principals import Principal
from config.kernel import clock, db
from config.kernel.prepared import Select
from invoices import services as invoices
from invoices.ledger import accounts
from invoices.ledger import services as ledger
from invoices.ledger.models import JournalKind
from invoices.models import Invoice
from outbox import services as outbox
from outbox.states import advance
from payments import events
from payments.models import Payment, Receipt, Refund
from payments.providers import registry
from payments.providers.base import Succeeded
from payments.states import DisputeStatus, ReceiptStatus

_held = Select(Receipt.objects.filter(amount_unapplied__gt=0).order_by("id"), "invoice")
_by_capture = Select(Receipt.objects.all(), "provider", "provider_account", "provider_reference")


def booked_for(payment: Payment, outcome: Succeeded) -> str | None:
    """The id of the payment for which this capture has been booked already."""
    receipt = _by_capture.one(payment.provider, outcome.account, outcome.reference)
    return receipt.payment_id if receipt else None


def book(*, invoice: Invoice, payment: Payment, outcome: Succeeded, actor: Principal, reason: str) -> Receipt:
    """The receipt of a capture nobody has booked, unapplied, with its journal; written as it is before the commit."""
    receipt = Receipt(
        payment=payment,
        invoice=invoice,
        provider=payment.provider,
        provider_account=outcome.account,
        provider_reference=outcome.reference,
        amount=outcome.amount,
        amount_unapplied=outcome.amount,
        currency=outcome.currency,
        received_at=clock.now(),
    )
    _book(receipt, JournalKind.CAPTURE, invoice=invoice, actor=actor, reason=reason)
    return receipt


def book_returned(*, invoice: Invoice, refund: Refund, actor: Principal, reason: str) -> Receipt:
    """The receipt of a refund's money that came back after the refund had succeeded: unapplied, with its journal.

    It is known by the refund's id: by the refund's own reference a bank may know other money, which is a receipt too.
    """
    receipt = Receipt(
        payment_id=refund.payment_id,
        invoice=invoice,
        returned_refund=refund,
        provider=refund.provider,
        provider_account=refund.provider_account,
        provider_reference=refund.id,
        amount=refund.amount,
        amount_unapplied=refund.amount,
        currency=refund.currency,
        received_at=clock.now(),
    )
    _book(receipt, JournalKind.REFUND_RETURNED, invoice=invoice, actor=actor, reason=reason)
    return receipt


def _book(receipt: Receipt, kind: JournalKind, *, invoice: Invoice, actor: Principal, reason: str) -> None:
    db.insert_before_commit(receipt)
    event = events.of_receipt(events.ReceiptCreated, receipt)
    outbox.record(source=invoice, event=event, actor=actor, reason=reason)
    ledger.post(
        kind=kind,
        source=receipt.id,
        invoice_id=invoice.id,
        currency=receipt.currency,
        debit=holder(receipt.provider),
        credit=accounts.UNAPPLIED,
        amount=receipt.amount,
    )


def pays(receipt: Receipt, invoice: Invoice) -> bool:
    """Whether it pays by itself: exactly what is due, in the account that was asked for it, and nobody's dispute.

    A receipt pays once. What does not is for staff to decide about.
    """
    fits = (receipt.amount_unapplied, receipt.currency) == (invoice.amount_due, invoice.currency)
    if not fits or receipt.status != ReceiptStatus.UNAPPLIED:
        return False
    if receipt.provider_account != receipt.payment.provider_account:
        return False
    return not receipt.disputes.exclude(status=DisputeStatus.WON).filter(reinstated_at=None).exists()


def apply(*, invoice: Invoice, receipt: Receipt, actor: Principal, reason: str) -> None:
    """The receipt pays the invoice, as far as it reaches and something is due. Same currency."""
    assert receipt.currency == invoice.currency, receipt.id
    amount = min(receipt.amount_unapplied, invoice.amount_due)
    receipt.amount_applied += amount
    receipt.amount_unapplied -= amount
    move(invoice=invoice, receipt=receipt, action="apply", event=events.ReceiptApplied, actor=actor, reason=reason)
    invoices.apply_money(invoice=invoice, receipt_id=receipt.id, amount=amount, actor=actor, reason=reason)


def move(
    *,
    invoice: Invoice,
    receipt: Receipt,
    action: str,
    event: type[events.ReceiptEvent],
    actor: Principal,
    reason: str,
) -> None:
    """The one step: transition, record, save the status and the amounts."""
    advance(receipt, action)
    outbox.record(source=invoice, event=events.of_receipt(event, receipt), actor=actor, reason=reason)
    save(receipt)


def save(receipt: Receipt) -> None:
    """Its status and amounts."""
    db.save(
        receipt,
        update_fields=["status", "amount_applied", "amount_unapplied", "amount_refunding", "amount_refunded"],
    )


def held_for(invoice: Invoice) -> Iterable[Receipt]:
    """Oldest first: what arrived for the invoice and has paid nothing.

    Receipts change only under their invoice's lock, so they need none of their own; taking it would wait for other
    invoices' uncommitted receipts wherever the database reads by status.
    """
    return _held.all(invoice.id)


def holder(provider: str) -> str:
    """The account that holds what was captured: the provider's clearing account, or our bank for manual payments."""
    return accounts.clearing(provider) if registry.get(provider).settles_itself else accounts.BANK
