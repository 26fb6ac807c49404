"""Finding the payment a provider event speaks of, and applying what it says."""

from config.api.principals import Principal
from config.kernel import correlation, db
from config.kernel.prepared import Select
from invoices.models import Invoice
from payments.models import Payment
from payments.providers.base import Outcome, Pending, ProviderEvent, Succeeded
from payments.services.locks import lock_both
from payments.services.outcomes import EventResult, apply_outcome, refuse

_by_our_reference = Select(Payment.objects.all(), "id", "provider")
_by_charge = Select(Payment.objects.order_by("id"), "provider", "provider_account", "provider_reference", limit=1)


def apply_event(*, provider: str, event: ProviderEvent) -> EventResult:
    """Requires a transaction. Found by our reference, else by the provider's; UNHANDLED when it has no outcome."""
    db.require_transaction()
    if event.outcome is None:
        return EventResult.UNHANDLED
    unlocked = find_spoken_of(
        provider=provider,
        account=event.account,
        our_reference=event.our_reference,
        charge_reference=event.charge_reference,
    )
    if unlocked is None:
        return EventResult.UNKNOWN_REFERENCE
    invoice, payment = lock_both(unlocked)
    correlation.note(payment_id=payment.id, invoice_id=invoice.id, payment_correlation_id=payment.correlation_id)
    with correlation.bind(payment.correlation_id or correlation.current()):
        return _apply(provider, event, event.outcome, invoice, payment)


def _apply(provider: str, event: ProviderEvent, outcome: Outcome, invoice: Invoice, payment: Payment) -> EventResult:
    """What it causes belongs to the request that asked for the payment; docs/decisions/0013-observability.md."""
    actor = Principal(kind="provider", id=provider)
    mismatch = "" if isinstance(outcome, Succeeded) else _mismatch(payment, event)
    if mismatch and isinstance(outcome, Pending):
        return EventResult.STALE
    if mismatch:
        reason = f"{event.type} over {mismatch}"
        return refuse(invoice=invoice, payment=payment, reference=event.charge_reference, actor=actor, reason=reason)
    return apply_outcome(invoice=invoice, payment=payment, outcome=outcome, actor=actor, reason=event.type)


def _mismatch(payment: Payment, event: ProviderEvent) -> str:
    """What the event says that the payment is not; a capture's own amounts are compared when it is booked."""
    if event.account != payment.provider_account:
        return f"account {event.account}"
    if event.amount not in (None, payment.amount) or event.currency not in ("", payment.currency):
        return f"{event.amount} {event.currency}"
    return ""


def find_spoken_of(*, provider: str, account: str, our_reference: str, charge_reference: str) -> Payment | None:
    """The payment that an event with these references is about, not locked: by ours, else by the provider's."""
    if payment := _by_our_reference.one(our_reference, provider):
        return payment
    return _by_charge.one(provider, account, charge_reference) if charge_reference else None
