"""The machines of payments and receipts."""

from django.db import models
from django.utils.translation import gettext_lazy as _
from django_fsm import FSMField, transition


class PaymentStatus(models.TextChoices):
    CREATED = "created", _("created")
    PROCESSING = "processing", _("processing")
    UNKNOWN = "unknown", _("unknown")
    REVIEW = "review", _("review")
    SUCCEEDED = "succeeded", _("succeeded")
    FAILED = "failed", _("failed")
    CANCELED = "canceled", _("canceled")


LIVE = (PaymentStatus.CREATED, PaymentStatus.PROCESSING, PaymentStatus.UNKNOWN, PaymentStatus.REVIEW)
"""A payment that may still bring money; an invoice has at most one."""
IN_FLIGHT = (PaymentStatus.PROCESSING, PaymentStatus.UNKNOWN)
"""The provider may have been asked, and has not said how it ended."""


class PaymentMachine(models.Model):
    """One attempt at one invoice. A lost answer is unknown, never failed."""

    status = FSMField(default=PaymentStatus.CREATED, choices=PaymentStatus.choices, protected=True, editable=False)

    class Meta:
        abstract = True

    @transition(field=status, source=[PaymentStatus.CREATED, PaymentStatus.UNKNOWN], target=PaymentStatus.PROCESSING)
    def process(self) -> None:
        """The provider is being asked, or has said that it is working on it."""

    @transition(field=status, source=PaymentStatus.PROCESSING, target=PaymentStatus.UNKNOWN)
    def lose(self) -> None:
        """The provider's answer was lost."""

    @transition(field=status, source=list(IN_FLIGHT), target=PaymentStatus.SUCCEEDED)
    def succeed(self) -> None:
        """The provider has the money."""

    @transition(field=status, source=list(IN_FLIGHT), target=PaymentStatus.FAILED)
    def fail(self) -> None:
        """The provider declined."""

    @transition(field=status, source=[PaymentStatus.CREATED, *IN_FLIGHT], target=PaymentStatus.CANCELED)
    def cancel(self) -> None:
        """Ended before any money moved."""

    @transition(field=status, source=[PaymentStatus.CREATED, *IN_FLIGHT], target=PaymentStatus.REVIEW)
    def review(self) -> None:
        """A person must look: amount, currency or account do not match, or nobody could tell how it ended."""


class ReceiptStatus(models.TextChoices):
    UNAPPLIED = "unapplied", _("unapplied")
    APPLIED = "applied", _("applied")


class ReceiptMachine(models.Model):
    """Money a provider or bank says we have."""

    status = FSMField(default=ReceiptStatus.UNAPPLIED, choices=ReceiptStatus.choices, protected=True, editable=False)

    class Meta:
        abstract = True

    @transition(field=status, source=ReceiptStatus.UNAPPLIED, target=ReceiptStatus.APPLIED)
    def apply(self) -> None:
        """It has paid an invoice."""
