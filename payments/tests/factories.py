"""Payments made through the services, and what providers say about them."""

import uuid

from config.api.idempotency import IdempotencyKey
from invoices.models import Invoice
from invoices.tests.factories import MERCHANT_KEY, make_invoice
from payments import services
from payments.models import Payment
from payments.providers.base import Succeeded


def make_key(fingerprint: str = "v1:same", operation: str = "invoices.pay") -> IdempotencyKey:
    """A key nobody has used."""
    return IdempotencyKey(owner="merchant", operation=operation, digest=uuid.uuid4().hex * 2, fingerprint=fingerprint)


def make_payment(*, invoice: Invoice | None = None, provider: str = "simulated", token: str = "tok_visa") -> Payment:
    """A payment that nobody has sent yet."""
    invoice = invoice or make_invoice()
    terms = services.PaymentTerms(provider=provider, payment_method=token)
    return services.pay_invoice(actor=MERCHANT_KEY, invoice_id=invoice.id, terms=terms, key=make_key()).row


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
