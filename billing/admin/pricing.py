"""Staff makes plans, changes what they cost and hold, retires them and brings them back."""

import dataclasses
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from billing import services
from billing.models import AfterGrace, Cycle, Plan, Subscription
from billing.services import PlanTerms
from billing.states import LIVE
from config.admin import KeyedForm, ReasonedAction, ReasonForm, Said, bounded_count, claim, looks
from config.admin.amounts import MAX_DECIMAL_PLACES, AmountForm, written
from config.api.parsers import MalformedJSON, read_object
from config.api.principals import Principal
from config.kernel.errors import Invalid
from invoices.api.serializers import RetryPolicyInput

OPERATION = "admin.create_plan"
MAX_JSON_LENGTH = 10_000
TERMS = [field.name for field in dataclasses.fields(PlanTerms)]


def _number(**more: Any) -> forms.IntegerField:
    return forms.IntegerField(min_value=0, widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "numeric"}), **more)


def _json(**more: Any) -> forms.CharField:
    widget = UnfoldAdminTextareaWidget(attrs={"rows": 6, "spellcheck": "false"})
    return forms.CharField(required=False, max_length=MAX_JSON_LENGTH, widget=widget, **more)


class PlanForm(AmountForm, ReasonForm):
    """What a plan costs and holds. The service says which of it makes no sense."""

    name = forms.CharField(max_length=200, widget=UnfoldAdminTextInputWidget(attrs={"autofocus": True}))
    amount = forms.DecimalField(
        min_value=0,
        max_digits=16,
        decimal_places=MAX_DECIMAL_PLACES,
        widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal"}),
        help_text=_("For each cycle; 0 is free."),
    )
    currency = forms.CharField(max_length=3, widget=UnfoldAdminTextInputWidget)
    cycle = forms.ChoiceField(choices=Cycle.choices, widget=UnfoldAdminSelectWidget)
    trial_days = _number(help_text=_("0: it has no trial."))
    grace_days = _number(help_text=_("How long what is past due stays usable."))
    after_grace = forms.ChoiceField(
        choices=AfterGrace.choices, widget=UnfoldAdminSelectWidget, label=_("When they are over")
    )
    features = _json(
        help_text=_(
            'What it holds, as JSON: {"sso": true, "api_calls": {"limit": 1000, "overage": {"unit_amount": 5,'
            ' "per": 100}}, "storage": {"limit": "1GB"}}'
        )
    )
    retry_policy = _json(help_text=_("When a declined payment of a renewal is tried again, as JSON."))

    field_order = ["name", *TERMS, "reason"]

    @classmethod
    def about(cls, obj: Plan | None) -> dict[str, Any]:
        return super().about(obj) | {
            "currency": settings.DEFAULT_CURRENCY or "",
            "cycle": Cycle.MONTH,
            "trial_days": 0,
            "grace_days": settings.GRACE_DAYS,
            "after_grace": AfterGrace.SUSPEND,
            "features": looks.pretty({}),
            "retry_policy": looks.pretty(settings.SUBSCRIPTION_RETRY_POLICY),
        }

    def clean_name(self) -> str:
        return self.without_card_number("name")

    def clean_features(self) -> dict[str, Any]:
        return self._object("features")

    def clean_retry_policy(self) -> dict[str, Any]:
        """Some or all of its fields; the service fills in the others."""
        body = RetryPolicyInput(data=self._object("retry_policy"))
        if not body.is_valid():
            raise ValidationError([f"{name}: {error}" for name, errors in body.errors.items() for error in errors])
        return dict(body.validated_data)

    def _object(self, name: str) -> dict[str, Any]:
        """Read as strictly as a body of the API."""
        try:
            return read_object(self.without_card_number(name).encode())
        except MalformedJSON as error:
            raise ValidationError(
                _("This is no JSON object: %(why)s") % {"why": error.detail}, code="no_json"
            ) from error
        except Invalid as error:
            raise ValidationError([f"{each.field}: {each.detail}" for each in error.errors]) from error


class NewPlanForm(PlanForm, KeyedForm):
    """One form is one plan, however often it is sent."""

    family = forms.CharField(
        max_length=100,
        initial=services.DEFAULT_FAMILY,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("Customers change between the plans of one family, and have one subscription and one trial of it."),
    )

    field_order = ["name", "family", *TERMS, "reason", "key"]

    @classmethod
    def about(cls, obj: Plan | None) -> dict[str, Any]:
        return super().about(obj) | {"family": services.DEFAULT_FAMILY}

    def clean_family(self) -> str:
        return self.without_card_number("family")


