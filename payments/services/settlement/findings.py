"""What a comparison finds, before anybody has acted on it."""

import dataclasses
import datetime

from config.kernel import ids
from payments.models import Difference, Receipt, Refund
from payments.models.settlement import DifferenceKind, Mend
from payments.providers.base import ListedTransaction, Provider

Amount = tuple[int | None, str]
NOTHING: Amount = (None, "")


@dataclasses.dataclass(frozen=True)
class Finding:
    """A difference, not stored, with the line of the provider's that it is about; None where it has none."""

    difference: Difference
    line: ListedTransaction | None = None


def in_their_books(
    books: Provider,
    line: ListedTransaction,
    kind: DifferenceKind,
    *,
    our_id: str = "",
    expected: Amount = NOTHING,
    mend: Mend | None = None,
    detail: str = "",
) -> Finding:
    """Their line is not as ours; without a `mend` only a person can tell why."""
    return Finding(
        Difference(
            kind=kind,
            subject=line.kind,
            provider=books.name,
            provider_account=books.account,
            provider_reference=line.reference,
            line_status=line.status,
            our_id=our_id,
            expected_amount=expected[0],
            expected_currency=expected[1],
            found_amount=line.amount,
            found_currency=line.currency,
            detail=detail[:500],
            mend=mend or "",
            booked_at=line.created_at,
        ),
        line,
    )


def in_our_books(
    row: Receipt | Refund, kind: DifferenceKind, *, amount: int, found: Amount = NOTHING, detail: str
) -> Finding:
    """Ours has no line of theirs, or the provider says another amount. Never mended: money is not unbooked."""
    prefix = row.id.partition("_")[0]
    return Finding(
        Difference(
            kind=kind,
            subject="charge" if isinstance(row, Receipt) else "refund",
            provider=row.provider,
            provider_account=row.provider_account,
            provider_reference=row.provider_reference or row.id,
            our_id=row.id,
            expected_amount=amount,
            expected_currency=row.currency,
            found_amount=found[0],
            found_currency=found[1],
            detail=detail[:500],
            booked_at=_made_at(prefix, row.id),
        )
    )


def _made_at(prefix: str, public_id: str) -> datetime.datetime:
    """Wall time, as the provider's books have it."""
    return datetime.datetime.fromtimestamp((ids.to_number(prefix, public_id) >> 80) / 1000, tz=datetime.UTC)
