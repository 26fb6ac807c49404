"""Finding the payment a provider event speaks of, and applying what it says."""

from config.api.principals import Principal
from config.kernel import db
from config.kernel.fields import by_id
from payments.models import Payment
from payments.providers.base import Pending, ProviderEvent, Succeeded
from payments.services.locks import lock_both
from payments.services.outcomes import EventResult, apply_outcome, refuse


def apply_event(*, provider: str, event: ProviderEvent) -> EventResult:
    """Requires a transaction. Found by our reference, else by the provider's; UNHANDLED when it has no outcome."""
    db.require_transaction()
    if event.outcome is None:
        return EventResult.UNHANDLED
    unlocked = _find(provider, event)
    if unlocked is None:
        return EventResult.UNKNOWN_REFERENCE
    invoice, payment = lock_both(unlocked)
    actor = Principal(kind="provider", id=provider)
    mismatch = "" if isinstance(event.outcome, Succeeded) else _mismatch(payment, event)
    if mismatch and isinstance(event.outcome, Pending):
        return EventResult.STALE
    if mismatch:
        reason = f"{event.type} over {mismatch}"
        return refuse(invoice=invoice, payment=payment, reference=event.charge_reference, actor=actor, reason=reason)
    return apply_outcome(invoice=invoice, payment=payment, outcome=event.outcome, actor=actor, reason=event.type)


def _mismatch(payment: Payment, event: ProviderEvent) -> str:
    """What the event says that the payment is not; a capture's own amounts are compared when it is booked."""
    if event.account != payment.provider_account:
        return f"account {event.account}"
    if event.amount not in (None, payment.amount) or event.currency not in ("", payment.currency):
        return f"{event.amount} {event.currency}"
    return ""


def _find(provider: str, event: ProviderEvent) -> Payment | None:
    ours = Payment.objects.filter(provider=provider)
    if payment := by_id(ours, event.our_reference):
        return payment
    if not event.charge_reference:
        return None
    named = ours.filter(provider_account=event.account, provider_reference=event.charge_reference)
    return named.order_by("id").first()
