"""Staff ends a payment in review, and decides what becomes of money that pays nothing."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from config.admin import ReasonedAction, ReasonForm, Said, unless_refused
from config.admin.amounts import MAX_DECIMAL_PLACES, AmountForm
from config.api.principals import Principal
from payments import services
from payments.models import Payment, Receipt
from payments.services import Disposition
from payments.states import PaymentStatus

UNDECIDED = ("", _("Choose…"))
OUTCOMES = [
    UNDECIDED,
    (PaymentStatus.SUCCEEDED.value, _("It succeeded: the provider has money for it")),
    (PaymentStatus.FAILED.value, _("It failed: it brings no money")),
]
_TEXTS = {
    Disposition.APPLY: _("Apply: pay what is due with it"),
    Disposition.RETURN: _("Return: give all of it back"),
    Disposition.SPLIT: _("Split: pay what is due, give the rest back"),
    Disposition.KEEP: _("Keep: leave it unapplied for now"),
}
DISPOSITIONS = [(each.value, _TEXTS[each]) for each in services.DISPOSITIONS]
KEEP = (Disposition.KEEP.value, _TEXTS[Disposition.KEEP])


class ResolveForm(AmountForm, ReasonForm):
    """How it ended, what becomes of its money, and money that nobody has told us of, if there is any."""

    status = forms.ChoiceField(choices=OUTCOMES, widget=UnfoldAdminSelectWidget, label=_("How it ended"))
    disposition = forms.ChoiceField(
        choices=[KEEP, *DISPOSITIONS],
        initial=KEEP[0],
        widget=UnfoldAdminSelectWidget,
        label=_("Its money that pays nothing"),
    )
    reference = forms.CharField(
        required=False,
        max_length=200,
        widget=UnfoldAdminTextInputWidget,
        label=_("Capture to book: reference"),
        help_text=_("Only for money that the provider has and that is not in the timeline: its reference there."),
    )
    amount = forms.DecimalField(
        required=False,
        max_digits=16,
        decimal_places=MAX_DECIMAL_PLACES,
        widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal"}),
        label=_("Capture to book: amount"),
    )
    currency = forms.CharField(
        required=False, max_length=3, widget=UnfoldAdminTextInputWidget, label=_("Capture to book: currency")
    )

    field_order = ["status", "disposition", "reference", "amount", "currency", "reason"]

    @classmethod
    def about(cls, obj: Payment) -> dict[str, Any]:
        return super().about(obj) | {"currency": obj.currency}

    def clean_reference(self) -> str:
        return self.without_card_number("reference")

    def clean(self) -> dict[str, object]:
        cleaned = super().clean()
        told = [bool(cleaned.get("reference")), cleaned.get("amount") is not None]
        is_whole = all([*told, bool(cleaned.get("currency"))])
        if any(told) and not is_whole and not self.errors:
            raise ValidationError(gettext("A capture has a reference, an amount and a currency."), code="incomplete")
        return cleaned


class DisposeForm(ReasonForm):
    """What becomes of the money."""

    disposition = forms.ChoiceField(
        choices=[UNDECIDED, *DISPOSITIONS], widget=UnfoldAdminSelectWidget, label=_("The money")
    )

    field_order = ["disposition", "reason"]


def _resolve(
    payment: Payment,
    actor: Principal,
    reason: str,
    *,
    status: str,
    disposition: str,
    reference: str,
    amount: int | None,
    currency: str,
) -> Said:
    capture = None if amount is None else services.Capture(reference=reference, amount=amount, currency=currency)
    resolved = services.resolve_payment(
        actor=actor,
        payment_id=payment.pk,
        status=status,
        disposition=Disposition(disposition),
        capture=capture,
        reason=reason,
    )
    return Said(gettext("The payment has %(status)s.") % {"status": resolved.get_status_display()})


def _dispose(receipt: Receipt, actor: Principal, reason: str, *, disposition: str) -> Said:
    services.dispose_receipt(actor=actor, receipt_id=receipt.pk, disposition=Disposition(disposition), reason=reason)
    return Said(gettext("It is done: the timeline shows what has become of the money."))


RESOLVE = ReasonedAction(
    name="resolve",
    label=_("Resolve"),
    note=_("Ends the review: how the payment ended, and what becomes of its money. There is no way back."),
    perform=_resolve,
    refusal=unless_refused(services.check_resolvable),
    form=ResolveForm,
    is_grave=True,
)
DISPOSE = ReasonedAction(
    name="dispose",
    label=_("Apply, return or split"),
    note=_("Decides what becomes of money that pays nothing."),
    perform=_dispose,
    refusal=unless_refused(services.check_disposable),
    form=DisposeForm,
)
