"""What payments and their money look like on the wire."""

from payments.api.serializers.disputes import DisputeSerializer
from payments.api.serializers.methods import PaymentMethodInput, PaymentMethodSerializer
from payments.api.serializers.payments import (
    CancelInput,
    ConfirmInput,
    FailInput,
    PaymentInput,
    PaymentSerializer,
    ResolveInput,
    TermsInput,
)
from payments.api.serializers.receipts import DisposeInput, ReceiptSerializer
from payments.api.serializers.refunds import RefundConfirmInput, RefundFailInput, RefundInput, RefundSerializer

__all__ = [
    "CancelInput",
    "ConfirmInput",
    "DisposeInput",
    "DisputeSerializer",
    "FailInput",
    "PaymentInput",
    "PaymentMethodInput",
    "PaymentMethodSerializer",
    "PaymentSerializer",
    "ReceiptSerializer",
    "RefundConfirmInput",
    "RefundFailInput",
    "RefundInput",
    "RefundSerializer",
    "ResolveInput",
    "TermsInput",
]
