"""Every write to payments and receipts."""

from payments.services.by_hand import (
    LateMoneyUnnamed,
    NotManual,
    ReferenceTaken,
    check_settled_by_hand,
    confirm_payment,
    fail_payment,
)
from payments.services.cancelling import cancel_payment, check_cancelable
from payments.services.disposing import (
    DISPOSITIONS,
    Disposition,
    NotDisposable,
    ReceiptNotFound,
    check_disposable,
    dispose_receipt,
)
from payments.services.expiring import announce_expiring
from payments.services.locks import PaymentNotFound
from payments.services.methods import (
    PaymentMethodDetached,
    PaymentMethodNotFound,
    PaymentMethodUnknown,
    ProviderUnavailable,
    attach_payment_method,
    check_attached,
    detach_payment_method,
    find_payment_method,
    make_default,
)
from payments.services.outcomes import EventResult
from payments.services.provider_events import apply_event, find_spoken_of
from payments.services.reconciliation import NobodyToAsk, check_reconcilable, reconcile, reconcile_now, sweep
from payments.services.refunds.by_hand import (
    RefundNotManual,
    RefundReferenceTaken,
    check_refund_settled_by_hand,
    confirm_refund,
    fail_refund,
)
from payments.services.refunds.locks import RefundNotFound
from payments.services.refunds.reconciliation import (
    RefundSettledByHand,
    check_refund_reconcilable,
    reconcile_refund,
    reconcile_refund_now,
    sweep_refunds,
)
from payments.services.refunds.requesting import check_refundable, refund_whole, request_refund
from payments.services.refunds.reserving import (
    PaymentDisputed,
    RefundAmountInvalid,
    RefundCurrencyDiffers,
    RefundTooLarge,
)
from payments.services.refunds.submission import submit_refund
from payments.services.requesting import (
    AmountDiffers,
    InvoiceNotPayable,
    PaymentAlreadyLive,
    pay_invoice,
    pay_order,
    request_payment,
)
from payments.services.resolving import Capture, NoMoneyKnown, check_resolvable, resolve_payment
from payments.services.retrying import retry_due
from payments.services.settlement import (
    DifferenceNotFound,
    DifferenceResolved,
    NoBooks,
    SettlementInterrupted,
    SettlementReport,
    WindowInvalid,
    check_closable,
    close_difference,
    recent_window,
    reconcile_recent_settlement,
    reconcile_settlement,
)
from payments.services.submission import submit
from payments.services.terms import (
    NothingToPayWith,
    PaymentMethodNotAttached,
    PaymentMethodUnusable,
    PaymentTerms,
    default_payment_method,
    means_for,
)

__all__ = [
    "DISPOSITIONS",
    "AmountDiffers",
    "Capture",
    "DifferenceNotFound",
    "DifferenceResolved",
    "Disposition",
    "EventResult",
    "InvoiceNotPayable",
    "LateMoneyUnnamed",
    "NoBooks",
    "NoMoneyKnown",
    "NobodyToAsk",
    "NotDisposable",
    "NotManual",
    "NothingToPayWith",
    "PaymentAlreadyLive",
    "PaymentDisputed",
    "PaymentMethodDetached",
    "PaymentMethodNotAttached",
    "PaymentMethodNotFound",
    "PaymentMethodUnknown",
    "PaymentMethodUnusable",
    "PaymentNotFound",
    "PaymentTerms",
    "ProviderUnavailable",
    "ReceiptNotFound",
    "ReferenceTaken",
    "RefundAmountInvalid",
    "RefundCurrencyDiffers",
    "RefundNotFound",
    "RefundNotManual",
    "RefundReferenceTaken",
    "RefundSettledByHand",
    "RefundTooLarge",
    "SettlementInterrupted",
    "SettlementReport",
    "WindowInvalid",
    "announce_expiring",
    "apply_event",
    "attach_payment_method",
    "cancel_payment",
    "check_attached",
    "check_cancelable",
    "check_closable",
    "check_disposable",
    "check_reconcilable",
    "check_refund_reconcilable",
    "check_refund_settled_by_hand",
    "check_refundable",
    "check_resolvable",
    "check_settled_by_hand",
    "close_difference",
    "confirm_payment",
    "confirm_refund",
    "default_payment_method",
    "detach_payment_method",
    "dispose_receipt",
    "fail_payment",
    "fail_refund",
    "find_payment_method",
    "find_spoken_of",
    "make_default",
    "means_for",
    "pay_invoice",
    "pay_order",
    "recent_window",
    "reconcile",
    "reconcile_now",
    "reconcile_recent_settlement",
    "reconcile_refund",
    "reconcile_refund_now",
    "reconcile_settlement",
    "refund_whole",
    "request_payment",
    "request_refund",
    "resolve_payment",
    "retry_due",
    "submit",
    "submit_refund",
    "sweep",
    "sweep_refunds",
]
