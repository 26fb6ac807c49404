"""Disputes: money that the payer's bank has taken back, until the provider has judged."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from config.kernel import money
from config.kernel.fields import AmountField, CurrencyField, ExactCharField, PrefixedIdField
from config.kernel.prepared import PreparedModel
from invoices.models import Invoice
from payments.models.payments import Payment
from payments.models.receipts import Receipt
from payments.states import DisputeMachine, DisputeStatus


class Dispute(DisputeMachine, PreparedModel):
    """One dispute of one capture. It changes only under the invoice's lock."""

    id = PrefixedIdField(prefix="dp")
    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="disputes")
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="disputes")
    receipt = models.ForeignKey(Receipt, on_delete=models.PROTECT, related_name="disputes")
    amount = AmountField()
    currency = CurrencyField()
    reason = models.CharField(max_length=100, blank=True, help_text=_("The provider's word for it."))
    provider = ExactCharField(max_length=50)
    provider_account = ExactCharField(max_length=100)
    provider_reference = ExactCharField(max_length=200)
    evidence_due_at = models.DateTimeField(null=True, help_text=_("Until when the provider takes evidence."))
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    reinstated_at = models.DateTimeField(
        null=True, help_text=_("When the provider said that it was won after all: lost stays, the money is ours again.")
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["provider_reference", "provider", "provider_account"], name="payments_dispute_reference"
            ),
            models.CheckConstraint(condition=models.Q(status__in=DisputeStatus.values), name="payments_dispute_status"),
            models.CheckConstraint(condition=models.Q(amount__gt=0), name="payments_dispute_amount"),
        ]
        indexes = [
            models.Index(fields=["status", "id"], name="payments_dispute_status_id"),
            models.Index(fields=["status", "evidence_due_at"], name="payments_dispute_evidence_due"),
        ]

    def __str__(self) -> str:
        return f"{self.id} ({money.display(self.amount, self.currency)})"
