"""Payments, refunds, receipts and disputes: looked at, and settled by staff where no provider can; payment methods."""

from payments.admin.disputes import attention_disputes, timeline_disputes
from payments.admin.methods import PaymentMethodAdmin
from payments.admin.payments import attention_payments, timeline_payments
from payments.admin.receipts import attention_receipts, timeline_receipts
from payments.admin.refunds import attention_refunds, timeline_refunds
from payments.admin.settlement import attention_settlement

__all__ = [
    "PaymentMethodAdmin",
    "attention_disputes",
    "attention_payments",
    "attention_receipts",
    "attention_refunds",
    "attention_settlement",
    "timeline_disputes",
    "timeline_payments",
    "timeline_receipts",
    "timeline_refunds",
]
