"""Every write to customers and invoices."""

from invoices.services.credit import (
    NotEnoughCredit,
    credit_balance,
    give_credit,
    grant_credit,
    revoke_credit,
)
from invoices.services.customers import (
    CustomerNotFound,
    add_customer,
    change_customer,
    create_customer,
    lock_customer,
    update_customer,
)
from invoices.services.issuing import (
    NumberTaken,
    OrderAmountDiffers,
    create_invoice,
    issue,
    issue_for_order,
)
from invoices.services.lines import (
    Line,
    NewInvoice,
)
from invoices.services.retry_policy import (
    RetryPolicy,
)
from invoices.services.reversing import (
    LineNotReversible,
    LinesReversed,
    ReversesTooMuch,
)
from invoices.services.settling import (
    InvoiceNotFound,
    apply_money,
    end_payment,
    lock_invoice,
    refund_money,
    start_payment,
    stop_retrying,
    void,
    void_invoice,
)

__all__ = [
    "CustomerNotFound",
    "InvoiceNotFound",
    "Line",
    "LineNotReversible",
    "LinesReversed",
    "NewInvoice",
    "NotEnoughCredit",
    "NumberTaken",
    "OrderAmountDiffers",
    "RetryPolicy",
    "ReversesTooMuch",
    "add_customer",
    "apply_money",
    "change_customer",
    "create_customer",
    "create_invoice",
    "credit_balance",
    "end_payment",
    "give_credit",
    "grant_credit",
    "issue",
    "issue_for_order",
    "lock_customer",
    "lock_invoice",
    "refund_money",
    "revoke_credit",
    "start_payment",
    "stop_retrying",
    "update_customer",
    "void",
    "void_invoice",
]
