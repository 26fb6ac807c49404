"""What a provider says of a dispute becomes state and books here."""

from config.api.principals import Principal
from config.kernel import clock, db
from config.kernel.errors import Conflict
from invoices.ledger import accounts
from invoices.ledger import services as ledger
from invoices.ledger.models import JournalKind
from invoices.models import Invoice
from outbox import services as outbox
from outbox.states import advance
from payments import events
from payments.models import Dispute, Receipt
from payments.providers.base import DisputeNews
from payments.services import receipts
from payments.services.outcomes import EventResult
from payments.states import DisputeStatus

_CLOSINGS = {
    "won": ("win", events.DisputeWon, JournalKind.DISPUTE_WON),
    "lost": ("lose", events.DisputeLost, JournalKind.DISPUTE_LOST),
}


class DisputeAmountDiffers(Conflict):
    """The dispute {id} is over {amount} {currency} (minor units), and only over that."""

    code = "dispute_amount_differs"


def apply(
    *, invoice: Invoice, receipt: Receipt, reference: str, news: DisputeNews, actor: Principal, reason: str
) -> EventResult:
    """Requires the invoice's lock. Opened and closed once each, in whatever order that is heard.

    Raises DisputeAmountDiffers: what cannot be right is tried again, and waits for staff in the end.
    """
    db.require_transaction()
    dispute = Dispute.objects.filter(
        provider=receipt.provider, provider_account=receipt.provider_account, provider_reference=reference
    ).first()
    is_new = dispute is None
    if dispute is None:
        dispute = _open(invoice, receipt, reference, news, actor, reason)
    if (news.amount, news.currency) != (dispute.amount, dispute.currency):
        raise DisputeAmountDiffers(id=dispute.id, amount=dispute.amount, currency=dispute.currency)
    if news.status != "opened" and dispute.status == DisputeStatus.OPEN:
        _close(invoice, dispute, news, actor, reason)
    elif news.status == "won" and dispute.status == DisputeStatus.LOST and dispute.reinstated_at is None:
        _reinstate(invoice, dispute, actor, reason)
    elif not is_new:
        return _complete(dispute, news)
    return EventResult.APPLIED


def _complete(dispute: Dispute, news: DisputeNews) -> EventResult:
    """The provider's books tell of a dispute without its reason and date, which its webhook brings later."""
    if dispute.reason or dispute.evidence_due_at or not (news.reason or news.evidence_due_at):
        return EventResult.STALE
    dispute.reason, dispute.evidence_due_at = news.reason, news.evidence_due_at
    dispute.save(update_fields=["reason", "evidence_due_at"])
    return EventResult.APPLIED


def _open(
    invoice: Invoice, receipt: Receipt, reference: str, news: DisputeNews, actor: Principal, reason: str
) -> Dispute:
    dispute = Dispute(
        payment_id=receipt.payment_id,
        invoice=invoice,
        receipt=receipt,
        amount=news.amount,
        currency=news.currency,
        reason=news.reason,
        provider=receipt.provider,
        provider_account=receipt.provider_account,
        provider_reference=reference,
        evidence_due_at=news.evidence_due_at,
        opened_at=clock.now(),
    )
    dispute.save(force_insert=True)
    _record(invoice, dispute, events.DisputeOpened, actor, reason)
    _post(JournalKind.DISPUTE_OPENED, dispute)
    return dispute


def _close(invoice: Invoice, dispute: Dispute, news: DisputeNews, actor: Principal, reason: str) -> None:
    action, event, journal = _CLOSINGS[news.status]
    dispute.closed_at = clock.now()
    advance(dispute, action)
    _record(invoice, dispute, event, actor, reason)
    dispute.save(update_fields=["status", "closed_at"])
    _post(journal, dispute)


def _reinstate(invoice: Invoice, dispute: Dispute, actor: Principal, reason: str) -> None:
    """Lost and won, in whatever order that is said, is the same money: no provider gives it back by mistake."""
    dispute.reinstated_at = clock.now()
    _record(invoice, dispute, events.DisputeReinstated, actor, reason)
    dispute.save(update_fields=["reinstated_at"])
    _post(JournalKind.DISPUTE_REINSTATED, dispute)


def _post(kind: JournalKind, dispute: Dispute) -> None:
    holder = receipts.holder(dispute.provider)
    debit, credit = {
        JournalKind.DISPUTE_OPENED: (accounts.DISPUTED_FUNDS, holder),
        JournalKind.DISPUTE_WON: (holder, accounts.DISPUTED_FUNDS),
        JournalKind.DISPUTE_LOST: (accounts.DISPUTE_LOSSES, accounts.DISPUTED_FUNDS),
        JournalKind.DISPUTE_REINSTATED: (holder, accounts.DISPUTE_LOSSES),
    }[kind]
    ledger.post(
        kind=kind,
        source=dispute.id,
        invoice_id=dispute.invoice_id,
        currency=dispute.currency,
        debit=debit,
        credit=credit,
        amount=dispute.amount,
    )


def _record(
    invoice: Invoice, dispute: Dispute, event: type[events.DisputeEvent], actor: Principal, reason: str
) -> None:
    outbox.record(source=invoice, event=events.of_dispute(event, dispute), actor=actor, reason=reason)
