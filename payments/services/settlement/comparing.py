"""A batch of a provider's lines beside what we have: one finding for each line that differs."""

from collections.abc import Sequence

from config.kernel.fields import by_id
from invoices.ledger.models import Entry
from payments.models import Dispute, Receipt, Refund
from payments.models.settlement import DifferenceKind, LineKind, Mend
from payments.providers.base import Declined, ListedTransaction, Provider
from payments.services import receipts
from payments.services.asking import ask
from payments.services.provider_events import find_spoken_of
from payments.services.refunds.locks import is_refund_id
from payments.services.settlement import keeping
from payments.services.settlement.findings import Finding, in_their_books
from payments.states import DisputeStatus, RefundStatus


class Comparison:
    """Rows are read once per batch and without locks: whoever mends looks again under them."""

    def __init__(self, books: Provider, lines: Sequence[ListedTransaction]) -> None:
        self._books = books
        ours = {"provider": books.name, "provider_account": books.account}
        # Django asks the database nothing about an empty set.
        named = {kind: {line.reference for line in lines if line.kind == kind} for kind in LineKind.values}
        charges = named["charge"] | {line.charge_reference for line in lines if line.kind in ("refund", "dispute")}
        captures = Receipt.objects.filter(**ours, provider_reference__in=charges - {""}, returned_refund=None)
        self._captures = {row.provider_reference: row for row in captures}
        refunds = Refund.objects.filter(**ours, provider_reference__in=named["refund"])
        self._refunds = {row.provider_reference: row for row in refunds}
        disputes = Dispute.objects.filter(**ours, provider_reference__in=named["dispute"])
        self._disputes = {row.provider_reference: row for row in disputes}
        self._kept = keeping.kept(books, [line for line in lines if line.kind in keeping.JOURNALS])
        self._booked = self._entries()

    def of(self, line: ListedTransaction) -> Finding | None:
        """What is wrong with this line, if anything."""
        match line.kind:
            case "charge":
                return self._charge(line)
            case "refund":
                return self._refund(line)
            case "dispute":
                return self._dispute(line)
            case "fee" | "payout":
                return self._own_line(line)

    def _charge(self, line: ListedTransaction) -> Finding | None:
        receipt = self._captures.get(line.reference)
        if line.status != "succeeded" or line.amount <= 0:
            return self._odd(line, our_id=receipt.id if receipt else "")
        if receipt is not None:
            expected = (receipt.amount, receipt.currency)
            return self._amounts(line, our_id=receipt.id, expected=expected)
        payment = find_spoken_of(
            provider=self._books.name,
            account=self._books.account,
            our_reference=line.our_reference,
            charge_reference=line.reference,
        )
        if payment is None:
            detail = f"no payment of ours is known as {line.our_reference or line.reference}"
            return in_their_books(self._books, line, DifferenceKind.MISSING_HERE, detail=detail)
        return in_their_books(
            self._books,
            line,
            DifferenceKind.MISSING_HERE,
            our_id=payment.id,
            mend=Mend.BOOK_CAPTURE,
            detail=f"the payment is {payment.status}",
        )

    def _refund(self, line: ListedTransaction) -> Finding | None:
        refund = self._refunds.get(line.reference) or self._refund_of_ours(line)
        amount = -line.amount if line.status == "succeeded" else line.amount
        if line.status not in ("succeeded", "failed") or amount <= 0:
            return self._odd(line, our_id=refund.id if refund else "")
        if refund is None:
            return self._unknown_refund(line)
        if refund.provider_reference not in (None, "", line.reference):
            detail = f"{refund.id} is known as {refund.provider_reference}: there are two under one reference of ours"
            return in_their_books(self._books, line, DifferenceKind.MISSING_HERE, our_id=refund.id, detail=detail)
        expected = (refund.amount if line.status == "failed" else -refund.amount, refund.currency)
        if differing := self._amounts(line, our_id=refund.id, expected=expected):
            return differing
        return self._refund_status(line, refund, expected)

    def _refund_of_ours(self, line: ListedTransaction) -> Refund | None:
        refunds = Refund.objects.filter(provider=self._books.name)
        return by_id(refunds, line.our_reference) if is_refund_id(line.our_reference) else None

    def _unknown_refund(self, line: ListedTransaction) -> Finding:
        """Made at the provider's own pages if it carries no reference of ours: then it is taken over."""
        capture = self._captures.get(line.charge_reference)
        detail = f"no refund of ours is known as {line.our_reference or line.reference}"
        may_adopt = capture is not None and not line.our_reference and line.status == "succeeded"
        return in_their_books(
            self._books,
            line,
            DifferenceKind.MISSING_HERE,
            our_id=capture.id if capture else "",
            mend=Mend.ADOPT_REFUND if may_adopt else None,
            detail=detail,
        )

    def _refund_status(self, line: ListedTransaction, refund: Refund, expected: tuple[int, str]) -> Finding | None:
        """The same refund over the same amount: whether both sides say that it left, or came back."""
        kind, mend, detail = DifferenceKind.STATUS, None, f"the refund is {refund.status}"
        if refund.is_live:
            mend = Mend.SETTLE_REFUND
        elif refund.status == RefundStatus.FAILED:
            if line.status == "failed" or self._has_come_back(refund, line):
                return None
            mend = None if refund.provider_reference else Mend.SETTLE_REFUND
        elif line.status == "succeeded" or Receipt.objects.filter(returned_refund=refund).exists():
            return None
        else:
            kind, mend, detail = DifferenceKind.MISSING_HERE, Mend.BOOK_RETURN, "its money has come back"
        return in_their_books(self._books, line, kind, our_id=refund.id, expected=expected, mend=mend, detail=detail)

    def _has_come_back(self, refund: Refund, line: ListedTransaction) -> bool:
        """It failed here, and succeeded and then failed there: no money has moved on the whole."""
        outcome = ask(lambda: self._books.retrieve_refund(refund_id=refund.id, provider_reference=line.reference))
        return isinstance(outcome, Declined)

    def _dispute(self, line: ListedTransaction) -> Finding | None:
        dispute = self._disputes.get(line.reference)
        amount = -line.amount if line.status == "opened" else line.amount
        if line.status not in ("opened", "won") or amount <= 0:
            return self._odd(line, our_id=dispute.id if dispute else "")
        if dispute is None:
            return self._unknown_dispute(line)
        expected = (-dispute.amount if line.status == "opened" else dispute.amount, dispute.currency)
        if differing := self._amounts(line, our_id=dispute.id, expected=expected):
            return differing
        if line.status == "opened" or dispute.status == DisputeStatus.WON or dispute.reinstated_at is not None:
            return None
        return in_their_books(
            self._books,
            line,
            DifferenceKind.STATUS,
            our_id=dispute.id,
            expected=expected,
            mend=Mend.WIN_DISPUTE,
            detail=f"the dispute is {dispute.status}",
        )

    def _unknown_dispute(self, line: ListedTransaction) -> Finding:
        capture = self._captures.get(line.charge_reference)
        may_open = capture is not None and capture.currency == line.currency
        return in_their_books(
            self._books,
            line,
            DifferenceKind.MISSING_HERE,
            our_id=capture.id if capture else "",
            mend=Mend.OPEN_DISPUTE if may_open else None,
            detail="its reason and until when evidence is taken are not in the books: see the provider's pages",
        )

    def _own_line(self, line: ListedTransaction) -> Finding | None:
        """A line of ours only by its journal; one that nobody has stored yet is no difference but news."""
        row = self._kept.get(keeping.key_of(line))
        if row is None:
            return None
        if row.id in self._booked:
            return self._amounts(line, our_id=row.id, expected=self._booked[row.id])
        if not line.amount:
            return None
        return in_their_books(
            self._books, line, DifferenceKind.UNBOOKED, our_id=row.id, mend=Mend.BOOK_LINE, detail="it has no journal"
        )

    def _entries(self) -> dict[str, tuple[int, str]]:
        """What our ledger says that the stored lines did to the provider's account."""
        entries = Entry.objects.filter(
            journal__source__in=[row.id for row in self._kept.values()],
            journal__kind__in=[kind for kind, _ in keeping.JOURNALS.values()],
            account=receipts.holder(self._books.name),
        )
        rows = entries.values_list("journal__source", "amount", "currency")
        return {source: (amount, currency) for source, amount, currency in rows}

    def _amounts(self, line: ListedTransaction, *, our_id: str, expected: tuple[int, str]) -> Finding | None:
        if (line.amount, line.currency) == expected:
            return None
        return in_their_books(self._books, line, DifferenceKind.AMOUNT, our_id=our_id, expected=expected)

    def _odd(self, line: ListedTransaction, *, our_id: str) -> Finding:
        detail = f"a {line.kind} that is {line.status} over {line.amount} makes no sense to us"
        return in_their_books(self._books, line, DifferenceKind.STATUS, our_id=our_id, detail=detail)
