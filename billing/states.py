"""The machine of subscriptions."""

from django.db import models
from django.utils.translation import gettext_lazy as _
from django_fsm import FSMField, transition


class SubscriptionStatus(models.TextChoices):
    PENDING = "pending", _("pending")
    TRIALING = "trialing", _("trialing")
    ACTIVE = "active", _("active")
    PAST_DUE = "past_due", _("past due")
    UNPAID = "unpaid", _("unpaid")
    CANCELED = "canceled", _("canceled")
    EXPIRED = "expired", _("expired")


SERVED = (SubscriptionStatus.TRIALING, SubscriptionStatus.ACTIVE, SubscriptionStatus.PAST_DUE)
"""The customer may use what the plan holds."""
LIVE = (SubscriptionStatus.PENDING, *SERVED, SubscriptionStatus.UNPAID)
"""It has not ended; a customer has at most one such subscription of a family of plans."""


class SubscriptionMachine(models.Model):
    """It begins pending, or trialing where the plan has trial days. Canceled and expired are final."""

    status = FSMField(
        default=SubscriptionStatus.PENDING, choices=SubscriptionStatus.choices, protected=True, editable=False
    )

    class Meta:
        abstract = True

    @transition(
        field=status,
        source=[
            SubscriptionStatus.PENDING,
            SubscriptionStatus.TRIALING,
            SubscriptionStatus.PAST_DUE,
            SubscriptionStatus.UNPAID,
        ],
        target=SubscriptionStatus.ACTIVE,
    )
    def activate(self) -> None:
        """Nothing is owed: the first invoice is paid, or the last one that was overdue."""

    @transition(
        field=status,
        source=[SubscriptionStatus.TRIALING, SubscriptionStatus.ACTIVE],
        target=SubscriptionStatus.PAST_DUE,
    )
    def fall_due(self) -> None:
        """A payment was declined, or there was nothing to pay with. What the plan holds stays usable for now."""

    @transition(field=status, source=SubscriptionStatus.PAST_DUE, target=SubscriptionStatus.UNPAID)
    def suspend(self) -> None:
        """The days of grace are over: nothing is renewed and nothing can be used until somebody pays."""

    @transition(
        field=status,
        source=[SubscriptionStatus.PENDING, SubscriptionStatus.TRIALING],
        target=SubscriptionStatus.EXPIRED,
    )
    def expire(self) -> None:
        """It never became a paid one: the first invoice stayed unpaid, or the trial ended with nothing to pay with."""

    @transition(field=status, source=list(LIVE), target=SubscriptionStatus.CANCELED)
    def cancel(self) -> None:
        """Somebody ended it, or the days of grace did where the plan says so."""