class ChangedPlanForm(PlanForm):
    """Knows which version it began with, so that it undoes nobody else's change."""

    number = forms.IntegerField(widget=forms.HiddenInput)

    @classmethod
    def about(cls, obj: Plan | None) -> dict[str, Any]:
        assert obj is not None
        latest = obj.latest_version
        assert latest is not None
        shown = {name: getattr(latest, name) for name in TERMS}
        shown |= {name: looks.pretty(shown[name]) for name in ("features", "retry_policy")}
        shown |= {"amount": written(latest.amount, latest.currency), "name": obj.name, "number": latest.number}
        return super().about(obj) | shown


def _create(_: None, actor: Principal, reason: str, *, name: str, family: str, key: str, **terms: Any) -> Said:
    answers = [name, family, *(str(terms[each]) for each in TERMS)]
    try:
        created = services.create_plan(
            actor=actor,
            name=name,
            family=family,
            terms=PlanTerms(**terms),
            key=claim(actor=actor, operation=OPERATION, key=key, answers=answers),
            reason=reason,
        )
    except Invalid as error:
        raise _beside_fields(error) from error
    said, onward = {"name": created.row.name}, looks.url_of(created.row)
    if created.is_new:
        return Said(gettext("%(name)s can be subscribed to.") % said, onward=onward)
    return Said(gettext("This form was sent before: %(name)s.") % said, messages.WARNING, onward=onward)


def _update(plan: Plan, actor: Principal, reason: str, *, number: int, **answers: Any) -> Said:
    latest = plan.latest_version
    assert latest is not None
    if latest.number != number:
        raise ValidationError(
            gettext("Somebody else has changed it meanwhile: it has version %(number)s. Open the form again.")
            % {"number": latest.number}
        )
    was = {name: getattr(latest, name) for name in TERMS} | {"name": plan.name}
    changes = {name: value for name, value in answers.items() if value != was[name]}
    if not changes:
        return Said(gettext("Nothing was to be changed."), messages.WARNING)
    try:
        changed = services.update_plan(actor=actor, plan_id=plan.pk, changes=changes, reason=reason)
    except Invalid as error:
        raise _beside_fields(error) from error
    assert changed.latest_version is not None
    if changed.latest_version.number == number:
        return Said(gettext("It is changed, and its price is as it was."))
    running = bounded_count(Subscription.objects.filter(plan_version=latest, status__in=LIVE).order_by("-pk"))
    return Said(
        gettext("From now on there is version %(new)s. What runs on version %(old)s keeps it: %(running)s.")
        % {"new": changed.latest_version.number, "old": number, "running": running}
    )


def _beside_fields(error: Invalid) -> ValidationError:
    """What the service says of each field, where it was typed; of a feature with its name."""
    said: dict[str, list[str]] = {}
    for each in error.errors:
        field, _, part = each.field.partition(".")
        said.setdefault(field, []).append(f"{part}: {each.detail}" if part else each.detail)
    return ValidationError(said)


def _retire(plan: Plan, actor: Principal, reason: str) -> Said:
    services.update_plan(actor=actor, plan_id=plan.pk, changes={"is_active": False}, reason=reason)
    return Said(_("Nobody can subscribe to it any more; what runs goes on."))


def _bring_back(plan: Plan, actor: Principal, reason: str) -> Said:
    services.update_plan(actor=actor, plan_id=plan.pk, changes={"is_active": True}, reason=reason)
    return Said(_("It can be subscribed to again."))


CREATE = ReasonedAction(
    name="add",
    label=_("New plan"),
    note=_("It can be subscribed to at once."),
    perform=_create,
    form=NewPlanForm,
)
UPDATE = ReasonedAction(
    name="update",
    permission="change",
    label=_("Change"),
    note=_(
        "A new name is seen everywhere. Anything else makes a new version, which is what is subscribed to from now on;"
        " what runs keeps the version that it began with."
    ),
    perform=_update,
    form=ChangedPlanForm,
)
RETIRE = ReasonedAction(
    name="retire",
    label=_("Retire"),
    note=_("Nobody can subscribe or change to it any more. What runs goes on."),
    perform=_retire,
    refusal=lambda plan: "" if plan.is_active else _("It is retired."),
    is_grave=True,
)
BRING_BACK = ReasonedAction(
    name="bring_back",
    permission="retire",
    label=_("Bring back"),
    note=_("It can be subscribed to again."),
    perform=_bring_back,
    refusal=lambda plan: _("It can be subscribed to.") if plan.is_active else "",
)
