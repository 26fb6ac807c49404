"""What customers pay with. Staff detaches it, or makes it the default; only customers and back ends bring tokens."""

from typing import Any

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from config.admin import MadeDateFilter, ReasonedAction, ReasonedActionsAdmin, RecentValuesFilter, Said, unless_refused
from config.api.principals import Principal
from payments import services
from payments.models import PaymentMethod


def _make_default(method: PaymentMethod, actor: Principal, reason: str) -> Said:
    services.make_default(actor=actor, method_id=method.pk, reason=reason)
    return Said(_("The customer's invoices are paid with it where nothing else is said."))


def _detach(method: PaymentMethod, actor: Principal, reason: str) -> Said:
    services.detach_payment_method(actor=actor, method_id=method.pk, reason=reason)
    return Said(_("Nothing new is paid with it."))


def _no_candidate(method: PaymentMethod) -> Any:
    return _("It is the default already.") if method.is_default else unless_refused(services.check_attached)(method)


MAKE_DEFAULT = ReasonedAction(
    name="make_default",
    label=_("Make default"),
    note=_("The customer's invoices are paid with it where nothing else is said."),
    perform=_make_default,
    refusal=_no_candidate,
)
DETACH = ReasonedAction(
    name="detach",
    label=_("Detach"),
    note=_("Nothing new is paid with it; no other becomes the default in its place. Only its owner can bring it back."),
    perform=_detach,
    refusal=unless_refused(services.check_attached),
    is_grave=True,
)


@admin.register(PaymentMethod)
class PaymentMethodAdmin(ReasonedActionsAdmin):
    list_display = ["id", "customer", "brand", "last4", "expiry", "is_default", "provider", "created_at", "detached_at"]
    list_filter = [
        ("detached_at", admin.EmptyFieldListFilter),
        ("brand", RecentValuesFilter),
        ("provider", RecentValuesFilter),
        ("created_at", MadeDateFilter),
    ]
    search_fields = ["token__exact"]
    search_help_text = _("Any id, or the provider's token")
    id_search_fields = ["customer"]
    readonly_fields = ["expiry", "is_default"]
    fieldsets = [
        (None, {"fields": [("brand", "last4", "expiry"), ("id", "customer", "is_default")]}),
        (_("At the provider"), {"fields": [("provider", "provider_account", "token")]}),
        (_("When"), {"fields": [("created_at", "detached_at", "notice_due_at")]}),
        (
            _("Made by"),
            {
                "fields": [("idempotency_owner", "idempotency_operation"), "idempotency_key_digest"],
                "classes": ["collapse"],
            },
        ),
    ]
    reasoned_actions = [MAKE_DEFAULT, DETACH]

    @admin.display(description=_("expires"))
    def expiry(self, method: PaymentMethod) -> str:
        return f"{method.exp_month:02}/{method.exp_year}"

    @admin.display(description=_("default"), boolean=True)
    def is_default(self, method: PaymentMethod) -> bool:
        return method.is_default
