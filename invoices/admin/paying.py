"""Staff has an invoice paid once more: one form is one payment, however often it is sent."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from config.admin import KeyedForm, ReasonedAction, Said, claim, looks, unless_transition
from config.api.principals import Principal
from invoices.models import Invoice
from invoices.states import InvoiceStatus
from payments import services
from payments.models import Payment

OPERATION = "admin.pay"


class PayForm(KeyedForm):
    """How to pay: once, however often the form is sent."""

    provider = forms.ChoiceField(widget=UnfoldAdminSelectWidget)
    payment_method = forms.CharField(
        required=False,
        max_length=200,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("The provider's token, or pm_…, as in the latest payment; never a card number. Empty: default."),
    )

    field_order = ["provider", "payment_method", "reason", "key"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices: Any = self.fields["provider"]
        choices.choices = [(name, name) for name in settings.PROVIDERS]

    @classmethod
    def about(cls, obj: Invoice) -> dict[str, Any]:
        latest = Payment.objects.filter(invoice=obj).order_by("-attempt").first()
        return super().about(obj) | {
            "provider": latest.provider if latest else settings.DEFAULT_PROVIDER,
            "payment_method": (latest.attached_method_id or latest.payment_method) if latest else "",
        }

    def clean_payment_method(self) -> str:
        return self.without_card_number("payment_method")


def _pay(
    invoice: Invoice, actor: Principal, reason: str, *, provider: str, payment_method: str, key: str
) -> Said:  # fmt: skip
    created = services.pay_invoice(
        actor=actor,
        invoice_id=invoice.pk,
        terms=services.PaymentTerms(provider=provider, payment_method=payment_method),
        key=claim(actor=actor, operation=OPERATION, key=key, answers=[invoice.pk, provider, payment_method]),
        reason=reason,
    )
    said = {"id": created.row.pk, "attempt": created.row.attempt}
    if created.is_new:
        return Said(gettext("Payment %(id)s is on its way: attempt %(attempt)s.") % said)
    return Said(gettext("This form was sent before: payment %(id)s, attempt %(attempt)s.") % said, messages.WARNING)


def unless_being_paid(transition: str) -> Callable[[Invoice], Any]:
    """As `unless_transition`; for an invoice with a live payment it leads to that."""
    refused = unless_transition(transition)

    def refusal(invoice: Invoice) -> Any:
        live = getattr(invoice, "live_payment", None) if invoice.status == InvoiceStatus.PROCESSING else None
        if live is None:
            return refused(invoice)
        return format_html(gettext("{} is under way: it has to end first."), looks.link(live))

    return refusal


PAY_AGAIN = ReasonedAction(
    name="pay",
    label=_("Pay again"),
    note=_("Asks the provider for what is due, as a new payment."),
    perform=_pay,
    refusal=unless_being_paid("process"),
    form=PayForm,
)
