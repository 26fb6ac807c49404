"""A customer's credit: what we owe them by currency, granted, applied to invoices, given back, taken away again.

Every entry is written under the customer's lock, with its journal and its event in the customer's log.
"""

from typing import NamedTuple

from config.api.idempotency import Created, IdempotencyKey, find_earlier, find_replay, insert_once, key_fields
from config.api.principals import Principal
from config.kernel import clock, db, money
from config.kernel.errors import Conflict
from config.kernel.prepared import Select
from invoices import events
from invoices.ledger import accounts
from invoices.ledger import services as ledger
from invoices.ledger.models import JournalKind
from invoices.models import CreditEntry, CreditKind, Customer, Invoice
from invoices.services.customers import lock_customer
from outbox import services as outbox

_latest = Select(CreditEntry.objects.order_by("-number"), "customer", "currency", limit=1)


class NotEnoughCredit(Conflict):
    """Customer {customer_id} has {balance} {currency} in credit (minor units); no more than that can be revoked."""

    code = "not_enough_credit"


class _Change(NamedTuple):
    """What happens to a customer's credit: `amount` is positive whichever way it goes."""

    kind: CreditKind
    amount: int
    currency: str
    reason: str = ""


class _Booking(NamedTuple):
    """How a kind of entry is told and booked: `amount` from the account `credit` to the account `debit`."""

    event: type[events.CreditEvent]
    journal: JournalKind
    debit: str
    credit: str


_BOOKINGS = {
    CreditKind.GRANTED: _Booking(
        events.CreditGranted, JournalKind.CREDIT_GRANTED, accounts.CREDITS, accounts.CUSTOMER_CREDIT
    ),
    CreditKind.APPLIED: _Booking(
        events.CreditApplied, JournalKind.CREDIT_APPLIED, accounts.CUSTOMER_CREDIT, accounts.RECEIVABLE
    ),
    CreditKind.RETURNED: _Booking(
        events.CreditReturned, JournalKind.CREDIT_RETURNED, accounts.RECEIVABLE, accounts.CUSTOMER_CREDIT
    ),
    CreditKind.REVOKED: _Booking(
        events.CreditRevoked, JournalKind.CREDIT_REVOKED, accounts.CUSTOMER_CREDIT, accounts.CREDITS
    ),
}


def grant_credit(
    *, actor: Principal, customer_id: str, amount: int, currency: str, reason: str, key: IdempotencyKey | None
) -> Created[CreditEntry]:
    """We owe a customer `amount` more, which pays their next invoices; or what an earlier request with the key made.

    Raises InvalidMoney, CustomerNotFound, IdempotencyKeyReused.
    """
    change = _Change(CreditKind.GRANTED, amount, currency, reason)
    return find_earlier(CreditEntry, key) or _change(actor=actor, customer_id=customer_id, change=change, key=key)


def revoke_credit(
    *, actor: Principal, customer_id: str, amount: int, currency: str, reason: str, key: IdempotencyKey | None
) -> Created[CreditEntry]:
    """Take back what was granted and not applied yet; or what an earlier request with the key did.

    Raises InvalidMoney, CustomerNotFound, NotEnoughCredit, IdempotencyKeyReused.
    """
    change = _Change(CreditKind.REVOKED, amount, currency, reason)
    return find_earlier(CreditEntry, key) or _change(actor=actor, customer_id=customer_id, change=change, key=key)


@db.transaction(idempotent=lambda *, key, **_: key is not None)
def _change(*, actor: Principal, customer_id: str, change: _Change, key: IdempotencyKey | None) -> Created[CreditEntry]:
    money.check_currency(change.currency)
    money.check_amount(change.amount)
    customer = lock_customer(customer_id)
    return find_replay(CreditEntry, key) or insert_once(
        CreditEntry, key, lambda: _enter(change, customer=customer, actor=actor, key=key)
    )


def give_credit(
    *,
    customer: Customer,
    amount: int,
    currency: str,
    actor: Principal,
    reason: str = "",
    invoice: Invoice | None = None,
) -> CreditEntry:
    """Requires the customer's lock. We owe them `amount` more; `invoice` is the one it was carried over from."""
    db.require_transaction()
    return _enter(
        _Change(CreditKind.GRANTED, amount, currency, reason), customer=customer, actor=actor, invoice=invoice
    )


def apply_credit(*, customer: Customer, invoice: Invoice, actor: Principal) -> None:
    """Requires the customer's lock. Book what an invoice that is being issued was paid with: its `amount_credited`."""
    db.require_transaction()
    if not invoice.amount_credited:
        return
    change = _Change(CreditKind.APPLIED, invoice.amount_credited, invoice.currency)
    _enter(change, customer=customer, actor=actor, invoice=invoice)


def return_credit(*, customer: Customer, invoice: Invoice, amount: int, actor: Principal, reason: str) -> None:
    """Requires the locks of both. What had paid a part of an invoice that is void now is the customer's again."""
    db.require_transaction()
    change = _Change(CreditKind.RETURNED, amount, invoice.currency, reason)
    _enter(change, customer=customer, actor=actor, invoice=invoice)


def credit_balance(*, customer: Customer, currency: str) -> int:
    """What is theirs to use, in minor units. Read under the customer's lock, it stays so."""
    latest = _latest.one(customer.id, currency)
    return latest.balance if latest else 0


def _enter(
    change: _Change,
    *,
    customer: Customer,
    actor: Principal,
    invoice: Invoice | None = None,
    key: IdempotencyKey | None = None,
) -> CreditEntry:
    """The one step: the entry, its event, its journal."""
    assert change.amount > 0, change
    booking, latest = _BOOKINGS[change.kind], _latest.one(customer.id, change.currency)
    amount = change.amount if booking.credit == accounts.CUSTOMER_CREDIT else -change.amount
    number, balance = (latest.number, latest.balance) if latest else (0, 0)
    if balance + amount < 0:
        raise NotEnoughCredit(customer_id=customer.id, balance=balance, currency=change.currency)
    entry = CreditEntry(
        customer=customer,
        invoice=invoice,
        kind=change.kind,
        amount=amount,
        currency=change.currency,
        number=number + 1,
        balance=balance + amount,
        reason=change.reason,
        actor=actor.actor,
        created_at=clock.now(),
        **key_fields(key),
    )
    event = events.of_credit(booking.event, entry)
    outbox.record(source=customer, event=event, actor=actor, reason=change.reason)
    entry.save(force_insert=True)
    ledger.post(
        kind=booking.journal,
        source=entry.id,
        invoice_id=entry.invoice_id,
        currency=entry.currency,
        debit=booking.debit,
        credit=booking.credit,
        amount=change.amount,
    )
    return entry
