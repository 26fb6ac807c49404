"""What staff does to a subscription: ends it, lets it go on, changes its plan, has it paid or taken up."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget, UnfoldBooleanWidget

from billing import services
from billing.admin.wording import next_step, price
from billing.models import Plan, Subscription
from billing.services import When
from config.admin import KeyedForm, ReasonedAction, ReasonForm, Said, claim, unless_refused, unless_transition
from config.admin.actions import Text
from config.api.principals import Principal
from config.kernel import money
from invoices.models import InvoiceLine
from payments.services import PaymentTerms

OPERATION = "admin.pay_subscription"
OFFERED_PLANS = 200
"""The newest ones."""


class CancelForm(ReasonForm):
    """What becomes of what is owed. Whoever may not void invoices is not asked."""

    permissions = {"void_open_invoices": "invoices.void_invoice"}

    void_open_invoices = forms.BooleanField(
        required=False,
        widget=UnfoldBooleanWidget,
        label=_("Void open invoices"),
        help_text=_("Nobody owes them any more; a payment that is under way may still bring money."),
    )

    field_order = ["void_open_invoices", "reason"]


class ChangePlanForm(ReasonForm):
    """To which plan of its family, and when. The plan it has takes back a change that is to come."""

    plan = forms.ChoiceField(widget=UnfoldAdminSelectWidget)
    when = forms.ChoiceField(
        required=False,
        widget=UnfoldAdminSelectWidget,
        choices=[
            ("", _("At once if it costs more in the same time, else when the period ends")),
            (When.NOW, _("Now: what was paid and not used is credited")),
            (When.PERIOD_END, _("When the period ends")),
        ],
    )

    field_order = ["plan", "when", "reason"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["plan"]
        field.choices = self.initial.get("plans", [])

    @classmethod
    def about(cls, obj: Subscription) -> dict[str, Any]:
        plans = _plans_for(obj)
        return super().about(obj) | {"plans": plans, "plan": plans[0][0] if plans else ""}

    def clean_when(self) -> When | None:
        return When(self.cleaned_data["when"]) if self.cleaned_data["when"] else None


def _plans_for(subscription: Subscription) -> list[tuple[str, str]]:
    """Those that it can change to, with what they cost."""
    version = subscription.plan_version
    rows = Plan.objects.filter(family=subscription.family, is_active=True, latest_version__currency=version.currency)
    if subscription.next_plan_version_id is None:
        rows = rows.exclude(latest_version=version)
    offered = rows.select_related("latest_version").order_by("-pk")[:OFFERED_PLANS]
    return [(plan.pk, f"{plan.name}: {price(plan.latest_version)}") for plan in offered if plan.latest_version]


class PayForm(KeyedForm):
    """With what: once, however often the form is sent."""

    provider = forms.ChoiceField(required=False, widget=UnfoldAdminSelectWidget)
    payment_method = forms.CharField(
        required=False,
        max_length=200,
        widget=UnfoldAdminTextInputWidget,
        help_text=_(
            "A payment method of the customer, pm_…, or the provider's token; never a card number. What comes later is"
            " paid with it too. Empty, as the provider: what it is paid with anyway."
        ),
    )

    field_order = ["provider", "payment_method", "reason", "key"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["provider"]
        field.choices = [("", _("as the payment method says")), *((name, name) for name in settings.PROVIDERS)]

    @classmethod
    def about(cls, obj: Subscription) -> dict[str, Any]:
        return super().about(obj) | {"provider": obj.provider, "payment_method": obj.payment_method}

    def clean_payment_method(self) -> str:
        return self.without_card_number("payment_method")


def _canceling(text: Text, **how: Any) -> Callable[..., Said]:
    def perform(subscription: Subscription, actor: Principal, reason: str, **answers: Any) -> Said:
        services.cancel_subscription(
            actor=actor, subscription_id=subscription.pk, reason=reason, **how, **answers
        )  # fmt: skip
        return Said(text)

    return perform


def _cancel_and_credit(subscription: Subscription, actor: Principal, reason: str, **answers: Any) -> Said:
    taken_back = InvoiceLine.objects.filter(invoice__subscription_invoice__subscription=subscription, amount__lt=0)
    before = list(taken_back.values_list("pk", flat=True))
    services.cancel_subscription(
        actor=actor, subscription_id=subscription.pk, reason=reason, credit_unused=True, **answers
    )  # fmt: skip
    credited = -sum(taken_back.exclude(pk__in=before).values_list("amount", flat=True))
    if not credited:
        return Said(_("It has ended. There was nothing to credit."), messages.WARNING)
    said = {"amount": money.display(credited, subscription.plan_version.currency)}
    return Said(gettext("It has ended, and %(amount)s for what was not used is credited.") % said)


def _reactivate(subscription: Subscription, actor: Principal, reason: str) -> Said:
    services.reactivate_subscription(actor=actor, subscription_id=subscription.pk, reason=reason)
    return Said(_("It goes on when its period ends."))


def _change_plan(
    subscription: Subscription, actor: Principal, reason: str, *, plan: str, when: When | None
) -> Said:  # fmt: skip
    changed = services.change_plan(
        actor=actor, subscription_id=subscription.pk, plan_id=plan, when=when, reason=reason
    )  # fmt: skip
    following = changed.next_plan_version
    if following is not None:
        return Said(gettext("It changes to %(plan)s when its period ends.") % {"plan": following.plan.name})
    return Said(gettext("Its plan is %(plan)s.") % {"plan": changed.plan_version.plan.name})


def _take_up(subscription: Subscription, actor: Principal, reason: str) -> Said:
    taken = services.take_up(actor=actor, subscription_id=subscription.pk, reason=reason)
    said = {"status": taken.get_status_display(), "period": taken.period, "next": next_step(taken)}
    return Said(gettext("It is %(status)s, in period %(period)s. What comes next: %(next)s") % said)


def _pay(
    subscription: Subscription, actor: Principal, reason: str, *, provider: str, payment_method: str, key: str
) -> Said:  # fmt: skip
    answers = [subscription.pk, provider, payment_method]
    created = services.pay_subscription(
        actor=actor,
        subscription_id=subscription.pk,
        terms=PaymentTerms(provider=provider, payment_method=payment_method),
        key=claim(actor=actor, operation=OPERATION, key=key, answers=answers),
        reason=reason,
    )
    said = {"id": created.row.pk, "amount": money.display(created.row.amount, created.row.currency)}
    if created.is_new:
        return Said(gettext("Payment %(id)s over %(amount)s is on its way.") % said)
    return Said(gettext("This form was sent before: payment %(id)s over %(amount)s.") % said, messages.WARNING)


def _unless_scheduled(subscription: Subscription) -> Text:
    if subscription.cancels_at_period_end:
        return _("It is canceled when its period ends already.")
    return unless_transition("cancel")(subscription)


def _unless_not_scheduled(subscription: Subscription) -> Text:
    is_scheduled = subscription.cancels_at_period_end and subscription.ended_at is None
    return "" if is_scheduled else _("It is not about to be canceled.")


def _unless_unchangeable(subscription: Subscription) -> Text:
    if subscription.status in services.CHANGEABLE:
        return ""
    said = {"status": subscription.get_status_display()}
    return gettext("Not possible: the subscription is %(status)s.") % said


PAY = ReasonedAction(
    name="pay",
    label=_("Pay now"),
    note=_("Pays the oldest invoice that it owes. A trial ends with it, and its first period begins."),
    perform=_pay,
    refusal=unless_refused(services.check_payable),
    form=PayForm,
)
TAKE_UP = ReasonedAction(
    name="take_up",
    label=_("Take up now"),
    note=_("Does what is due, one thing, without waiting for the sweep."),
    perform=_take_up,
    refusal=unless_refused(services.check_due),
)
CHANGE_PLAN = ReasonedAction(
    name="change_plan",
    permission="change_plan_of",
    label=_("Change plan"),
    note=_("To another plan of its family, now or when its period ends; or back before that."),
    perform=_change_plan,
    refusal=_unless_unchangeable,
    form=ChangePlanForm,
)
REACTIVATE = ReasonedAction(
    name="reactivate",
    permission="cancel",
    label=_("Take the cancellation back"),
    note=_("It goes on when its period ends."),
    perform=_reactivate,
    refusal=_unless_not_scheduled,
)
CANCEL_AT_PERIOD_END = ReasonedAction(
    name="cancel_at_period_end",
    permission="cancel",
    label=_("Cancel at period end"),
    note=_("It is served until then, and not renewed. What is not served ends at once. It can be taken back."),
    perform=_canceling(_("It is not renewed."), when=When.PERIOD_END),
    refusal=_unless_scheduled,
    form=CancelForm,
)
CANCEL = ReasonedAction(
    name="cancel",
    label=_("Cancel now"),
    note=_("It ends now; what was charged for the rest of the period stays charged. There is no way back."),
    perform=_canceling(_("It has ended.")),
    refusal=unless_transition("cancel"),
    form=CancelForm,
    is_grave=True,
)
CANCEL_AND_CREDIT = ReasonedAction(
    name="cancel_and_credit",
    permission="cancel",
    label=_("Cancel and credit the rest"),
    note=_(
        "It ends now; what was paid for the rest of the period is credited, unless something is owed. There is no way"
        " back."
    ),
    perform=_cancel_and_credit,
    requires=["invoices.credit_customer"],
    refusal=unless_transition("cancel"),
    form=CancelForm,
    is_grave=True,
)
ACTIONS = [PAY, TAKE_UP, CHANGE_PLAN, REACTIVATE, CANCEL_AT_PERIOD_END, CANCEL, CANCEL_AND_CREDIT]
