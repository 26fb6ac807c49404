"""The machines of payments, receipts, refunds and disputes."""

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
    REFUNDED = "refunded", _("refunded")


IN_FLIGHT = (PaymentStatus.PROCESSING, PaymentStatus.UNKNOWN)
"""The provider may have been asked, and has not said how it ended."""
AWAITED = (PaymentStatus.CREATED, *IN_FLIGHT)
"""A payment that ends by itself: no person has to look at it first."""
LIVE = (*AWAITED, PaymentStatus.REVIEW)
"""A payment that may still bring money; an invoice has at most one."""


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

    @transition(field=status, source=[*IN_FLIGHT, PaymentStatus.REVIEW], target=PaymentStatus.SUCCEEDED)
    def succeed(self) -> None:
        """The provider has the money; out of review only staff says so."""

    @transition(field=status, source=[*IN_FLIGHT, PaymentStatus.REVIEW], target=PaymentStatus.FAILED)
    def fail(self) -> None:
        """The provider declined; out of review only staff says so."""

    @transition(field=status, source=list(AWAITED), target=PaymentStatus.CANCELED)
    def cancel(self) -> None:
        """Ended before any money moved."""

    @transition(field=status, source=list(AWAITED), target=PaymentStatus.REVIEW)
    def review(self) -> None:
        """A person must look: amount, currency or account do not match, or nobody could tell how it ended."""

    @transition(field=status, source=PaymentStatus.SUCCEEDED, target=PaymentStatus.REFUNDED)
    def refund(self) -> None:
        """All of its money has gone back."""


class ReceiptStatus(models.TextChoices):
    UNAPPLIED = "unapplied", _("unapplied")
    APPLIED = "applied", _("applied")
    REFUNDING = "refunding", _("refunding")
    REFUNDED = "refunded", _("refunded")


class ReceiptMachine(models.Model):
    """Money a provider or bank says we have."""

    status = FSMField(default=ReceiptStatus.UNAPPLIED, choices=ReceiptStatus.choices, protected=True, editable=False)

    class Meta:
        abstract = True

    @transition(field=status, source=ReceiptStatus.UNAPPLIED, target=ReceiptStatus.APPLIED)
    def apply(self) -> None:
        """It has paid an invoice, whole or in part; what is refunded of it later is told by amounts."""

    @transition(field=status, source=ReceiptStatus.UNAPPLIED, target=ReceiptStatus.REFUNDING)
    def give_back(self) -> None:
        """It pays nothing: all of it is being refunded."""

    @transition(field=status, source=ReceiptStatus.REFUNDING, target=ReceiptStatus.REFUNDED)
    def finish_refund(self) -> None:
        """All of it has gone back."""

    @transition(field=status, source=ReceiptStatus.REFUNDING, target=ReceiptStatus.UNAPPLIED)
    def fail_refund(self) -> None:
        """It could not be given back: somebody must decide again."""


class RefundStatus(models.TextChoices):
    CREATED = "created", _("created")
    PROCESSING = "processing", _("processing")
    UNKNOWN = "unknown", _("unknown")
    SUCCEEDED = "succeeded", _("succeeded")
    FAILED = "failed", _("failed")


REFUND_IN_FLIGHT = (RefundStatus.PROCESSING, RefundStatus.UNKNOWN)
"""The provider may have been asked, and has not said how it ended."""
REFUND_LIVE = (RefundStatus.CREATED, *REFUND_IN_FLIGHT)
"""A refund that may still move money; its amount is reserved on its receipt."""


class RefundMachine(models.Model):
    """Money on its way back. One that fails after it succeeded keeps its state and books a receipt."""

    status = FSMField(default=RefundStatus.CREATED, choices=RefundStatus.choices, protected=True, editable=False)

    class Meta:
        abstract = True

    @transition(field=status, source=[RefundStatus.CREATED, RefundStatus.UNKNOWN], target=RefundStatus.PROCESSING)
    def process(self) -> None:
        """The provider is being asked, or has said that it is working on it."""

    @transition(field=status, source=RefundStatus.PROCESSING, target=RefundStatus.UNKNOWN)
    def lose(self) -> None:
        """The provider's answer was lost."""

    @transition(field=status, source=list(REFUND_IN_FLIGHT), target=RefundStatus.SUCCEEDED)
    def succeed(self) -> None:
        """The money has gone back."""

    @transition(field=status, source=list(REFUND_IN_FLIGHT), target=RefundStatus.FAILED)
    def fail(self) -> None:
        """The provider refused; the receipt has its money again."""


class DisputeStatus(models.TextChoices):
    OPEN = "open", _("open")
    WON = "won", _("won")
    LOST = "lost", _("lost")


class DisputeMachine(models.Model):
    """The payer's bank has taken the money back and the provider judges. While open it blocks refunds."""

    status = FSMField(default=DisputeStatus.OPEN, choices=DisputeStatus.choices, protected=True, editable=False)

    class Meta:
        abstract = True

    @transition(field=status, source=DisputeStatus.OPEN, target=DisputeStatus.WON)
    def win(self) -> None:
        """The money is ours again."""

    @transition(field=status, source=DisputeStatus.OPEN, target=DisputeStatus.LOST)
    def lose(self) -> None:
        """The money is gone."""
