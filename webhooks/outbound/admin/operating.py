"""What staff does to an endpoint: whether anything is sent there, with which secret; and to try it."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget

from config.admin import ReasonedAction, ReasonForm, Said, looks, unless_refused, unless_transition
from config.admin.actions import Text
from config.api.principals import Principal
from webhooks.outbound import services
from webhooks.outbound.models import Endpoint

HOUR = 3600


class RotateForm(ReasonForm):
    """For how long the secret before it goes on signing: the time that the receiver has to take over the new one."""

    overlap_seconds = forms.TypedChoiceField(
        coerce=int,
        initial=services.DEFAULT_OVERLAP_SECONDS,
        choices=[
            (0, _("not at all: it has leaked")),
            (HOUR, _("1 hour")),
            (services.DEFAULT_OVERLAP_SECONDS, _("1 day")),
            (services.MAX_OVERLAP_SECONDS, _("7 days")),
        ],
        widget=UnfoldAdminSelectWidget,
        label=_("The old one goes on signing for"),
    )

    field_order = ["overlap_seconds", "reason"]


def _by(service: Callable[..., object], text: Text) -> Callable[..., Said]:
    def perform(endpoint: Endpoint, actor: Principal, reason: str) -> Said:
        service(actor=actor, endpoint_id=endpoint.pk, reason=reason)
        return Said(text)

    return perform


def _rotate(endpoint: Endpoint, actor: Principal, reason: str, *, overlap_seconds: int) -> Said:
    secret = services.rotate_secret(
        actor=actor, endpoint_id=endpoint.pk, overlap_seconds=overlap_seconds, reason=reason
    )
    return Said(gettext("Everything that is sent from now on is signed with this secret:"), secret=secret)


def _ping(endpoint: Endpoint, actor: Principal, reason: str) -> Said:
    delivery = services.ping(actor=actor, endpoint_id=endpoint.pk, reason=reason)
    link: Any = looks.link(delivery)
    return Said(format_html(gettext("{} is on its way."), link))


PAUSE = ReasonedAction(
    name="pause",
    permission="operate",
    label=_("Pause"),
    note=_("Nothing is sent until it is resumed; what happens meanwhile waits."),
    perform=_by(services.pause, _("It is paused: what happens from now on waits.")),
    refusal=unless_transition("pause"),
)
RESUME = ReasonedAction(
    name="resume",
    permission="operate",
    label=_("Resume"),
    note=_("What has waited is sent, and what comes."),
    perform=_by(services.resume, _("It is resumed: what has waited is sent now.")),
    refusal=unless_transition("resume"),
)
DISABLE = ReasonedAction(
    name="disable",
    permission="operate",
    label=_("Disable"),
    note=_("It hears of nothing more, and nothing is kept for it; what waits stays until it is enabled again."),
    perform=_by(services.disable, _("It is disabled: it does not hear of what happens from now on.")),
    refusal=unless_transition("disable"),
    is_grave=True,
)
ENABLE = ReasonedAction(
    name="enable",
    permission="operate",
    label=_("Enable"),
    note=_("It hears of what happens from now on; what was waiting when it was disabled is sent."),
    perform=_by(services.enable, _("It is enabled: it hears of what happens from now on.")),
    refusal=unless_transition("enable"),
)
ROTATE = ReasonedAction(
    name="rotate",
    permission="operate",
    label=_("Rotate secret"),
    note=_("A new secret, shown once on the next page; the old one goes on signing beside it for a while."),
    perform=_rotate,
    refusal=unless_transition("remove"),
    form=RotateForm,
)
PING = ReasonedAction(
    name="ping",
    permission="operate",
    label=_("Send a ping"),
    note=_("A delivery that tells of nothing, signed like any other, to see whether it arrives."),
    perform=_ping,
    refusal=unless_refused(services.check_enabled),
)
DELETE = ReasonedAction(
    name="delete",
    label=_("Delete"),
    note=_("Nothing is sent there any more, and what waits is dead; all of it stays to be read. There is no way back."),
    perform=_by(services.delete, _("It is deleted.")),
    refusal=unless_transition("remove"),
    is_grave=True,
)
