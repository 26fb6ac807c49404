"""Of one invoice: each of its facts has exactly its journals, with the right accounts and amounts, tax included."""

import collections
from collections.abc import Iterator, Sequence
from fractions import Fraction

from config.verification.dossiers import CreditRow, Dossier, InvoiceRow, Journal, ReceiptRow, RefundRow, public
from config.verification.violations import Violation
from invoices.ledger import accounts
from invoices.ledger.models import JournalKind
from invoices.models import CreditKind
from payments.providers import registry
from payments.states import DisputeStatus, RefundStatus

Key = tuple[str, str]
"""Kind and source: there is one journal of each."""
Entries = dict[tuple[str, str], int]
"""Signed amounts by account and currency; none is zero."""
BY_HAND = (JournalKind.CREDIT_GRANTED, JournalKind.CREDIT_REVOKED)
"""Of credit, where it belongs to no invoice."""
_OF_CREDIT = {
    CreditKind.GRANTED: (JournalKind.CREDIT_GRANTED, accounts.CREDITS, accounts.CUSTOMER_CREDIT),
    CreditKind.APPLIED: (JournalKind.CREDIT_APPLIED, accounts.CUSTOMER_CREDIT, accounts.RECEIVABLE),
    CreditKind.RETURNED: (JournalKind.CREDIT_RETURNED, accounts.RECEIVABLE, accounts.CUSTOMER_CREDIT),
    CreditKind.REVOKED: (JournalKind.CREDIT_REVOKED, accounts.CUSTOMER_CREDIT, accounts.CREDITS),
}
"""By kind of entry: its journal, debit and credit."""


def journals(dossier: Dossier) -> Iterator[Violation]:
    """Every one balances, none is missing, none is about nothing, and each says what happened."""
    found = {(journal.kind, journal.source): entries_of(journal) for journal in dossier.journals}
    expected = _expected(dossier, found) if dossier.invoice else {}
    unbalanced = set()
    for violation, key in _unbalanced(dossier.journals):
        unbalanced.add(key)
        yield violation
    for key in expected.keys() - found.keys():
        yield Violation("journal_missing", name_of(key), said(expected[key]), "none")
    for key in found.keys() - expected.keys():
        yield Violation("journal_unexpected", name_of(key), "none", said(found[key]))
    for key in (expected.keys() & found.keys()) - unbalanced:
        if found[key] != expected[key]:
            yield Violation("journal_entries", name_of(key), said(expected[key]), said(found[key]))
    if dossier.invoice and dossier.invoice.tax_amount and dossier.invoice.amount and not unbalanced:
        yield from _refunded_tax(dossier, dossier.invoice, found)


def balanced(journals: Sequence[Journal]) -> Iterator[Violation]:
    """Those that belong to no invoice: a provider's fees and payouts, and credit by hand, which `credits` compares."""
    yield from (violation for violation, _ in _unbalanced(journals))
    for journal in journals:
        if journal.kind not in (JournalKind.FEE, JournalKind.PAYOUT, *BY_HAND):
            name = name_of((journal.kind, journal.source))
            yield Violation("journal_unexpected", name, "one that belongs to an invoice", "one that belongs to none")


def _unbalanced(journals: Sequence[Journal]) -> Iterator[tuple[Violation, Key]]:
    for journal in journals:
        key = journal.kind, journal.source
        sums: collections.Counter[str] = collections.Counter()
        for _, amount, currency in journal.entries:
            sums[currency] += amount
        if any(sums.values()) or not journal.entries:
            yield Violation("journal_balance", name_of(key), 0, said(entries_of(journal))), key


def entries_of(journal: Journal) -> Entries:
    """What it moves."""
    sums: Entries = collections.defaultdict(int)
    for account, amount, currency in journal.entries:
        sums[account, currency] += amount
    return dict(sums)


def _expected(dossier: Dossier, found: dict[Key, Entries]) -> dict[Key, Entries]:
    invoice = dossier.invoice
    assert invoice is not None
    booked: dict[Key, Entries] = {}
    if issued := _issued(invoice, invoice.amount, invoice.tax_amount):
        booked[JournalKind.INVOICE_ISSUED.value, dossier.public_id] = issued
    if invoice.status == "void":
        unpaid, tax = invoice.amount - invoice.amount_paid, invoice.tax_amount - _tax_in(invoice, invoice.amount_paid)
        reversed_ = {key: -amount for key, amount in _issued(invoice, unpaid, tax).items()}
        booked[JournalKind.INVOICE_VOIDED.value, dossier.public_id] = reversed_
    booked.update(of_credit(row) for row in dossier.credits)
    for receipt in dossier.receipts:
        booked.update(_of_receipt(receipt))
    for refund in dossier.refunds:
        if refund.status == RefundStatus.SUCCEEDED:
            booked.update(_of_refund(refund, invoice, found))
    for row in dossier.disputes:
        holder, id, amount = _holder(row.provider), public("dp", row.id), row.amount
        opened = _pair(accounts.DISPUTED_FUNDS, holder, amount, row.currency)
        booked[JournalKind.DISPUTE_OPENED.value, id] = opened
        if row.status == DisputeStatus.WON:
            booked[JournalKind.DISPUTE_WON.value, id] = {key: -amount for key, amount in opened.items()}
        elif row.status == DisputeStatus.LOST:
            lost = _pair(accounts.DISPUTE_LOSSES, accounts.DISPUTED_FUNDS, amount, row.currency)
            booked[JournalKind.DISPUTE_LOST.value, id] = lost
        if row.reinstated_at is not None:
            booked[JournalKind.DISPUTE_REINSTATED.value, id] = _pair(
                holder, accounts.DISPUTE_LOSSES, amount, row.currency
            )
    return booked


