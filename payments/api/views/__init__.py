"""Payments and their money over HTTP: parse, one service call, translate."""

from payments.api.views.disputes import DisputeDetail, DisputeList
from payments.api.views.methods import PaymentMethodDefault, PaymentMethodDetail, PaymentMethodList
from payments.api.views.payments import (
    InvoicePay,
    PaymentCancel,
    PaymentConfirm,
    PaymentDetail,
    PaymentFail,
    PaymentList,
    PaymentResolve,
)
from payments.api.views.receipts import ReceiptDetail, ReceiptDispose, ReceiptList
from payments.api.views.refunds import PaymentRefund, RefundConfirm, RefundDetail, RefundFail, RefundList

__all__ = [
    "DisputeDetail",
    "DisputeList",
    "InvoicePay",
    "PaymentCancel",
    "PaymentConfirm",
    "PaymentDetail",
    "PaymentFail",
    "PaymentList",
    "PaymentMethodDefault",
    "PaymentMethodDetail",
    "PaymentMethodList",
    "PaymentRefund",
    "PaymentResolve",
    "ReceiptDetail",
    "ReceiptDispose",
    "ReceiptList",
    "RefundConfirm",
    "RefundDetail",
    "RefundFail",
    "RefundList",
]
