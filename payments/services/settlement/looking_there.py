"""Money we have booked that the provider's books have no line for: the provider is asked, once for each."""

from collections.abc import Iterator
from datetime import datetime
from typing import TypeVar

from django.db.models import QuerySet

from config.kernel import ids
from payments.models import Receipt, Refund
from payments.models.settlement import DifferenceKind
from payments.providers.base import Outcome, Provider, Succeeded
from payments.providers.observed import OUTCOMES
from payments.services.asking import ask
from payments.services.settlement.findings import Finding, in_our_books
from payments.services.settlement.keeping import Seen
from payments.states import RefundStatus

Row = TypeVar("Row", Receipt, Refund)

BATCH = 500


def findings(books: Provider, seen: Seen, *, since: datetime, until: datetime) -> Iterator[Finding]:
    """Receipts of captures, and refunds that have succeeded, which were made in the window.

    A line just outside it is no difference: what counts is that the provider stands by the money. Disputes are not
    asked about, for a provider tells of them by itself.
    """
    ours = {"provider": books.name, "provider_account": books.account}
    captures = Receipt.objects.filter(**ours, returned_refund=None)
    for receipt in _without_line(captures, "charge", "rct", seen, since=since, until=until):
        outcome = _ask_about_receipt(books, receipt)
        yield from _judge(receipt, outcome, reference=receipt.provider_reference, sign=1)
    refunds = Refund.objects.filter(**ours, status=RefundStatus.SUCCEEDED)
    for refund in _without_line(refunds, "refund", "re", seen, since=since, until=until):
        outcome = _ask_about_refund(books, refund)
        yield from _judge(refund, outcome, reference=refund.provider_reference or "", sign=-1)


def _without_line(
    rows: QuerySet[Row], kind: str, prefix: str, seen: Seen, *, since: datetime, until: datetime
) -> Iterator[Row]:
    """Ids begin with the instant at which they were made, so the primary key finds the window and pages through it."""
    after, end = ids.earliest(prefix, since), ids.earliest(prefix, until)
    while batch := list(rows.filter(id__gt=after, id__lt=end).order_by("id")[:BATCH]):
        there = seen.among(kind, {row.provider_reference or "" for row in batch})
        yield from (row for row in batch if row.provider_reference not in there)
        after = batch[-1].id


def _ask_about_receipt(books: Provider, receipt: Receipt) -> Outcome:
    return ask(lambda: books.retrieve(payment_id=receipt.payment_id, provider_reference=receipt.provider_reference))


def _ask_about_refund(books: Provider, refund: Refund) -> Outcome:
    return ask(lambda: books.retrieve_refund(refund_id=refund.id, provider_reference=refund.provider_reference or ""))


def _judge(row: Receipt | Refund, outcome: Outcome, *, reference: str, sign: int) -> Iterator[Finding]:
    amount = sign * row.amount
    if not isinstance(outcome, Succeeded) or (reference and outcome.reference != reference):
        detail = f"no line in the books, and asked, the provider says {OUTCOMES[type(outcome)]}"
        yield in_our_books(row, DifferenceKind.MISSING_THERE, amount=amount, detail=detail)
    elif (outcome.amount, outcome.currency) != (row.amount, row.currency):
        found = (sign * outcome.amount, outcome.currency)
        detail = "no line in the books; asked, the provider says another amount"
        yield in_our_books(row, DifferenceKind.AMOUNT, amount=amount, found=found, detail=detail)
