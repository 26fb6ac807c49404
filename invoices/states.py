"""The invoice machine."""

from django.db import models
from django.utils.translation import gettext_lazy as _
from django_fsm import FSMField, transition


class InvoiceStatus(models.TextChoices):
    OPEN = "open", _("open")
    PROCESSING = "processing", _("processing")
    PAID = "paid", _("paid")
    FAILED = "failed", _("failed")
    VOID = "void", _("void")


class InvoiceMachine(models.Model):
    """Processing means that a payment is live. Paid and void are final; refunds do not reopen."""

    status = FSMField(default=InvoiceStatus.OPEN, choices=InvoiceStatus.choices, protected=True, editable=False)

    class Meta:
        abstract = True

    @transition(field=status, source=[InvoiceStatus.OPEN, InvoiceStatus.FAILED], target=InvoiceStatus.PROCESSING)
    def process(self) -> None:
        """A payment has gone live."""

    @transition(field=status, source=InvoiceStatus.PROCESSING, target=InvoiceStatus.OPEN)
    def reopen(self) -> None:
        """The live payment ended without money and another may follow."""

    @transition(field=status, source=InvoiceStatus.PROCESSING, target=InvoiceStatus.FAILED)
    def fail(self) -> None:
        """The live payment was declined for good; a person may still pay by hand."""

    @transition(
        field=status,
        source=[InvoiceStatus.OPEN, InvoiceStatus.PROCESSING, InvoiceStatus.FAILED],
        target=InvoiceStatus.PAID,
    )
    def pay(self) -> None:
        """Money for all that was due has been applied."""

    @transition(field=status, source=[InvoiceStatus.OPEN, InvoiceStatus.FAILED], target=InvoiceStatus.VOID)
    def void(self) -> None:
        """Nobody owes this any more."""
