"""The books: journals with their entries, and the trial balance that shows they are right."""

import dataclasses
import itertools
from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet, Sum
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from config.admin import MadeDateFilter, ReadOnlyAdmin, ReadOnlyInline, RecentValuesFilter, looks
from config.admin.timeline import Item, Subject, Window
from config.kernel import money
from invoices.models import Entry, Journal
from payments.models import Receipt


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
        """Every account's debits, credits and balance, per currency. Reads all entries."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            "title": gettext("Trial balance"),
            "currencies": _currencies(),
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


def _currencies() -> list[_Currency]:
    sums = Entry.objects.values_list("currency", "account").annotate(
        debits=Sum("amount", filter=Q(amount__gt=0), default=0),
        credits=Sum("amount", filter=Q(amount__lt=0), default=0),
    )
    by_currency = itertools.groupby(sums.order_by("currency", "account"), key=lambda row: row[0])
    return [_currency(code, [(row[1], row[2], row[3]) for row in rows]) for code, rows in by_currency]


def _currency(code: str, sums: list[tuple[str, int, int]]) -> _Currency:
    rows = [_sum(code, account, debits, credits) for account, debits, credits in sums]
    debits, credits = sum(row[1] for row in sums), sum(row[2] for row in sums)
    return _Currency(code, debits + credits == 0, rows, total=_sum(code, "", debits, credits))


def _sum(code: str, account: str, debits: int, credits: int) -> _Sum:
    """Amounts without the currency, which stands above them; its address lists the account's entries."""
    shown = [money.display(amount, code).removesuffix(f" {code}") for amount in (debits, -credits, debits + credits)]
    return _Sum(account, looks.list_of(Entry, account=_account_name(account, code)), *shown)


def timeline_journals(subject: Subject, window: Window) -> list[Item]:
    """The journals of the invoice, or those that the payment's receipts caused. Two statements, or three."""
    journals = Journal.objects.filter(invoice_id=subject.invoice_id).prefetch_related("entries")
    if subject.payment_id is not None:
        receipts = Receipt.objects.filter(payment_id=subject.payment_id).order_by("-id")
        journals = journals.filter(source__in=list(receipts.values_list("id", flat=True)[: window.limit]))
    return [_item(journal) for journal in window.newest(journals, "recorded_at")]


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
