"""Money for operations to be about: a refund, a receipt and a dispute, as paths and bodies need one."""

from invoices.tests.factories import MERCHANT_KEY
from payments import services
from payments.models import Dispute, Payment, Receipt, Refund
from payments.tests.factories import captured, make_key, make_payment, tell_dispute, tell_payment


def succeeded() -> Payment:
    """It can be refunded."""
    payment = make_payment()
    tell_payment(payment, captured(payment))
    return payment


def in_review() -> Payment:
    """The provider has captured less than was asked for, which pays nothing."""
    payment = make_payment()
    tell_payment(payment, captured(payment, amount=1000))
    return payment


def manual_refund() -> Refund:
    """It waits for somebody to say that the bank has sent it."""
    payment = make_payment(provider="manual", token="")
    services.confirm_payment(actor=MERCHANT_KEY, payment_id=payment.id)
    return services.request_refund(actor=MERCHANT_KEY, payment_id=payment.id, amount=100, key=make_key()).row


def disputed() -> Dispute:
    """The provider has not judged it."""
    payment = succeeded()
    tell_dispute(payment, "opened", reference=f"dp_{payment.id}")
    return Dispute.objects.get(payment=payment)


def make_money() -> list[str]:
    """Ids of a refund, a receipt and a dispute."""
    return [manual_refund().id, Receipt.objects.get(payment=in_review()).id, disputed().id]


def money_for_bodies() -> dict[str, str]:
    """By the names of ids in paths."""
    return {
        "succeeded_id": succeeded().id,
        "review_id": in_review().id,
        "refund_id": manual_refund().id,
        "receipt_id": Receipt.objects.get(payment=in_review()).id,
    }
