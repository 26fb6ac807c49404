"""A customer's credit, to look at, to grant and to revoke: one form is one entry, however often it is sent."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextInputWidget

from config.admin import (
    KeyedForm,
    MadeDateFilter,
    ReadOnlyAdmin,
    ReadOnlyInline,
    ReasonedAction,
    RecentValuesFilter,
    Said,
    claim,
)
from config.admin.amounts import MAX_DECIMAL_PLACES, AmountForm, written
from config.api.idempotency import Created
from config.api.principals import Principal
from config.kernel import money
from invoices import services
from invoices.models import CreditEntry, Customer, Invoice


class CreditInline(ReadOnlyInline):
    model = CreditEntry
    fields = ["kind", "amount", "balance", "invoice", "reason", "actor", "created_at"]
    ordering = ["-id"]
    per_page = 20


@admin.register(CreditEntry)
class CreditEntryAdmin(ReadOnlyAdmin):
    list_display = ["id", "customer", "kind", "amount", "balance", "invoice", "actor", "created_at"]
    list_filter = [("kind", RecentValuesFilter), ("currency", RecentValuesFilter), ("created_at", MadeDateFilter)]
    search_help_text = _("Its id, a customer's or an invoice's")
    id_search_fields = ["customer", "invoice"]


class CreditForm(AmountForm, KeyedForm):
    """How much, in the currency of the latest invoice at first."""

    amount = forms.DecimalField(
        min_value=0,
        max_digits=16,
        decimal_places=MAX_DECIMAL_PLACES,
        widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal"}),
    )
    currency = forms.CharField(max_length=3, widget=UnfoldAdminTextInputWidget)

    field_order = ["amount", "currency", "reason", "key"]

    @classmethod
    def about(cls, obj: Customer) -> dict[str, Any]:
        latest = Invoice.objects.filter(customer=obj).order_by("-pk").values_list("currency", flat=True).first()
        return super().about(obj) | {"currency": latest or settings.DEFAULT_CURRENCY}


class RevokeForm(CreditForm):
    """How much: at first all there is in one currency."""

    @classmethod
    def about(cls, obj: Customer) -> dict[str, Any]:
        offered = super().about(obj)
        for currency, balance in obj.credit_balances()[:1]:
            offered |= {"currency": currency, "amount": written(balance, currency)}
        return offered


def _changing(change: Callable[..., Created[CreditEntry]]) -> Callable[..., Said]:
    operation = f"admin.{change.__name__}"

    def perform(
        customer: Customer, actor: Principal, reason: str, *, amount: int, currency: str, key: str
    ) -> Said:  # fmt: skip
        created = change(
            actor=actor,
            customer_id=customer.pk,
            amount=amount,
            currency=currency,
            reason=reason,
            key=claim(actor=actor, operation=operation, key=key, answers=[customer.pk, str(amount), currency]),
        )
        said = {"amount": money.display(created.row.amount, created.row.currency)}
        if created.is_new:
            return Said(gettext("Entered: %(amount)s.") % said)
        return Said(gettext("This form was sent before: %(amount)s.") % said, messages.WARNING)

    return perform


def _unless_there_is_none(customer: Customer) -> str:
    return "" if customer.credit_balances() else gettext("Not possible: there is no credit.")


CREDIT_ACTIONS = [
    ReasonedAction(
        name="grant_credit",
        label=_("Grant credit"),
        note=_("It pays the next invoices in its currency by itself."),
        perform=_changing(services.grant_credit),
        form=CreditForm,
        permission="credit",
    ),
    ReasonedAction(
        name="revoke_credit",
        label=_("Revoke credit"),
        note=_("Takes back what has paid no invoice yet."),
        perform=_changing(services.revoke_credit),
        refusal=_unless_there_is_none,
        form=RevokeForm,
        is_grave=True,
        permission="credit",
    ),
]
