"""Every write to payments and receipts."""

from payments.services.locks import PaymentNotFound
from payments.services.manual import NotManual, ReferenceTaken, check_settled_by_hand, confirm_payment, fail_payment
from payments.services.outcomes import EventResult
from payments.services.provider_events import apply_event, find_spoken_of
from payments.services.reconciliation import reconcile, sweep
from payments.services.refunding import (
    PaymentDisputed,
    RefundAmountInvalid,
    RefundCurrencyDiffers,
    RefundTooLarge,
    check_refundable,
    request_refund,
)
from payments.services.requesting import (
    AmountDiffers,
    InvoiceNotPayable,
    PaymentAlreadyLive,
    PaymentTerms,
    pay_invoice,
    pay_order,
)
from payments.services.submission import submit

__all__ = [
    "AmountDiffers",
    "EventResult",
    "InvoiceNotPayable",
    "NotManual",
    "PaymentAlreadyLive",
    "PaymentDisputed",
    "PaymentNotFound",
    "PaymentTerms",
    "ReferenceTaken",
    "RefundAmountInvalid",
    "RefundCurrencyDiffers",
    "RefundTooLarge",
    "apply_event",
    "check_refundable",
    "check_settled_by_hand",
    "confirm_payment",
    "fail_payment",
    "find_spoken_of",
    "pay_invoice",
    "pay_order",
    "reconcile",
    "request_refund",
    "submit",
    "sweep",
]
