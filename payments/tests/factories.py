"""Payments made through the services, and what providers say about them."""

import uuid
from typing import Any

from config.api.idempotency import IdempotencyKey
from config.kernel import clock, db
from invoices.models import Customer, Invoice
from invoices.tests.factories import MERCHANT_KEY, make_customer, make_invoice
from payments import services
from payments.models import Payment, PaymentMethod, Receipt, Refund
from payments.providers.base import Declined, DisputeNews, Outcome, ProviderEvent, Succeeded
from payments.tests.simulator import simulated_in_process

SOFT = Declined(code="insufficient_funds", retryable=True)
HARD = Declined(code="stolen_card", retryable=False)


def make_key(fingerprint: str = "v1:same", operation: str = "invoices.pay") -> IdempotencyKey:
    """A key nobody has used."""
    return IdempotencyKey(owner="merchant", operation=operation, digest=uuid.uuid4().hex * 2, fingerprint=fingerprint)


def make_payment(*, invoice: Invoice | None = None, provider: str = "simulated", token: str = "tok_visa") -> Payment:
    """A payment that nobody has sent yet."""
    invoice = invoice or make_invoice()
    terms = services.PaymentTerms(provider=provider, payment_method=token)
    return services.pay_invoice(actor=MERCHANT_KEY, invoice_id=invoice.id, terms=terms, key=make_key()).row


def make_method(customer: Customer | None = None, *, token: str = "tok_visa", default: bool = False) -> PaymentMethod:
    """What a customer pays with, as a simulator in this process describes it."""
    with simulated_in_process():
        created = services.attach_payment_method(
            actor=MERCHANT_KEY,
            customer_id=(customer or make_customer()).id,
            token=token,
            provider="simulated",
            make_default=default,
        )
    return created.row


def captured(
    payment: Payment, *, reference: str | None = None, amount: int | None = None, currency: str = ""
) -> Succeeded:
    """The provider says it has the money of `payment`."""
    return Succeeded(
        reference=reference or f"ch_{payment.id}",
        amount=payment.amount if amount is None else amount,
        currency=currency or payment.currency,
        account=payment.provider_account,
    )


def make_paid(*, amount: int = 1250, currency: str = "EUR") -> Payment:
    """A payment that has paid its invoice, by the charge `ch_<its id>`."""
    payment = make_payment(invoice=make_invoice(amount, currency))
    tell_payment(payment, captured(payment))
    return payment


def make_refund(payment: Payment, amount: int | None = None) -> Refund:
    """A refund that nobody has sent yet."""
    key = make_key(operation="payments.refund")
    return services.request_refund(actor=MERCHANT_KEY, payment_id=payment.id, key=key, amount=amount).row


@db.transaction(idempotent=False)
def hear(event: ProviderEvent) -> str:
    """As a verified webhook brings it."""
    return services.apply_event(provider="simulated", event=event).value


def tell_payment(payment: Payment, outcome: Outcome, **changes: Any) -> str:
    """The provider says `outcome` of the payment's charge; what became of that."""
    return hear(_event(payment, outcome=outcome, **{"our_reference": payment.id} | changes))


def tell_refund(refund: Refund, outcome: Outcome, **changes: Any) -> str:
    """The provider says `outcome` of a refund that it knows as `rf_<our id>`."""
    told = {
        "our_reference": refund.id,
        "refund_reference": f"rf_{refund.id}",
        "charge_reference": refund.charge_reference,
        "amount": refund.amount,
        "currency": refund.currency,
    }
    return hear(_event(refund.payment, refund_outcome=outcome, **told | changes))


def tell_dashboard_refund(payment: Payment, outcome: Outcome, *, reference: str, amount: int, **changes: Any) -> str:
    """The provider says `outcome` of a refund of the payment's charge that was made on its own pages."""
    told = {"refund_reference": reference, "amount": amount}
    return hear(_event(payment, refund_outcome=outcome, **told | changes))


def tell_dispute(
    payment: Payment,
    status: Any,
    *,
    reference: str = "dp_1",
    amount: int | None = None,
    reason: str = "fraudulent",
    **changes: Any,
) -> str:
    """The provider says "opened", "won" or "lost" of a dispute of the payment's charge."""
    news = DisputeNews(
        status=status,
        amount=payment.amount if amount is None else amount,
        currency=payment.currency,
        reason=reason,
    )
    return hear(_event(payment, dispute=news, dispute_reference=reference, **changes))


def refunded(refund: Refund, **changes: Any) -> Succeeded:
    """The provider says it has given the money of `refund` back."""
    facts = {
        "reference": f"rf_{refund.id}",
        "amount": refund.amount,
        "currency": refund.currency,
        "account": refund.provider_account,
    }
    return Succeeded(**facts | changes)


def receipt_of(payment: Payment) -> Receipt:
    """Its only one, as it is now."""
    return Receipt.objects.get(payment=payment)


def _event(payment: Payment, **facts: Any) -> ProviderEvent:
    usual = {
        "type": "told",
        "account": payment.provider_account,
        "our_reference": "",
        "charge_reference": f"ch_{payment.id}",
        "amount": payment.amount,
        "currency": payment.currency,
    }
    return ProviderEvent(id=f"evt_{uuid.uuid4().hex}", created_at=clock.now(), **usual | facts)
