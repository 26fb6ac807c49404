"""Payments: attempts at an invoice."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from config.api.idempotency import IdempotentModel
from config.api.principals import Principal
from config.kernel import money
from config.kernel.fields import AmountField, CurrencyField, ExactCharField, PrefixedIdField
from invoices.models import Invoice
from payments.models.methods import PaymentMethod
from payments.states import LIVE, PaymentMachine, PaymentStatus


class PaymentQuerySet(models.QuerySet["Payment"]):
    """Reads of payments."""

    def visible_to(self, principal: Principal) -> "PaymentQuerySet":
        """Those that exist for whoever asks: for a customer, their own."""
        return self.filter(invoice__customer_id=principal.id) if principal.kind == "customer" else self


class Payment(PaymentMachine, IdempotentModel):
    """One attempt at one invoice, and the work item that makes it happen: due when `available_at` has come."""

    id = PrefixedIdField(prefix="pay")
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="payments")
    live_invoice = models.OneToOneField(
        Invoice,
        null=True,
        editable=False,
        on_delete=models.PROTECT,
        related_name="live_payment",
        help_text=_("The invoice while this payment is live, then empty: its uniqueness keeps it to one live payment."),
    )
    attempt = models.PositiveIntegerField(help_text=_("Which attempt at the invoice this is, from 1."))
    amount = AmountField()
    amount_refunded = AmountField(
        default=0,
        help_text=_("Has gone back of what had paid the invoice; money that paid nothing is not in it."),
    )
    currency = CurrencyField()
    provider = ExactCharField(max_length=50)
    provider_account = ExactCharField(max_length=100)
    provider_reference = ExactCharField(max_length=200, blank=True)
    payment_method = ExactCharField(max_length=200, blank=True)
    attached_method = models.ForeignKey(
        PaymentMethod,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="payments",
        help_text=_("The customer's payment method that the token is of, if it is of one."),
    )
    failure_code = models.CharField(max_length=100, blank=True)
    failure_retryable = models.BooleanField(null=True)
    failure_message = models.CharField(max_length=500, blank=True, help_text=_("Also why it is in review."))
    correlation_id = ExactCharField(max_length=100, blank=True, help_text=_("Of the request that asked for it."))
    created_at = models.DateTimeField()
    submitted_at = models.DateTimeField(null=True, help_text=_("When the provider was first asked, wall time."))
    ended_at = models.DateTimeField(null=True)
    cancel_requested_at = models.DateTimeField(
        null=True, help_text=_("Since when the provider is to cancel it; the provider decides.")
    )
    available_at = models.DateTimeField(
        null=True, help_text=_("When a sweep takes it up; empty when nothing is left to do.")
    )
    reconciliations = models.PositiveSmallIntegerField(default=0, help_text=_("How often the provider has been asked."))

    objects = PaymentQuerySet.as_manager()

    class Meta(IdempotentModel.Meta):
        abstract = False
        constraints = [
            *IdempotentModel.Meta.constraints,
            models.UniqueConstraint(fields=["invoice", "attempt"], name="payments_payment_attempt"),
            models.CheckConstraint(condition=models.Q(status__in=PaymentStatus.values), name="payments_payment_status"),
            models.CheckConstraint(
                condition=models.Q(status__in=LIVE, live_invoice__isnull=False, live_invoice=models.F("invoice"))
                | (~models.Q(status__in=LIVE) & models.Q(live_invoice__isnull=True)),
                name="payments_payment_live",
            ),
        ]
        indexes = [
            models.Index(fields=["available_at", "status"], name="payments_payment_due"),
            models.Index(fields=["status", "id"], name="payments_payment_status_id"),
            models.Index(fields=["provider_reference", "provider"], name="payments_payment_provider_ref"),
            models.Index(fields=["correlation_id"], name="payments_payment_correlation"),
        ]
        permissions = [
            ("confirm_payment", _("Can confirm manual payments")),
            ("fail_payment", _("Can fail manual payments")),
            ("cancel_payment", _("Can cancel payments")),
            ("refund_payment", _("Can refund payments")),
            ("resolve_payment", _("Can resolve payments in review")),
            ("reconcile_payment", _("Can have the provider asked about payments")),
        ]

    def __str__(self) -> str:
        return f"{self.id} ({money.display(self.amount, self.currency)})"

    @property
    def is_live(self) -> bool:
        """Whether it may still bring money."""
        return self.status in LIVE
