"""The machines of endpoints and deliveries."""

from django.db import models
from django.utils.translation import gettext_lazy as _
from django_fsm import FSMField, transition


class EndpointStatus(models.TextChoices):
    ENABLED = "enabled", _("enabled")
    PAUSED = "paused", _("paused")
    DISABLED = "disabled", _("disabled")
    DELETED = "deleted", _("deleted")


COLLECTING = (EndpointStatus.ENABLED, EndpointStatus.PAUSED)
"""Events of these endpoints' types become deliveries."""


class EndpointMachine(models.Model):
    """Somebody's address. What is paused collects, to be sent when it is resumed; what is disabled hears nothing."""

    status = FSMField(default=EndpointStatus.ENABLED, choices=EndpointStatus.choices, protected=True, editable=False)

    class Meta:
        abstract = True

    @transition(field=status, source=EndpointStatus.ENABLED, target=EndpointStatus.PAUSED)
    def pause(self) -> None:
        """Nothing is sent for a while."""

    @transition(field=status, source=EndpointStatus.PAUSED, target=EndpointStatus.ENABLED)
    def resume(self) -> None:
        """What has waited is sent."""

    @transition(field=status, source=list(COLLECTING), target=EndpointStatus.DISABLED)
    def disable(self) -> None:
        """Nobody answers there any more, or its owner wants no more."""

    @transition(field=status, source=EndpointStatus.DISABLED, target=EndpointStatus.ENABLED)
    def enable(self) -> None:
        """It hears of what happens from now on, and of what was left undelivered."""

    @transition(field=status, source=[*COLLECTING, EndpointStatus.DISABLED], target=EndpointStatus.DELETED)
    def remove(self) -> None:
        """Its deliveries stay to be read."""


class DeliveryStatus(models.TextChoices):
    PENDING = "pending", _("pending")
    DELIVERED = "delivered", _("delivered")
    DEAD = "dead", _("dead")


class DeliveryMachine(models.Model):
    """One event for one endpoint. What has ended may be sent again: receivers know the event by its id."""

    status = FSMField(default=DeliveryStatus.PENDING, choices=DeliveryStatus.choices, protected=True, editable=False)

    class Meta:
        abstract = True

    @transition(field=status, source=DeliveryStatus.PENDING, target=DeliveryStatus.DELIVERED)
    def deliver(self) -> None:
        """It was answered with 2xx."""

    @transition(field=status, source=DeliveryStatus.PENDING, target=DeliveryStatus.DEAD)
    def bury(self) -> None:
        """No try is left, or its endpoint is gone."""

    @transition(field=status, source="*", target=DeliveryStatus.PENDING)
    def resend(self) -> None:
        """Somebody wants it tried again, with all its tries before it."""
