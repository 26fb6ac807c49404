"""Customers, invoices and their lines: who owes what. The ledger that proves it is in `invoices.ledger`."""

from django.db import models
from django.db.models.functions import Cast
from django.utils.translation import gettext_lazy as _

from config.api.idempotency import IdempotentModel
from config.api.principals import Principal
from config.kernel import money
from config.kernel.fields import AmountField, CurrencyField, ExactCharField, PrefixedIdField
from invoices.ledger.models import Entry, Journal
from invoices.states import InvoiceMachine, InvoiceStatus
from outbox.models import EventSource

__all__ = ["CreditEntry", "CreditKind", "Customer", "Entry", "Invoice", "InvoiceLine", "Journal"]


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
        permissions = [("credit_customer", _("Can grant and revoke customers' credit"))]

    def __str__(self) -> str:
        return self.name or self.email or self.id

    def credit_balances(self) -> list[tuple[str, int]]:
        """The currencies it has credit in, and how much, in minor units. One row of the index for each."""
        entries, found = self.credit_entries.order_by("-currency", "-number"), []
        latest = entries.first()
        while latest is not None:
            found.append((latest.currency, latest.balance))
            latest = entries.filter(currency__lt=latest.currency).first()
        return [(currency, balance) for currency, balance in reversed(found) if balance]


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
    tax_amount = models.BigIntegerField(
        default=0,
        db_default=0,
        help_text=_("The tax in the amount; negative when lines take more back than they charge."),
    )
    amount_paid = AmountField(default=0)
    amount_credited = AmountField(
        default=0, db_default=0, help_text=_("Paid out of the customer's credit; given back when it is voided.")
    )
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
            models.CheckConstraint(condition=models.Q(amount__gte=0), name="invoices_invoice_amount"),
            models.CheckConstraint(
                condition=models.Q(amount__gte=models.F("amount_paid") + models.F("amount_credited")),
                name="invoices_invoice_paid",
            ),
            models.CheckConstraint(
                condition=~models.Q(status=InvoiceStatus.PAID)
                | models.Q(amount=models.F("amount_paid") + models.F("amount_credited")),
                name="invoices_invoice_paid_in_full",
            ),
            models.CheckConstraint(
                condition=models.Q(amount_refunded__lte=models.F("amount_paid")), name="invoices_invoice_refunded"
            ),
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
        return 0 if self.status == InvoiceStatus.VOID else self.amount - self.amount_paid - self.amount_credited


class InvoiceLine(models.Model):
    """One thing charged for, or taken back. The lines of an invoice always add up to its amount."""

    id = PrefixedIdField(prefix="il")
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="lines")
    position = models.PositiveSmallIntegerField()
    description = models.CharField(max_length=500, blank=True)
    quantity = models.PositiveIntegerField(default=1)
    unit_amount = models.BigIntegerField()
    tax_amount = models.BigIntegerField(default=0, db_default=0, help_text=_("Tax on top of quantity × unit amount."))
    amount = models.BigIntegerField(help_text=_("Minor units; negative exactly when it reverses another line."))
    starts_at = models.DateTimeField(null=True, blank=True, help_text=_("From when it charges for a service."))
    ends_at = models.DateTimeField(null=True, blank=True, help_text=_("Until when, exclusive."))
    reverses = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="reversals",
        help_text=_("The line it takes back, in part or whole."),
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["invoice", "position"], name="invoices_line_position"),
            # Unsigned times negative is out of range in MariaDB, so the quantity is cast.
            models.CheckConstraint(
                condition=models.Q(
                    amount=Cast("quantity", models.BigIntegerField()) * models.F("unit_amount") + models.F("tax_amount")
                ),
                name="invoices_line_amount",
            ),
            models.CheckConstraint(
                condition=models.Q(reverses__isnull=True, unit_amount__gte=0, tax_amount__gte=0)
                | models.Q(reverses__isnull=False, unit_amount__lte=0, tax_amount__lte=0, amount__lt=0),
                name="invoices_line_sign",
            ),
            models.CheckConstraint(
                condition=models.Q(starts_at__isnull=True, ends_at__isnull=True)
                | models.Q(starts_at__lte=models.F("ends_at")),
                name="invoices_line_period",
            ),
        ]

    def __str__(self) -> str:
        return self.description or f"line {self.position}"


class CreditKind(models.TextChoices):
    GRANTED = "granted", _("granted")
    APPLIED = "applied", _("applied")
    RETURNED = "returned", _("returned")
    REVOKED = "revoked", _("revoked")


class CreditEntry(IdempotentModel):
    """A change of a customer's credit in one currency, and what there is after it. Only ever inserted."""

    id = PrefixedIdField(prefix="cre")
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="credit_entries")
    invoice = models.ForeignKey(
        Invoice,
        null=True,
        on_delete=models.PROTECT,
        related_name="credit_entries",
        help_text=_("Empty where somebody granted or revoked it."),
    )
    kind = models.CharField(max_length=20, choices=CreditKind.choices)
    amount = models.BigIntegerField(help_text=_("Minor units; negative when it was applied or revoked."))
    currency = CurrencyField()
    number = models.PositiveIntegerField(help_text=_("Gap-free per customer and currency, from 1."))
    balance = AmountField(help_text=_("What the customer has after it, in minor units."))
    reason = models.CharField(max_length=500, blank=True)
    actor = ExactCharField(max_length=200)
    created_at = models.DateTimeField()

    class Meta(IdempotentModel.Meta):
        abstract = False
        verbose_name_plural = "credit entries"
        constraints = [
            *IdempotentModel.Meta.constraints,
            models.UniqueConstraint(fields=["invoice", "kind"], name="invoices_creditentry_invoice_kind"),
            models.UniqueConstraint(fields=["customer", "currency", "number"], name="invoices_creditentry_number"),
            models.CheckConstraint(condition=models.Q(balance__gte=0), name="invoices_creditentry_balance"),
            models.CheckConstraint(
                condition=models.Q(kind__in=[CreditKind.GRANTED, CreditKind.RETURNED], amount__gt=0)
                | models.Q(kind__in=[CreditKind.APPLIED, CreditKind.REVOKED], amount__lt=0),
                name="invoices_creditentry_sign",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {money.display(self.amount, self.currency)}"
