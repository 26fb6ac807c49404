"""What staff has the provider do about a payment that is under way: cancel it, or say how it stands."""

from django.contrib import messages
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from config.admin import ReasonedAction, Said, unless_refused
from config.api.principals import Principal
from payments import services
from payments.models import Payment, Refund
from payments.services import EventResult
from payments.states import PaymentStatus


def _cancel(payment: Payment, actor: Principal, reason: str) -> Said:
    canceled = services.cancel_payment(actor=actor, payment_id=payment.pk, reason=reason)
    if canceled.status == PaymentStatus.CANCELED:
        return Said(gettext("It is canceled; the invoice can be paid again."))
    return Said(gettext("The provider is asked to cancel it, and decides."))


def _ask_payment(payment: Payment, actor: Principal, reason: str) -> Said:
    return _told(services.reconcile_now(actor=actor, payment_id=payment.pk, reason=reason))


def _ask_refund(refund: Refund, actor: Principal, reason: str) -> Said:
    return _told(services.reconcile_refund_now(actor=actor, refund_id=refund.pk, reason=reason))


def _told(result: EventResult) -> Said:
    if result is EventResult.APPLIED:
        return Said(gettext("The provider was asked; what it said is in the timeline."))
    return Said(gettext("The provider was asked, and has told nothing new."), messages.WARNING)


_NOTE = _("Asks the provider at once how it stands, and records the answer; otherwise it is asked on a schedule.")
_LABEL = _("Ask the provider now")

CANCEL = ReasonedAction(
    name="cancel",
    label=_("Cancel"),
    note=_("At once while nobody has sent it; then the provider is asked, and decides. The invoice stays to be paid."),
    perform=_cancel,
    refusal=unless_refused(services.check_cancelable),
    is_grave=True,
)
ASK_ABOUT_PAYMENT = ReasonedAction(
    name="reconcile",
    label=_LABEL,
    note=_NOTE,
    perform=_ask_payment,
    refusal=unless_refused(services.check_reconcilable),
)
ASK_ABOUT_REFUND = ReasonedAction(
    name="reconcile",
    label=_LABEL,
    note=_NOTE,
    perform=_ask_refund,
    refusal=unless_refused(services.check_refund_reconcilable),
)
