"""Payment methods: tokens of a provider that customers keep with us."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.utils.translation import gettext_lazy as _

from config.api.idempotency import IdempotentModel
from config.api.principals import Principal
from config.kernel.fields import ExactCharField, PrefixedIdField
from invoices.models import Customer


class PaymentMethodQuerySet(models.QuerySet["PaymentMethod"]):
    def visible_to(self, principal: Principal) -> Self:
        """Those that exist for whoever asks: for customers their own."""
        return self.filter(customer=principal.id) if principal.kind == "customer" else self


class PaymentMethod(IdempotentModel):
    """A token that one customer pays with, never a card number. It changes only under the customer's lock.

    Once detached it stays, for payments refer to it, and nothing new is paid with it.
    """

    id = PrefixedIdField(prefix="pm")
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="payment_methods")
    attached_to = models.ForeignKey(
        Customer,
        null=True,
        editable=False,
        on_delete=models.PROTECT,
        related_name="attached_payment_methods",
        help_text=_("The customer until it is detached, then empty: its uniqueness keeps a token from coming twice."),
    )
    default_for = models.OneToOneField(
        Customer,
        null=True,
        editable=False,
        on_delete=models.PROTECT,
        related_name="default_payment_method",
        help_text=_("The customer while this is the default, else empty: its uniqueness keeps it to one default."),
    )
    provider = ExactCharField(max_length=50)
    provider_account = ExactCharField(max_length=100)
    token = ExactCharField(max_length=200, help_text=_("The provider's; never a card number."))
    brand = models.CharField(max_length=50)
    last4 = models.CharField(max_length=4)
    exp_month = models.PositiveSmallIntegerField()
    exp_year = models.PositiveSmallIntegerField()
    notice_due_at = models.DateTimeField(
        null=True, help_text=_("When its expiry is announced; empty when that is done, or is no longer of use.")
    )
    created_at = models.DateTimeField()
    detached_at = models.DateTimeField(null=True)

    objects = PaymentMethodQuerySet.as_manager()

    class Meta(IdempotentModel.Meta):
        abstract = False
        constraints = [
            *IdempotentModel.Meta.constraints,
            models.UniqueConstraint(
                fields=["attached_to", "token", "provider", "provider_account"], name="payments_method_attached_once"
            ),
            models.CheckConstraint(
                condition=models.Q(detached_at=None, attached_to__isnull=False, attached_to=models.F("customer"))
                | models.Q(detached_at__isnull=False, attached_to=None, default_for=None),
                name="payments_method_attached",
            ),
            models.CheckConstraint(
                condition=models.Q(default_for__isnull=True) | models.Q(default_for=models.F("customer")),
                name="payments_method_default",
            ),
            models.CheckConstraint(condition=models.Q(exp_month__range=(1, 12)), name="payments_method_exp_month"),
        ]
        indexes = [
            models.Index(fields=["detached_at", "id"], name="payments_method_detached"),
            models.Index(fields=["notice_due_at", "id"], name="payments_method_notice"),
        ]
        permissions = [
            ("detach_paymentmethod", _("Can detach payment methods")),
            ("make_default_paymentmethod", _("Can make payment methods the default")),
        ]

    def __str__(self) -> str:
        return f"{self.brand} •••• {self.last4}"

    @property
    def is_default(self) -> bool:
        """Whether the customer's invoices are paid with it where nothing else is said."""
        return self.default_for_id is not None

    @property
    def is_attached(self) -> bool:
        """Whether it can be paid with."""
        return self.detached_at is None
