"""Staff says how manual payments ended."""

import functools
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextInputWidget, UnfoldBooleanWidget

from config.admin import ReasonedAction, ReasonForm, Said, unless_refused
from config.api.principals import Principal
from payments import services
from payments.models import Payment
from payments.states import PaymentStatus

NOT_RECEIVED = "not_received"
"""The failure code of money that did not come; the reason says more."""


class ConfirmForm(ReasonForm):
    """By what the money is known at the bank."""

    reference = forms.CharField(
        required=False,
        max_length=200,
        widget=UnfoldAdminTextInputWidget,
        help_text=_(
            "The bank's, as on the statement; each is booked once. Without one the payment's own id stands, but for a"
            " payment that has failed or was canceled."
        ),
    )

    field_order = ["reference", "reason"]

    def clean_reference(self) -> str:
        return self.without_card_number("reference")


class FailForm(ReasonForm):
    """Whether the invoice is still expected to be paid."""

    retryable = forms.BooleanField(
        required=False,
        initial=True,
        widget=UnfoldBooleanWidget,
        label=_("Another payment may follow"),
        help_text=_("The invoice is open again. Otherwise it has failed, until somebody has it paid again."),
    )

    field_order = ["retryable", "reason"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"].help_text = _("Also the payment's failure message, which the API shows to back ends.")


def _confirm(payment: Payment, actor: Principal, reason: str, *, reference: str) -> Said:
    confirmed = services.confirm_payment(actor=actor, payment_id=payment.pk, reference=reference, reason=reason)
    if confirmed.status == PaymentStatus.SUCCEEDED:
        return Said(_("The money is booked."))
    return Said(_("The late money is booked; the timeline shows whether it pays, waits or goes back."))


def _fail(payment: Payment, actor: Principal, reason: str, *, retryable: bool) -> Said:
    services.fail_payment(
        actor=actor, payment_id=payment.pk, failure_code=NOT_RECEIVED, retryable=retryable, reason=reason
    )
    return Said(_("The payment has failed."))


CONFIRM = ReasonedAction(
    name="confirm",
    label=_("Confirm"),
    note=_(
        "The whole amount has arrived: it is booked, and pays the invoice. There is no way back. Late money, of a"
        " payment that has failed or was canceled, goes back if nothing is due any more."
    ),
    perform=_confirm,
    refusal=unless_refused(functools.partial(services.check_settled_by_hand, action="confirm")),
    form=ConfirmForm,
)
FAIL = ReasonedAction(
    name="fail",
    label=_("Fail"),
    note=_("The money will not come. There is no way back; the invoice can be paid again."),
    perform=_fail,
    refusal=unless_refused(functools.partial(services.check_settled_by_hand, action="fail")),
    form=FailForm,
    is_grave=True,
)
