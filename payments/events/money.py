"""What happens to receipts, refunds and disputes, in the log of the invoice."""

import datetime

from outbox.events import Event
from payments.models import Dispute, Receipt, Refund


class ReceiptEvent(Event):
    """Money that arrived, as it was right after the event, in minor units of `currency`."""

    receipt: str
    payment: str
    invoice: str
    status: str
    amount: int
    amount_applied: int
    amount_unapplied: int
    amount_refunding: int
    amount_refunded: int
    currency: str
    provider: str
    provider_account: str
    provider_reference: str


class ReceiptCreated(ReceiptEvent):
    type = "receipt.created"


class ReceiptApplied(ReceiptEvent):
    type = "receipt.applied"


class ReceiptRefunding(ReceiptEvent):
    type = "receipt.refunding"


class ReceiptRefunded(ReceiptEvent):
    type = "receipt.refunded"


class ReceiptRefundFailed(ReceiptEvent):
    """It is unapplied again."""

    type = "receipt.refund_failed"


class RefundEvent(Event):
    """A refund, as it was right after the event, in minor units of `currency`."""

    refund: str
    receipt: str
    payment: str
    invoice: str
    status: str
    amount: int
    currency: str
    amount_unapplied: int
    provider: str
    provider_account: str
    provider_reference: str | None
    failure_code: str


class RefundCreated(RefundEvent):
    type = "refund.created"


class RefundProcessing(RefundEvent):
    type = "refund.processing"


class RefundUnknown(RefundEvent):
    type = "refund.unknown"


class RefundSucceeded(RefundEvent):
    type = "refund.succeeded"


class RefundFailed(RefundEvent):
    type = "refund.failed"


class RefundReconcileRequested(RefundEvent):
    """Staff has the provider asked about it at once; not a change of state."""

    type = "refund.reconcile_requested"


class RefundReturned(RefundEvent):
    """It had succeeded, and its money came back: there is a receipt for it. Not a change of state."""

    type = "refund.returned"


class DisputeEvent(Event):
    """A dispute, as it was right after the event, in minor units of `currency`."""

    dispute: str
    receipt: str
    payment: str
    invoice: str
    status: str
    amount: int
    currency: str
    reason: str
    provider: str
    provider_account: str
    provider_reference: str
    evidence_due_at: datetime.datetime | None


class DisputeOpened(DisputeEvent):
    type = "dispute.opened"


class DisputeWon(DisputeEvent):
    type = "dispute.won"


class DisputeLost(DisputeEvent):
    type = "dispute.lost"


class DisputeReinstated(DisputeEvent):
    """It had been lost, and the provider has given the money back all the same; not a change of state."""

    type = "dispute.reinstated"


def of_receipt(event: type[ReceiptEvent], receipt: Receipt) -> ReceiptEvent:
    """`event` about `receipt` as it stands."""
    return event(
        receipt=receipt.id,
        payment=receipt.payment_id,
        invoice=receipt.invoice_id,
        status=receipt.status,
        amount=receipt.amount,
        amount_applied=receipt.amount_applied,
        amount_unapplied=receipt.amount_unapplied,
        amount_refunding=receipt.amount_refunding,
        amount_refunded=receipt.amount_refunded,
        currency=receipt.currency,
        provider=receipt.provider,
        provider_account=receipt.provider_account,
        provider_reference=receipt.provider_reference,
    )


def of_refund(event: type[RefundEvent], refund: Refund) -> RefundEvent:
    """`event` about `refund` as it stands."""
    return event(
        refund=refund.id,
        receipt=refund.receipt_id,
        payment=refund.payment_id,
        invoice=refund.invoice_id,
        status=refund.status,
        amount=refund.amount,
        currency=refund.currency,
        amount_unapplied=refund.amount_unapplied,
        provider=refund.provider,
        provider_account=refund.provider_account,
        provider_reference=refund.provider_reference,
        failure_code=refund.failure_code,
    )


def of_dispute(event: type[DisputeEvent], dispute: Dispute) -> DisputeEvent:
    """`event` about `dispute` as it stands."""
    return event(
        dispute=dispute.id,
        receipt=dispute.receipt_id,
        payment=dispute.payment_id,
        invoice=dispute.invoice_id,
        status=dispute.status,
        amount=dispute.amount,
        currency=dispute.currency,
        reason=dispute.reason,
        provider=dispute.provider,
        provider_account=dispute.provider_account,
        provider_reference=dispute.provider_reference,
        evidence_due_at=dispute.evidence_due_at,
    )
