"""How every machine is moved, and the machine of an event that one subscriber could not take."""

from django.db import models
from django.utils.translation import gettext_lazy as _
from django_fsm import FSMField, TransitionNotAllowed, transition

from config.kernel.errors import ForbiddenTransition


def advance(row: models.Model, action: str) -> None:
    """Call the transition method `action` of a machine; raise ForbiddenTransition where its table has no such step."""
    try:
        getattr(row, action)()
    except TransitionNotAllowed as error:
        raise ForbiddenTransition(
            action=action,
            resource=str(row._meta.verbose_name),
            status=row.serializable_value("status"),
            id=str(row.pk),
        ) from error


class HeldStatus(models.TextChoices):
    HELD = "held", _("held")
    DELIVERED = "delivered", _("delivered")
    SKIPPED = "skipped", _("skipped")


class HeldEventMachine(models.Model):
    """While held, the event blocks its aggregate for its subscriber. Delivered and skipped are final."""

    status = FSMField(default=HeldStatus.HELD, choices=HeldStatus.choices, protected=True, editable=False)

    class Meta:
        abstract = True

    @transition(field=status, source=HeldStatus.HELD, target=HeldStatus.DELIVERED)
    def deliver(self) -> None:
        """The subscriber took it after all."""

    @transition(field=status, source=HeldStatus.HELD, target=HeldStatus.SKIPPED)
    def skip(self) -> None:
        """Staff decided that this subscriber will never get it."""