def _issued(invoice: InvoiceRow, amount: int, tax: int) -> Entries:
    sides = {accounts.RECEIVABLE: amount, accounts.REVENUE: tax - amount, accounts.TAX_PAYABLE: -tax}
    return {(account, invoice.currency): amount for account, amount in sides.items() if amount}


def of_credit(row: CreditRow) -> tuple[Key, Entries]:
    """The journal of a credit entry."""
    kind, debit, credit = _OF_CREDIT[CreditKind(row.kind)]
    return (kind.value, public("cre", row.id)), _pair(debit, credit, abs(row.amount), row.currency)


def _of_receipt(receipt: ReceiptRow) -> dict[Key, Entries]:
    id = public("rct", receipt.id)
    kind = JournalKind.CAPTURE if receipt.returned_refund_id is None else JournalKind.REFUND_RETURNED
    booked: dict[Key, Entries] = {
        (kind.value, id): _pair(_holder(receipt.provider), accounts.UNAPPLIED, receipt.amount, receipt.currency)
    }
    if receipt.amount_applied:
        applied = _pair(accounts.UNAPPLIED, accounts.RECEIVABLE, receipt.amount_applied, receipt.currency)
        booked[JournalKind.RECEIPT_APPLIED.value, id] = applied
    return booked


def _of_refund(refund: RefundRow, invoice: InvoiceRow, found: dict[Key, Entries]) -> dict[Key, Entries]:
    """The tax in one refund depends on those before it: it may differ from its share by one minor unit."""
    id, holder = public("re", refund.id), _holder(refund.provider)
    booked: dict[Key, Entries] = {}
    if refund.amount_unapplied:
        entries = _pair(accounts.UNAPPLIED, holder, refund.amount_unapplied, refund.currency)
        booked[JournalKind.REFUND_OF_UNAPPLIED.value, id] = entries
    applied = refund.amount - refund.amount_unapplied
    if not applied:
        return booked
    key = JournalKind.REFUND.value, id
    tax = found.get(key, {}).get((accounts.TAX_PAYABLE, refund.currency), 0)
    if abs(tax - Fraction(invoice.tax_amount * applied, invoice.amount)) > 1:
        tax = _tax_in(invoice, applied)
    sides = {accounts.REFUNDS: applied - tax, accounts.TAX_PAYABLE: tax, holder: -applied}
    booked[key] = {(account, refund.currency): amount for account, amount in sides.items() if amount}
    return booked


def _refunded_tax(dossier: Dossier, invoice: InvoiceRow, found: dict[Key, Entries]) -> Iterator[Violation]:
    """All in all it is in proportion to all that was refunded."""
    account = accounts.TAX_PAYABLE, invoice.currency
    booked = sum(entries.get(account, 0) for (kind, _), entries in found.items() if kind == JournalKind.REFUND)
    refunded = sum(
        refund.amount - refund.amount_unapplied
        for refund in dossier.refunds
        if (JournalKind.REFUND.value, public("re", refund.id)) in found
    )
    if booked != (tax := _tax_in(invoice, refunded)):
        yield Violation("journal_entries", f"{dossier.public_id} refunded tax", tax, booked)


def _tax_in(invoice: InvoiceRow, amount: int) -> int:
    return round(Fraction(invoice.tax_amount * amount, invoice.amount)) if invoice.tax_amount and invoice.amount else 0


def _pair(debit: str, credit: str, amount: int, currency: str) -> Entries:
    return {(debit, currency): amount, (credit, currency): -amount}


def _holder(provider: str) -> str:
    """The account that holds a provider's captures; one that is configured no more settled by itself."""
    try:
        settles_itself = registry.get(provider).settles_itself
    except registry.UnknownProvider:
        settles_itself = True
    return accounts.clearing(provider) if settles_itself else accounts.BANK


def name_of(key: Key) -> str:
    """For people."""
    return f"{key[0]} of {key[1]}"


def said(entries: Entries) -> str:
    """For people."""
    return ", ".join(f"{account} {amount} {currency}" for (account, currency), amount in sorted(entries.items()))
