"""Staff makes an endpoint, and changes one: what it is, and what it hears of."""

import contextlib
from collections.abc import Iterator
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from config.admin import KeyedForm, ReasonedAction, ReasonForm, Said, claim, looks, unless_transition
from config.api.principals import Principal
from webhooks.outbound import services
from webhooks.outbound.models import MAX_URL_LENGTH, Endpoint

OPERATION = "admin.create_endpoint"
MAX_PATTERNS_LENGTH = 5000


class EndpointForm(ReasonForm):
    """What an endpoint is. The service says which address and which types it refuses."""

    url = forms.CharField(
        label=_("URL"),
        max_length=MAX_URL_LENGTH,
        widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "url", "autofocus": True}),
        help_text=_("Where events are posted to."),
    )
    events = forms.CharField(
        max_length=MAX_PATTERNS_LENGTH,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 4}),
        help_text=_("Types of events, one a line, as in docs/events.md; * stands for anything: invoice.*"),
    )
    description = forms.CharField(required=False, max_length=500, widget=UnfoldAdminTextInputWidget)

    field_order = ["url", "events", "description", "reason"]

    @classmethod
    def about(cls, obj: Endpoint | None) -> dict[str, Any]:
        if obj is None:
            return super().about(obj)
        shown = {"url": obj.url, "events": "\n".join(obj.events), "description": obj.description}
        return super().about(obj) | shown

    def clean_url(self) -> str:
        return self.without_card_number("url")

    def clean_events(self) -> list[str]:
        """Each pattern once."""
        return list(dict.fromkeys(self.without_card_number("events").split()))

    def clean_description(self) -> str:
        return self.without_card_number("description")


class NewEndpointForm(EndpointForm, KeyedForm):
    """One form is one endpoint, however often it is sent."""

    field_order = [*EndpointForm.field_order, "key"]


@contextlib.contextmanager
def _said_beside_fields() -> Iterator[None]:
    """What the service refuses is mended in the form, which is long: nobody types it again."""
    try:
        yield
    except services.UrlRefused as error:
        raise ValidationError({"url": error.detail}) from error
    except services.UnknownEventType as error:
        raise ValidationError({"events": error.detail}) from error


@_said_beside_fields()
def _create(
    _: None, actor: Principal, reason: str, *, url: str, events: list[str], description: str, key: str
) -> Said:  # fmt: skip
    created = services.create_endpoint(
        actor=actor,
        url=url,
        listens_to=events,
        description=description,
        key=claim(actor=actor, operation=OPERATION, key=key, answers=[url, description, *events]),
        reason=reason,
    )
    onward = looks.url_of(created.row)
    if not created.is_new:
        text = gettext("This form was sent before; the secret was shown then. Rotate it if it is lost.")
        return Said(text, messages.WARNING, onward=onward)
    (secret,) = services.valid_secrets(created.row)
    text = gettext("The endpoint is there. Its receiver checks signatures with this secret:")
    return Said(text, secret=secret, onward=onward)


@_said_beside_fields()
def _update(endpoint: Endpoint, actor: Principal, reason: str, **answers: Any) -> Said:
    changes = {name: value for name, value in answers.items() if value != getattr(endpoint, name)}
    if not changes:
        return Said(gettext("Nothing was to be changed."), messages.WARNING)
    services.update_endpoint(actor=actor, endpoint_id=endpoint.pk, changes=changes, reason=reason)
    return Said(gettext("It is changed; what is sent from now on goes by that."))


CREATE = ReasonedAction(
    name="add",
    label=_("New webhook endpoint"),
    note=_("It hears of what happens from now on. Its secret is shown once, on the next page."),
    perform=_create,
    form=NewEndpointForm,
)
UPDATE = ReasonedAction(
    name="update",
    permission="change",
    label=_("Change"),
    note=_("Its address, what it hears of, its description. What waits is sent to the new address."),
    perform=_update,
    refusal=unless_transition("remove"),
    form=EndpointForm,
)
