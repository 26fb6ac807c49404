"""The machine of provider events."""

from django.db import models
from django.utils.translation import gettext_lazy as _
from django_fsm import FSMField, transition


class ProviderEventStatus(models.TextChoices):
    RECEIVED = "received", _("received")
    PROCESSED = "processed", _("processed")
    IGNORED = "ignored", _("ignored")
    PARKED = "parked", _("parked")
    DEAD = "dead", _("dead")


WAITING = (ProviderEventStatus.RECEIVED, ProviderEventStatus.PARKED)
"""The sweep takes these up when they are due."""

ENDED = (ProviderEventStatus.PROCESSED, ProviderEventStatus.IGNORED)
"""Nothing is left to do, neither for the sweep nor for a person."""


class ProviderEventMachine(models.Model):
    """One thing a provider told us. Every state may be reopened: replaying is always safe."""

    status = FSMField(
        default=ProviderEventStatus.RECEIVED, choices=ProviderEventStatus.choices, protected=True, editable=False
    )

    class Meta:
        abstract = True

    @transition(field=status, source=list(WAITING), target=ProviderEventStatus.PROCESSED)
    def process(self) -> None:
        """It has taken effect."""

    @transition(field=status, source=list(WAITING), target=ProviderEventStatus.IGNORED)
    def ignore(self) -> None:
        """It is stale, or of a type nobody handles."""

    @transition(field=status, source=ProviderEventStatus.RECEIVED, target=ProviderEventStatus.PARKED)
    def park(self) -> None:
        """It refers to nothing that is known yet."""

    @transition(field=status, source=list(WAITING), target=ProviderEventStatus.DEAD)
    def bury(self) -> None:
        """It is no event, or it could not be applied for too long."""

    @transition(field=status, source="*", target=ProviderEventStatus.RECEIVED)
    def reopen(self) -> None:
        """Somebody replays it."""
