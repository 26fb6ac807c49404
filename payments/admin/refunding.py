"""Staff gives back what a payment has paid: one form is one refund, however often it is sent."""

from typing import Any

from django import forms
from django.contrib import messages
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextInputWidget

from config.admin import KeyedForm, ReasonedAction, Said, claim, unless_refused
from config.admin.amounts import MAX_DECIMAL_PLACES, AmountForm, written
from config.api.principals import Principal
from config.kernel import money
from config.kernel.errors import DomainError
from payments import services
from payments.models import Payment

OPERATION = "admin.refund"


class RefundForm(AmountForm, KeyedForm):
    """How much: at first all that is left. The service refuses more, and another currency than the payment's."""

    amount = forms.DecimalField(
        max_digits=16,
        decimal_places=MAX_DECIMAL_PLACES,
        widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal"}),
        help_text=_("What is left stands here at first; a smaller amount is given back in part."),
    )
    currency = forms.CharField(max_length=3, widget=UnfoldAdminTextInputWidget(attrs={"readonly": True}))

    field_order = ["amount", "currency", "reason", "key"]

    @classmethod
    def about(cls, obj: Payment) -> dict[str, Any]:
        return super().about(obj) | {"amount": _left(obj), "currency": obj.currency}


def _left(payment: Payment) -> str:
    """Nothing where nothing can be refunded: the page says why, without a form."""
    try:
        return written(services.check_refundable(payment), payment.currency)
    except DomainError:
        return ""


def _refund(
    payment: Payment, actor: Principal, reason: str, *, amount: int, currency: str, key: str
) -> Said:  # fmt: skip
    created = services.request_refund(
        actor=actor,
        payment_id=payment.pk,
        amount=amount,
        currency=currency,
        key=claim(actor=actor, operation=OPERATION, key=key, answers=[payment.pk, str(amount), currency]),
        reason=reason,
    )
    said = {"id": created.row.pk, "amount": money.display(created.row.amount, created.row.currency)}
    if created.is_new:
        return Said(gettext("Refund %(id)s over %(amount)s is on its way.") % said)
    return Said(gettext("This form was sent before: refund %(id)s over %(amount)s.") % said, messages.WARNING)


REFUND = ReasonedAction(
    name="refund",
    label=_("Refund"),
    note=_("Gives back what it has paid, whole or in part, to where it came from. There is no way back."),
    perform=_refund,
    refusal=unless_refused(services.check_refundable),
    form=RefundForm,
    is_grave=True,
)
