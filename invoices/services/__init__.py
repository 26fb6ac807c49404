"""Every write to customers and invoices."""

from invoices.services.customers import (
    CustomerNotFound,
    add_customer,
    change_customer,
    create_customer,
    lock_customer,
    update_customer,
)
from invoices.services.issuing import (
    Line,
    NewInvoice,
    NumberTaken,
    OrderAmountDiffers,
    create_invoice,
    issue_for_order,
)
from invoices.services.retry_policy import RetryPolicy
from invoices.services.settling import (
    InvoiceNotFound,
    apply_money,
    end_payment,
    lock_invoice,
    refund_money,
    start_payment,
    stop_retrying,
    void_invoice,
)

__all__ = [
    "CustomerNotFound",
    "InvoiceNotFound",
    "Line",
    "NewInvoice",
    "NumberTaken",
    "OrderAmountDiffers",
    "RetryPolicy",
    "add_customer",
    "apply_money",
    "change_customer",
    "create_customer",
    "create_invoice",
    "end_payment",
    "issue_for_order",
    "lock_customer",
    "lock_invoice",
    "refund_money",
    "start_payment",
    "stop_retrying",
    "update_customer",
    "void_invoice",
]
