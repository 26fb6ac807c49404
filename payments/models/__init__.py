"""Payments (attempts at an invoice), receipts (money that arrived), refunds and disputes (money that went back).

And what customers pay with; and settlement: the provider's books beside ours.
"""

from payments.models.disputes import Dispute
from payments.models.methods import PaymentMethod
from payments.models.payments import Payment
from payments.models.receipts import Receipt
from payments.models.refunds import Refund
from payments.models.settlement import Difference, SettlementLine, SettlementRun

__all__ = [
    "Difference",
    "Dispute",
    "Payment",
    "PaymentMethod",
    "Receipt",
    "Refund",
    "SettlementLine",
    "SettlementRun",
]
