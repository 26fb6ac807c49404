"""Finding what a provider event speaks of, and applying what it says."""

from config.api.principals import Principal
from config.kernel import correlation, db
from config.kernel.fields import by_id
from config.kernel.prepared import Select
from invoices.models import Invoice
from payments.models import Payment, Receipt, Refund
from payments.providers.base import Declined, DisputeNews, Outcome, Pending, ProviderEvent, Succeeded
from payments.services import dispute_news
from payments.services.locks import lock_both
from payments.services.outcomes import EventResult, apply_outcome, refuse
from payments.services.refunds import adopting, reserving
from payments.services.refunds import outcomes as refund_outcomes
from payments.services.refunds.locks import is_refund_id

_by_our_reference = Select(Payment.objects.all(), "id", "provider")
_by_charge = Select(Payment.objects.order_by("id"), "provider", "provider_account", "provider_reference", limit=1)


def apply_event(*, provider: str, event: ProviderEvent) -> EventResult:
    """Requires a transaction. UNHANDLED for types of no concern; UNKNOWN_REFERENCE when it comes before its subject."""
    db.require_transaction()
    if event.refund_outcome is not None:
        return _apply_to_refund(provider, event, event.refund_outcome)
    if event.dispute is not None:
        return _apply_to_dispute(provider, event, event.dispute)
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


def _mismatch(row: Payment | Refund, event: ProviderEvent) -> str:
    """What the event says that the payment or refund is not; a success's own amounts are compared when it is booked."""
    if event.account != row.provider_account:
        return f"account {event.account}"
    if event.amount not in (None, row.amount) or event.currency not in ("", row.currency):
        return f"{event.amount} {event.currency}"
    return ""


def find_spoken_of(*, provider: str, account: str, our_reference: str, charge_reference: str) -> Payment | None:
    """The payment that an event with these references is about, not locked: by ours, else by the provider's."""
    if payment := _by_our_reference.one(our_reference, provider):
        return payment
    return _by_charge.one(provider, account, charge_reference) if charge_reference else None


def _apply_to_refund(provider: str, event: ProviderEvent, outcome: Outcome) -> EventResult:
    """Ours by our reference or by the provider's; any other was made at the provider, of a charge that we know."""
    known = _find_refund(provider, event)
    receipt = known.receipt if known else _find_receipt(provider, event)
    if receipt is None or (known is None and _names_nobodys(event.our_reference)):
        return EventResult.UNKNOWN_REFERENCE
    invoice, payment = lock_both(receipt.payment)
    refund = Refund.objects.select_related("receipt").get(id=known.id) if known else _find_refund(provider, event)
    if refund is None and reserving.may_be_ours(receipt, amount=event.amount or 0):
        return EventResult.UNKNOWN_REFERENCE
    correlation_id = (refund.correlation_id if refund else payment.correlation_id) or correlation.current()
    correlation.note(payment_id=payment.id, invoice_id=invoice.id, payment_correlation_id=correlation_id)
    with correlation.bind(correlation_id):
        if refund is not None:
            return _tell_refund(provider, event, outcome, invoice, payment, refund)
        return _adopt(provider, event, outcome, invoice, payment, receipt)


def _find_refund(provider: str, event: ProviderEvent) -> Refund | None:
    """Not locked. A second refund that the provider has made under a reference of ours is another refund."""
    refunds = Refund.objects.filter(provider=provider).select_related("receipt__payment")
    ours = by_id(refunds, event.our_reference) if is_refund_id(event.our_reference) else None
    is_free = ours is not None and ours.provider_reference is None
    if ours and (ours.provider_reference == event.refund_reference or (is_free and ours.is_live)):
        return ours
    theirs = refunds.filter(provider_account=event.account, provider_reference=event.refund_reference).first()
    return theirs or (ours if is_free else None)


def _names_nobodys(reference: str) -> bool:
    return is_refund_id(reference) and by_id(Refund.objects, reference) is None


def _adopt(
    provider: str, event: ProviderEvent, outcome: Outcome, invoice: Invoice, payment: Payment, receipt: Receipt
) -> EventResult:
    """One that has failed before we heard of it needs nothing reserved."""
    actor, has_money = Principal(kind="provider", id=provider), not isinstance(outcome, Declined)
    refund = adopting.adopt(
        invoice=invoice,
        receipt=Receipt.objects.get(id=receipt.id),
        amount=event.amount or 0,
        currency=event.currency,
        reference=event.refund_reference,
        actor=actor,
        reason=f"{event.type}, made at the provider",
        reserves=has_money,
    )
    return refund_outcomes.apply_refund_outcome(
        invoice=invoice,
        payment=payment,
        refund=refund,
        outcome=outcome,
        actor=actor,
        reason=event.type,
        is_reserved=has_money,
    )


def _tell_refund(
    provider: str, event: ProviderEvent, outcome: Outcome, invoice: Invoice, payment: Payment, refund: Refund
) -> EventResult:
    actor = Principal(kind="provider", id=provider)
    mismatch = "" if isinstance(outcome, Succeeded) else _mismatch(refund, event)
    if mismatch and isinstance(outcome, Pending):
        return EventResult.STALE
    if mismatch:
        reason, reference = f"{event.type} over {mismatch}", event.refund_reference
        return refund_outcomes.refuse(
            invoice=invoice, payment=payment, refund=refund, reference=reference, actor=actor, reason=reason
        )
    return refund_outcomes.apply_refund_outcome(
        invoice=invoice, payment=payment, refund=refund, outcome=outcome, actor=actor, reason=event.type
    )


def _find_receipt(provider: str, event: ProviderEvent) -> Receipt | None:
    """The receipt of the charge the event names, not locked."""
    return Receipt.objects.filter(
        provider=provider, provider_account=event.account, provider_reference=event.charge_reference
    ).first()


def _apply_to_dispute(provider: str, event: ProviderEvent, news: DisputeNews) -> EventResult:
    """A dispute of a charge whose money is not known yet waits for it."""
    receipt = _find_receipt(provider, event)
    if receipt is None:
        return EventResult.UNKNOWN_REFERENCE
    invoice, payment = lock_both(receipt.payment)
    correlation.note(payment_id=payment.id, invoice_id=invoice.id, payment_correlation_id=payment.correlation_id)
    with correlation.bind(payment.correlation_id or correlation.current()):
        return dispute_news.apply(
            invoice=invoice,
            receipt=receipt,
            reference=event.dispute_reference,
            news=news,
            actor=Principal(kind="provider", id=provider),
            reason=event.type,
        )
