"""Subscriptions, and the invoices they have caused."""

import datetime

from django.db import models
from django.utils.translation import gettext_lazy as _

from billing.models.plans import PlanVersion
from billing.states import LIVE, SubscriptionMachine, SubscriptionStatus
from config.api.idempotency import IdempotentModel
from config.api.principals import Principal
from config.kernel.fields import ExactCharField, PrefixedIdField
from config.kernel.prepared import PreparedModel
from invoices.models import Customer, Invoice
from outbox.models import EventSource


class SubscriptionQuerySet(models.QuerySet["Subscription"]):
    def visible_to(self, principal: Principal) -> "SubscriptionQuerySet":
        """All for the merchant, their own for a customer."""
        return self.filter(customer=principal.id) if principal.kind == "customer" else self

    def due(self, now: datetime.datetime) -> "SubscriptionQuerySet":
        """Whose time has come for something, the longest waiting first."""
        return self.filter(due_at__lte=now).order_by("due_at", "id")


class Subscription(SubscriptionMachine, EventSource, IdempotentModel):
    """A customer's standing order for a plan, and the work item of what happens by itself: due when `due_at` has come.

    Period n begins `anchor_cycles` cycles after `anchored_at`, counted in the calendar of `time_zone`; period 0 is the
    trial.
    """

    id = PrefixedIdField(prefix="sub")
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="subscriptions")
    plan_version = models.ForeignKey(PlanVersion, on_delete=models.PROTECT, related_name="subscriptions")
    next_plan_version = models.ForeignKey(
        PlanVersion,
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text=_("What it changes to when the period ends."),
    )
    family = ExactCharField(max_length=100)
    live_family = ExactCharField(
        max_length=100, null=True, editable=False, help_text=_("The family while it is live: one for each customer.")
    )
    trial_family = ExactCharField(
        max_length=100, null=True, editable=False, help_text=_("The family it had a trial of: one for each customer.")
    )
    payment_method = ExactCharField(
        max_length=200, blank=True, help_text=_("A payment method or token; empty: the customer's default.")
    )
    provider = ExactCharField(max_length=50, blank=True, help_text=_("Whose token it is."))
    time_zone = models.CharField(max_length=64, default="UTC", help_text=_("Whose calendar its periods follow."))
    anchored_at = models.DateTimeField(help_text=_("From where periods are counted."))
    anchor_cycles = models.PositiveIntegerField(default=0, help_text=_("How many cycles from there this period began."))
    period = models.PositiveIntegerField(default=0, help_text=_("The number of this period; 0 is the trial."))
    period_starts_at = models.DateTimeField()
    period_ends_at = models.DateTimeField()
    trial_ends_at = models.DateTimeField(null=True)
    past_due_at = models.DateTimeField(null=True, help_text=_("Since when it owes; the days of grace run from here."))
    cancels_at_period_end = models.BooleanField(default=False)
    cancel_reason = models.CharField(max_length=500, blank=True)
    voids_open_invoices = models.BooleanField(default=False, help_text=_("Nobody owes what is open once it has ended."))
    ended_at = models.DateTimeField(null=True)
    due_at = models.DateTimeField(null=True, help_text=_("When something happens by itself; empty when nothing does."))
    metadata = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField()

    objects = SubscriptionQuerySet.as_manager()

    class Meta(IdempotentModel.Meta):
        abstract = False
        constraints = [
            *IdempotentModel.Meta.constraints,
            models.UniqueConstraint(fields=["customer", "live_family"], name="billing_subscription_live_family"),
            models.UniqueConstraint(fields=["customer", "trial_family"], name="billing_subscription_trial_family"),
            models.CheckConstraint(
                condition=models.Q(status__in=SubscriptionStatus.values), name="billing_subscription_status"
            ),
            models.CheckConstraint(
                # Compared with NULL alone, the family would be neither right nor wrong, which a constraint takes.
                condition=models.Q(
                    status__in=LIVE,
                    live_family__isnull=False,
                    live_family=models.F("family"),
                    ended_at__isnull=True,
                )
                | (
                    ~models.Q(status__in=LIVE)
                    & models.Q(live_family__isnull=True, ended_at__isnull=False, due_at__isnull=True)
                ),
                name="billing_subscription_live",
            ),
            models.CheckConstraint(
                condition=models.Q(period_ends_at__gt=models.F("period_starts_at")),
                name="billing_subscription_period_order",
            ),
        ]
        indexes = [
            models.Index(fields=["due_at", "id"], name="billing_subscription_due"),
            models.Index(fields=["status", "id"], name="billing_subscription_status_id"),
            models.Index(fields=["plan_version", "status", "id"], name="billing_subscription_plan"),
        ]
        permissions = [
            ("cancel_subscription", _("Can cancel subscriptions and take that back")),
            ("change_plan_of_subscription", _("Can change the plan of subscriptions")),
            ("pay_subscription", _("Can have subscriptions paid")),
            ("take_up_subscription", _("Can have done now what is due for subscriptions")),
        ]

    def __str__(self) -> str:
        return self.id


class SubscriptionInvoice(PreparedModel):
    """Which subscription caused an invoice, and which of its periods it bills: each at most once."""

    id = PrefixedIdField(prefix="sin")
    subscription = models.ForeignKey(Subscription, on_delete=models.PROTECT, related_name="billed")
    invoice = models.OneToOneField(Invoice, on_delete=models.PROTECT, related_name="subscription_invoice")
    period = models.PositiveIntegerField(null=True, help_text=_("Empty for what a change within a period costs."))
    was_unsettled_at_end = models.BooleanField(
        default=False,
        db_default=False,
        help_text=_("Nobody was to owe it once the subscription had ended: what pays it later goes back."),
    )
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["subscription", "period"], name="billing_subscription_invoice_period")
        ]

    def __str__(self) -> str:
        return f"{self.subscription_id}/{self.period}"
