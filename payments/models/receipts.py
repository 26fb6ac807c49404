"""Receipts: money that arrived."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.utils.translation import gettext_lazy as _

from config.kernel import money
from config.kernel.fields import AmountField, CurrencyField, ExactCharField, PrefixedIdField
from config.kernel.prepared import PreparedModel
from invoices.models import Invoice
from payments.models.payments import Payment
from payments.states import ReceiptMachine, ReceiptStatus

if TYPE_CHECKING:
    from payments.models.refunds import Refund


class Receipt(ReceiptMachine, PreparedModel):
    """Money the provider says it has captured, once per capture, whatever the state of the payment it came for.

    `amount` is what has paid the invoice, what pays nothing yet, and what was given back without paying anything. All
    of it changes only under the invoice's lock.
    """

    id = PrefixedIdField(prefix="rct")
    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="receipts")
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="receipts")
    returned_refund = models.OneToOneField(
        "payments.Refund",
        null=True,
        editable=False,
        on_delete=models.PROTECT,
        related_name="return_receipt",
        help_text=_("The refund that came back, where this is its money and no capture."),
    )
    provider = ExactCharField(max_length=50)
    provider_account = ExactCharField(max_length=100)
    provider_reference = ExactCharField(max_length=200)
    amount = AmountField()
    amount_applied = AmountField(default=0, db_default=0, help_text=_("Has paid the invoice."))
    amount_unapplied = AmountField(default=0, db_default=0, help_text=_("Pays nothing, and is not on its way back."))
    amount_refunding = AmountField(default=0, db_default=0, help_text=_("Reserved by refunds that have not ended."))
    amount_refunded = AmountField(default=0, db_default=0, help_text=_("Has gone back, applied before or not."))
    currency = CurrencyField()
    received_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["provider_reference", "provider", "provider_account"], name="payments_receipt_capture"
            ),
            models.CheckConstraint(condition=models.Q(status__in=ReceiptStatus.values), name="payments_receipt_status"),
            models.CheckConstraint(
                condition=models.Q(amount__gte=models.F("amount_applied") + models.F("amount_unapplied")),
                name="payments_receipt_applied",
            ),
            models.CheckConstraint(
                condition=models.Q(
                    amount__gte=models.F("amount_unapplied")
                    + models.F("amount_refunding")
                    + models.F("amount_refunded")
                ),
                name="payments_receipt_refunded",
            ),
        ]
        indexes = [
            models.Index(fields=["status", "id"], name="payments_receipt_status_id"),
            models.Index(fields=["amount_unapplied"], name="payments_receipt_unapplied"),
        ]
        permissions = [("dispose_receipt", _("Can apply or return money that pays nothing"))]

    def __str__(self) -> str:
        return f"{self.id} ({money.display(self.amount, self.currency)})"

    @property
    def amount_refundable(self) -> int:
        """Of what has paid the invoice, the minor units that no refund has taken or reserved."""
        left: int = self.amount - self.amount_unapplied - self.amount_refunding - self.amount_refunded
        return left

    @property
    def charge_reference(self) -> str:
        """The provider's reference of the charge that a refund of this money names."""
        refund: Refund | None = self.returned_refund
        reference: str = self.provider_reference if refund is None else refund.charge_reference
        return reference
