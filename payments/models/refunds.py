"""Refunds: money on its way back."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from config.api.idempotency import IdempotentModel
from config.api.principals import Principal
from config.kernel import money
from config.kernel.fields import AmountField, CurrencyField, ExactCharField, PrefixedIdField
from invoices.models import Invoice
from payments.models.payments import Payment
from payments.models.receipts import Receipt
from payments.states import REFUND_LIVE, RefundMachine, RefundStatus


class RefundQuerySet(models.QuerySet["Refund"]):
    """Reads of refunds."""

    def visible_to(self, principal: Principal) -> "RefundQuerySet":
        """Those that exist for whoever asks: for a customer, their own."""
        return self.filter(invoice__customer_id=principal.id) if principal.kind == "customer" else self


class Refund(RefundMachine, IdempotentModel):
    """One repayment out of one receipt, and the work item that makes it happen: due when `available_at` has come.

    Its amount is reserved on the receipt while it is live. All of it changes only under the invoice's lock.
    """

    id = PrefixedIdField(prefix="re")
    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="refunds")
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="refunds")
    receipt = models.ForeignKey(Receipt, on_delete=models.PROTECT, related_name="refunds")
    amount = AmountField()
    currency = CurrencyField()
    amount_unapplied = AmountField(
        default=0, help_text=_("Of the amount, what had paid nothing: the invoice does not count it as refunded.")
    )
    reason = models.CharField(max_length=500, blank=True)
    provider = ExactCharField(max_length=50)
    provider_account = ExactCharField(max_length=100)
    charge_reference = ExactCharField(max_length=200, blank=True, help_text=_("The charge the money came by."))
    provider_reference = ExactCharField(
        max_length=200, null=True, blank=True, help_text=_("The provider's own id of this refund, once it is known.")
    )
    failure_code = models.CharField(max_length=100, blank=True)
    failure_message = models.CharField(max_length=500, blank=True)
    correlation_id = ExactCharField(max_length=100, blank=True, help_text=_("Of the request that asked for it."))
    created_at = models.DateTimeField()
    submitted_at = models.DateTimeField(null=True, help_text=_("When the provider was first asked, wall time."))
    ended_at = models.DateTimeField(null=True)
    available_at = models.DateTimeField(
        null=True, help_text=_("When a sweep takes it up; empty when nothing is left to do, or only a person can tell.")
    )
    reconciliations = models.PositiveSmallIntegerField(default=0, help_text=_("How often the provider has been asked."))

    objects = RefundQuerySet.as_manager()

    class Meta(IdempotentModel.Meta):
        abstract = False
        constraints = [
            *IdempotentModel.Meta.constraints,
            models.UniqueConstraint(
                fields=["provider_reference", "provider", "provider_account"], name="payments_refund_reference"
            ),
            models.CheckConstraint(condition=models.Q(status__in=RefundStatus.values), name="payments_refund_status"),
            models.CheckConstraint(condition=models.Q(amount__gt=0), name="payments_refund_amount"),
            models.CheckConstraint(
                condition=models.Q(amount_unapplied__lte=models.F("amount")), name="payments_refund_unapplied"
            ),
        ]
        indexes = [
            models.Index(fields=["available_at", "status"], name="payments_refund_due"),
            models.Index(fields=["status", "id"], name="payments_refund_status_id"),
            models.Index(fields=["correlation_id"], name="payments_refund_correlation"),
        ]
        permissions = [
            ("confirm_refund", _("Can confirm refunds")),
            ("fail_refund", _("Can fail refunds")),
            ("reconcile_refund", _("Can have the provider asked about refunds")),
        ]

    def __str__(self) -> str:
        return f"{self.id} ({money.display(self.amount, self.currency)})"

    @property
    def amount_applied(self) -> int:
        """Of the amount, what had paid the invoice, in minor units."""
        applied: int = self.amount - self.amount_unapplied
        return applied

    @property
    def is_live(self) -> bool:
        """Whether it may still move money."""
        return self.status in REFUND_LIVE
