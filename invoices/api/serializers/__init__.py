"""What customers and invoices look like on the wire."""

from invoices.api.serializers.customers import (
    BalanceSerializer,
    BalancesSerializer,
    CreditInput,
    CreditSerializer,
    CustomerChanges,
    CustomerInput,
    CustomerSerializer,
)
from invoices.api.serializers.invoices import (
    InvoiceInput,
    InvoiceSerializer,
    InvoiceSummarySerializer,
    LineInput,
    LineSerializer,
    RetryPolicyInput,
    RetryPolicySerializer,
)

__all__ = [
    "BalanceSerializer",
    "BalancesSerializer",
    "CreditInput",
    "CreditSerializer",
    "CustomerChanges",
    "CustomerInput",
    "CustomerSerializer",
    "InvoiceInput",
    "InvoiceSerializer",
    "InvoiceSummarySerializer",
    "LineInput",
    "LineSerializer",
    "RetryPolicyInput",
    "RetryPolicySerializer",
]
