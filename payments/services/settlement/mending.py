"""What can safely be mended, through the steps that webhooks use and under their locks.

Each looks again at what was found without locks: a webhook, a sweep or another run may have been faster.
"""

import contextlib
import dataclasses
from collections.abc import Callable, Iterator

from config.api.principals import system
from config.kernel import correlation, db
from config.kernel.errors import DomainError
from invoices.models import Invoice
from payments.models import Difference, Payment, Receipt, Refund, SettlementLine
from payments.models.settlement import Mend
from payments.providers.base import Declined, DisputeNews, ListedTransaction, Outcome, Succeeded
from payments.services import dispute_news
from payments.services.locks import lock
from payments.services.outcomes import EventResult, apply_outcome
from payments.services.refunds import adopting, reserving
from payments.services.refunds.outcomes import apply_refund_outcome
from payments.services.settlement import keeping
from payments.states import RefundStatus

ACTOR = system("payments.reconcile_settlement")


@dataclasses.dataclass(frozen=True)
class Effect:
    """Mended, gone (nothing was left to mend), or neither: then `detail` says why a person must look."""

    is_mended: bool = False
    is_gone: bool = False
    detail: str = ""


_MISFITS = (reserving.RefundTooLarge, reserving.RefundCurrencyDiffers)
MENDED, GONE = Effect(is_mended=True), Effect(is_gone=True)


def mend(difference: Difference, line: ListedTransaction | None, *, reason: str) -> Effect:
    """Requires a transaction. Do what `difference.mend` says."""
    db.require_transaction()
    if line is None or not difference.mend:
        return Effect()
    return _MENDS[Mend(difference.mend)](difference, line, reason)


def _book_capture(difference: Difference, line: ListedTransaction, reason: str) -> Effect:
    with _locked(difference.our_id) as (invoice, payment):
        outcome = Succeeded(line.reference, line.amount, line.currency, difference.provider_account)
        result = apply_outcome(invoice=invoice, payment=payment, outcome=outcome, actor=ACTOR, reason=reason)
    return MENDED if result == EventResult.APPLIED else GONE


def _settle_refund(difference: Difference, line: ListedTransaction, reason: str) -> Effect:
    """Also of one that we had given up on: what has left all the same is a refund made there."""
    known = Refund.objects.get(id=difference.our_id)
    with _locked(known.payment_id) as (invoice, payment):
        refund = Refund.objects.get(id=known.id)
        try:
            result = apply_refund_outcome(
                invoice=invoice,
                payment=payment,
                refund=refund,
                outcome=_outcome_of(line, difference.provider_account),
                actor=ACTOR,
                reason=reason,
            )
        except _MISFITS as refusal:
            return Effect(detail=_does_not_fit(refusal))
        settled = _known_by(line, difference)
        if settled is None or settled.status != line.status:
            return Effect(detail=f"the refund is {refund.status}. {refund.failure_message}".strip())
    return MENDED if result == EventResult.APPLIED else GONE


def _adopt_refund(difference: Difference, line: ListedTransaction, reason: str) -> Effect:
    known = Receipt.objects.get(id=difference.our_id)
    with _locked(known.payment_id) as (invoice, payment):
        receipt = Receipt.objects.get(id=known.id)
        if _known_by(line, difference):
            return GONE
        if ours := reserving.may_be_ours(receipt, amount=-line.amount):
            return Effect(detail=f"it may be {ours.id}, of which the provider's reference is not known yet")
        try:
            refund = adopting.adopt(
                invoice=invoice,
                receipt=receipt,
                amount=-line.amount,
                currency=line.currency,
                reference=line.reference,
                actor=ACTOR,
                reason=reason,
            )
        except _MISFITS as refusal:
            return Effect(detail=_does_not_fit(refusal))
        outcome = _outcome_of(line, difference.provider_account)
        apply_refund_outcome(
            invoice=invoice, payment=payment, refund=refund, outcome=outcome, actor=ACTOR, reason=reason
        )
    return MENDED


def _does_not_fit(refusal: DomainError) -> str:
    return f"it does not fit what we know: {refusal.detail}"


def _known_by(line: ListedTransaction, difference: Difference) -> Refund | None:
    """The refund of ours that the provider knows by this line's reference, as it is now."""
    return Refund.objects.filter(
        provider=difference.provider,
        provider_account=difference.provider_account,
        provider_reference=line.reference,
    ).first()


def _book_return(difference: Difference, line: ListedTransaction, reason: str) -> Effect:
    known = Refund.objects.get(id=difference.our_id)
    with _locked(known.payment_id) as (invoice, payment):
        result = apply_refund_outcome(
            invoice=invoice,
            payment=payment,
            refund=Refund.objects.get(id=known.id),
            outcome=_outcome_of(line, difference.provider_account),
            actor=ACTOR,
            reason=reason,
        )
    return MENDED if result == EventResult.APPLIED else GONE


def _outcome_of(line: ListedTransaction, account: str) -> Outcome:
    """What a refund's line says; the books do not tell why it failed."""
    if line.status == RefundStatus.SUCCEEDED:
        return Succeeded(line.reference, -line.amount, line.currency, account)
    return Declined("unspecified", retryable=False, reference=line.reference, message="found in the provider's books")


def _tell_dispute(difference: Difference, line: ListedTransaction, reason: str) -> Effect:
    """Opened, won, or both: whichever of it we have not heard."""
    ours = Receipt.objects.filter(provider=difference.provider, provider_account=difference.provider_account)
    if difference.mend == Mend.WIN_DISPUTE:
        receipt = ours.get(disputes__id=difference.our_id)
    else:
        receipt = ours.get(provider_reference=line.charge_reference)
    with _locked(receipt.payment_id) as (invoice, _):
        result = dispute_news.apply(
            invoice=invoice,
            receipt=Receipt.objects.get(id=receipt.id),
            reference=line.reference,
            news=DisputeNews(
                status="opened" if line.status == "opened" else "won", amount=abs(line.amount), currency=line.currency
            ),
            actor=ACTOR,
            reason=reason,
        )
    return MENDED if result == EventResult.APPLIED else GONE


def _book_line(difference: Difference, line: ListedTransaction, reason: str) -> Effect:
    keeping.book(SettlementLine.objects.get(id=difference.our_id))
    return MENDED


@contextlib.contextmanager
def _locked(payment_id: str) -> Iterator[tuple[Invoice, Payment]]:
    """Both locks; what is done belongs to the request that asked for the payment."""
    invoice, payment = lock(payment_id)
    with correlation.bind(payment.correlation_id or correlation.current(), payment_id=payment.id):
        yield invoice, payment


_MENDS: dict[Mend, Callable[[Difference, ListedTransaction, str], Effect]] = {
    Mend.BOOK_CAPTURE: _book_capture,
    Mend.SETTLE_REFUND: _settle_refund,
    Mend.ADOPT_REFUND: _adopt_refund,
    Mend.BOOK_RETURN: _book_return,
    Mend.OPEN_DISPUTE: _tell_dispute,
    Mend.WIN_DISPUTE: _tell_dispute,
    Mend.BOOK_LINE: _book_line,
}
