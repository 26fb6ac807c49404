"""Customers, invoices and their lines: who owes what. The ledger that proves it is in `invoices.ledger`."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from config.api.idempotency import IdempotentModel
from config.api.principals import Principal
from config.kernel import money
from config.kernel.fields import AmountField, CurrencyField, ExactCharField, PrefixedIdField
from invoices.ledger.models import Entry, Journal
from invoices.states import InvoiceMachine, InvoiceStatus
from outbox.models import EventSource

__all__ = ["Customer", "Entry", "Invoice", "InvoiceLine", "Journal"]


class CustomerQuerySet(models.QuerySet["Customer"]):
    """Reads of customers."""

    def visible_to(self, principal: Principal) -> "CustomerQuerySet":
        """Those that exist for whoever asks: for a customer, their own."""
        return self.filter(pk=principal.id) if principal.kind == "customer" else self


class Customer(EventSource, IdempotentModel):
    """Somebody who owes."""

    id = PrefixedIdField(prefix="cus")
    name = models.CharField(max_length=200, blank=True)
    email = models.EmailField(blank=True)
    metadata = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField()

    objects = CustomerQuerySet.as_manager()

    class Meta(IdempotentModel.Meta):
        abstract = False
        indexes = [models.Index(fields=["email"], name="invoices_customer_email")]

    def __str__(self) -> str:
        return self.name or self.email or self.id


class InvoiceQuerySet(models.QuerySet["Invoice"]):
    """Reads of invoices."""

    def visible_to(self, principal: Principal) -> "InvoiceQuerySet":
        """Those that exist for whoever asks: for a customer, their own."""
        return self.filter(customer_id=principal.id) if principal.kind == "customer" else self


class Invoice(InvoiceMachine, EventSource, IdempotentModel):
    """What one customer, or nobody in particular, owes. The aggregate whose log also carries its payments' events."""

    id = PrefixedIdField(prefix="inv")
    owner = ExactCharField(max_length=100, editable=False)
    number = ExactCharField(max_length=100, null=True, blank=True, unique=True)
    order_id = ExactCharField(max_length=100, null=True, blank=True)
    customer = models.ForeignKey(Customer, null=True, blank=True, on_delete=models.PROTECT, related_name="invoices")
    description = models.CharField(max_length=500, blank=True)
    due_on = models.DateField(null=True, blank=True)
    metadata = models.JSONField(default=dict, blank=True)
    amount = AmountField()
    tax_amount = AmountField(default=0, db_default=0, help_text=_("The tax in the amount."))
    amount_paid = AmountField(default=0)
    amount_refunded = AmountField(default=0)
    currency = CurrencyField()
    attempts = models.PositiveIntegerField(default=0, help_text=_("How many payments have tried to pay it."))
    retry_policy = models.JSONField(
        null=True, help_text=_("When a declined payment is tried again, as it was decided when the invoice was issued.")
    )
    next_attempt_at = models.DateTimeField(
        null=True, help_text=_("When the next payment is made by itself; empty when none is to be.")
    )
    created_at = models.DateTimeField()
    paid_at = models.DateTimeField(null=True)
    voided_at = models.DateTimeField(null=True)

    objects = InvoiceQuerySet.as_manager()

    class Meta(IdempotentModel.Meta):
        abstract = False
        constraints = [
            *IdempotentModel.Meta.constraints,
            models.UniqueConstraint(fields=["order_id", "owner"], name="invoices_invoice_order_owner"),
            models.CheckConstraint(condition=models.Q(status__in=InvoiceStatus.values), name="invoices_invoice_status"),
            models.CheckConstraint(condition=models.Q(amount__gt=0), name="invoices_invoice_amount"),
            models.CheckConstraint(
                condition=models.Q(amount_paid__lte=models.F("amount")), name="invoices_invoice_paid"
            ),
            models.CheckConstraint(
                condition=~models.Q(status=InvoiceStatus.PAID) | models.Q(amount_paid=models.F("amount")),
                name="invoices_invoice_paid_in_full",
            ),
            models.CheckConstraint(
                condition=models.Q(amount_refunded__lte=models.F("amount_paid")), name="invoices_invoice_refunded"
            ),
            models.CheckConstraint(condition=models.Q(tax_amount__lte=models.F("amount")), name="invoices_invoice_tax"),
            models.CheckConstraint(
                condition=models.Q(next_attempt_at__isnull=True) | models.Q(status=InvoiceStatus.OPEN),
                name="invoices_invoice_next_attempt",
            ),
        ]
        indexes = [
            models.Index(fields=["status", "id"], name="invoices_invoice_status_id"),
            models.Index(fields=["next_attempt_at", "id"], name="invoices_invoice_due"),
        ]
        permissions = [("void_invoice", _("Can void invoices")), ("pay_invoice", _("Can have invoices paid again"))]

    def __str__(self) -> str:
        return f"{self.number or self.id} ({money.display(self.amount, self.currency)})"

    @property
    def amount_due(self) -> int:
        """Minor units still owed; nothing once void."""
        return 0 if self.status == InvoiceStatus.VOID else self.amount - self.amount_paid


class InvoiceLine(models.Model):
    """One thing charged for. The lines of an invoice always add up to its amount."""

    id = PrefixedIdField(prefix="il")
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="lines")
    position = models.PositiveSmallIntegerField()
    description = models.CharField(max_length=500, blank=True)
    quantity = models.PositiveIntegerField(default=1)
    unit_amount = AmountField()
    tax_amount = AmountField(default=0, db_default=0, help_text=_("Tax on top of quantity × unit amount."))
    amount = AmountField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["invoice", "position"], name="invoices_line_position"),
            models.CheckConstraint(
                condition=models.Q(amount=models.F("quantity") * models.F("unit_amount") + models.F("tax_amount")),
                name="invoices_line_amount",
            ),
        ]

    def __str__(self) -> str:
        return self.description or f"line {self.position}"
