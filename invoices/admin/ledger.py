"""The books: journals with their entries, and the trial balance that shows they are right."""

import dataclasses
import datetime
import itertools
from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from config.admin import MadeDateFilter, ReadOnlyAdmin, ReadOnlyInline, RecentValuesFilter, looks
from config.admin.timeline import Item, Subject, Window
from config.kernel import money
from invoices.ledger import trial_balance
from invoices.ledger.trial_balance import Row
from invoices.models import Entry, Journal
from payments.models import Dispute, Receipt, Refund

LATER_JOURNALS = 200_000
"""A day's closing balances need a look at all later journals; of more there is only `manage.py trial_balance`."""


def _debit(entry: Entry) -> str:
    return money.display(entry.amount, entry.currency) if entry.amount > 0 else ""


def _credit(entry: Entry) -> str:
    return money.display(-entry.amount, entry.currency) if entry.amount < 0 else ""


class _Sides:
    """An entry's amount on the side it stands on, as in a ledger."""

    @admin.display(description=_("debit"))
    def debit(self, entry: Entry) -> str:
        return _debit(entry)

    @admin.display(description=_("credit"))
    def credit(self, entry: Entry) -> str:
        return _credit(entry)


class EntryInline(_Sides, ReadOnlyInline):
    model = Entry
    fields = ["account", "debit", "credit"]
    ordering = ["id"]


@admin.register(Journal)
class JournalAdmin(ReadOnlyAdmin):
    list_display = ["id", "kind", "source", "invoice", "recorded_at"]
    list_filter = [("kind", RecentValuesFilter), ("recorded_at", MadeDateFilter)]
    search_fields = ["source__exact"]
    search_help_text = _("Its id, an invoice's, or that of what caused it")
    id_search_fields = ["invoice"]
    inlines = [EntryInline]


class AccountFilter(admin.SimpleListFilter):
    """One account in one currency, as the trial balance has them: an index finds all its entries, newest first."""

    title = _("account")
    parameter_name = "account"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        accounts = Entry.objects.order_by("account", "currency").values_list("account", "currency").distinct()
        return [(name, name) for name in itertools.starmap(_account_name, accounts)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Entry]) -> QuerySet[Entry]:
        account, _, currency = (self.value() or "").rpartition(" ")
        return queryset.filter(account=account, currency=currency) if self.value() else queryset


def _account_name(account: str, currency: str) -> str:
    return f"{account} {currency}"


@admin.register(Entry)
class EntryAdmin(_Sides, ReadOnlyAdmin):
    list_display = ["id", "journal", "account", "debit", "credit"]
    list_filter = [AccountFilter]
    search_help_text = _("The id of a journal or an invoice")
    id_search_fields = ["journal", "journal__invoice"]
    readonly_fields = ["debit", "credit"]
    exclude = ["amount"]

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.trial_balance)
        return [path("trial-balance/", view, name="invoices_entry_trial_balance"), *super().get_urls()]

    def trial_balance(self, request: HttpRequest) -> HttpResponse:
        """Every account's debits, credits and balance, per currency, of all time or of one day (?on=2026-11-21)."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        on = _day(request.GET.get("on", ""))
        has_balance = on is None or trial_balance.journals_after(on, at_most=LATER_JOURNALS) < LATER_JOURNALS
        rows = trial_balance.whole() if on is None else trial_balance.of_day(on, with_balance=has_balance)
        context = {
            **self.admin_site.each_context(request),
            "title": gettext("Trial balance"),
            "currencies": _currencies(rows),
            "on": on,
            "has_balance": has_balance,
            "is_refused": on is None and bool(request.GET.get("on")),
        }
        return TemplateResponse(request, "admin/trial_balance.html", context)


@dataclasses.dataclass(frozen=True)
class _Sum:
    """Debits and credits as staff reads them."""

    account: str
    url: str
    debits: str
    credits: str
    balance: str


@dataclasses.dataclass(frozen=True)
class _Currency:
    """The books of one currency."""

    code: str
    is_balanced: bool
    rows: Sequence[_Sum]
    total: _Sum


def _day(text: str) -> datetime.date | None:
    try:
        day = datetime.date.fromisoformat(text)
    except ValueError:
        return None
    return day if day < datetime.date.max else None


def _currencies(rows: Sequence[Row]) -> list[_Currency]:
    by_currency = itertools.groupby(rows, key=lambda row: row.currency)
    return [_currency(code, list(group)) for code, group in by_currency]


def _currency(code: str, rows: list[Row]) -> _Currency:
    balance = None if any(row.balance is None for row in rows) else sum(row.balance or 0 for row in rows)
    total = Row(code, "", sum(row.debits for row in rows), sum(row.credits for row in rows), balance)
    is_balanced = total.debits + total.credits == 0 and not balance
    return _Currency(code, is_balanced, [_sum(row) for row in rows], total=_sum(total))


def _sum(row: Row) -> _Sum:
    """Amounts without the currency, which stands above them; its address lists the account's entries."""
    code = row.currency
    shown = [
        "" if amount is None else money.display(amount, code).removesuffix(f" {code}")
        for amount in (row.debits, -row.credits, row.balance)
    ]
    return _Sum(row.account, looks.list_of(Entry, account=_account_name(row.account, code)), *shown)


def timeline_journals(subject: Subject, window: Window) -> list[Item]:
    """The journals of the invoice, or those that the payment's money caused. Two statements, or five."""
    journals = Journal.objects.filter(invoice_id=subject.invoice_id).prefetch_related("entries")
    if subject.payment_id is not None:
        journals = journals.filter(source__in=_sources(subject.payment_id, window.limit))
    return [_item(journal) for journal in window.newest(journals, "recorded_at")]


def _sources(payment_id: str, limit: int) -> list[str]:
    """The newest receipts, refunds and disputes of a payment."""
    return [
        id
        for model in (Receipt, Refund, Dispute)
        for id in model._default_manager.filter(payment_id=payment_id)
        .order_by("-pk")
        .values_list("pk", flat=True)[:limit]
    ]


def _item(journal: Journal) -> Item:
    return Item.of(
        journal,
        at=journal.recorded_at,
        kind=gettext("Journal"),
        icon="menu_book",
        title=journal.get_kind_display(),
        facts=[(gettext("for"), journal.source)],
        entries=[(entry.account, _debit(entry), _credit(entry)) for entry in journal.entries.all()],
        order=(4, journal.pk),
    )
