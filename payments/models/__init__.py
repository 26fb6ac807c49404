"""Payments (attempts at an invoice), receipts (money that arrived), refunds and disputes (money that went back)."""

from payments.models.disputes import Dispute
from payments.models.payments import Payment
from payments.models.receipts import Receipt
from payments.models.refunds import Refund

__all__ = ["Dispute", "Payment", "Receipt", "Refund"]
