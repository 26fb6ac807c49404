"""Taking the locks that everything about a refund needs: its invoice's and its payment's, under which it changes."""

import contextlib
from collections.abc import Iterator

from config.kernel import correlation, db
from config.kernel.errors import NotFound
from config.kernel.fields import by_id_or
from invoices.models import Invoice
from payments.models import Payment, Refund
from payments.services.locks import lock_known


class RefundNotFound(NotFound):
    """There is no refund {id}."""

    code = "refund_not_found"


def is_refund_id(reference: str) -> bool:
    """Whether it looks like an id of ours: refunds made at the provider may carry anything, the charge's for one."""
    return reference.startswith("re_")


def find_refund(refund_id: str) -> Refund:
    """The refund with its payment, not locked. Raises RefundNotFound."""
    return by_id_or(RefundNotFound, Refund.objects.select_related("payment"), refund_id)


def lock_refund(refund_id: str) -> tuple[Invoice, Payment, Refund]:
    """Requires a transaction. Invoice and payment, locked, and the refund with its receipt. Raises RefundNotFound."""
    locked = lock_known_refund(find_refund(refund_id))
    assert locked is not None, refund_id
    return locked


def lock_known_refund(known: Refund, *, wait: bool = True) -> tuple[Invoice, Payment, Refund] | None:
    """Requires a transaction. As `lock_refund`, for a refund read before; None without `wait` when others hold it."""
    db.require_transaction()
    locked = lock_known(known.payment, wait=wait)
    if locked is None:
        return None
    return *locked, Refund.objects.select_related("receipt").get(id=known.id)


@contextlib.contextmanager
def correlated(refund_id: str) -> Iterator[Refund]:
    """The refund, not locked. What is done for it later belongs to the request that asked for it.

    Raises RefundNotFound.
    """
    refund = find_refund(refund_id)
    correlation_id = refund.correlation_id or correlation.accept_or_new(None)
    with correlation.bind(
        correlation_id, refund_id=refund.id, payment_id=refund.payment_id, invoice_id=refund.invoice_id
    ):
        yield refund
