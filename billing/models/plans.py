"""Plans: what can be subscribed to. What a plan promises and costs is a version, which never changes."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from config.api.idempotency import IdempotentModel
from config.api.principals import Principal
from config.kernel.fields import AmountField, CurrencyField, ExactCharField, PrefixedIdField
from outbox.models import EventSource


class Cycle(models.TextChoices):
    DAY = "day", _("day")
    WEEK = "week", _("week")
    MONTH = "month", _("month")
    QUARTER = "quarter", _("quarter")
    YEAR = "year", _("year")


class AfterGrace(models.TextChoices):
    SUSPEND = "suspend", _("suspend until paid")
    CANCEL = "cancel", _("cancel")


class PlanQuerySet(models.QuerySet["Plan"]):
    def visible_to(self, principal: Principal) -> "PlanQuerySet":
        """All for the merchant, those that can be subscribed to for a customer."""
        return self.filter(is_active=True) if principal.kind == "customer" else self


class Plan(EventSource, IdempotentModel):
    """Something with a name that customers subscribe to; its latest version is what they get."""

    id = PrefixedIdField(prefix="plan")
    name = models.CharField(max_length=200)
    family = ExactCharField(
        max_length=100,
        help_text=_("Plans between which customers change: they have one trial and one live subscription of a family."),
    )
    is_active = models.BooleanField(default=True, help_text=_("Whether it can be subscribed to."))
    latest_version = models.ForeignKey(
        "PlanVersion", null=True, editable=False, on_delete=models.PROTECT, related_name="+"
    )
    metadata = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField()

    objects = PlanQuerySet.as_manager()

    class Meta(IdempotentModel.Meta):
        abstract = False
        indexes = [models.Index(fields=["family", "id"], name="billing_plan_family")]
        permissions = [("retire_plan", _("Can retire plans and bring them back"))]

    def __str__(self) -> str:
        return self.name


class PlanVersion(models.Model):
    """What subscriptions made while it was the latest one get and pay, for as long as they run. Only ever inserted."""

    id = PrefixedIdField(prefix="plv")
    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField(help_text=_("From 1."))
    amount = AmountField(help_text=_("Per cycle, in minor units; 0 is free."))
    currency = CurrencyField()
    cycle = models.CharField(max_length=10, choices=Cycle.choices)
    trial_days = models.PositiveSmallIntegerField(default=0)
    features = models.JSONField(default=dict, blank=True)
    retry_policy = models.JSONField(help_text=_("When a declined payment of a renewal is tried again."))
    grace_days = models.PositiveSmallIntegerField(help_text=_("How long what is past due stays usable."))
    after_grace = models.CharField(max_length=10, choices=AfterGrace.choices)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["plan", "number"], name="billing_plan_version_number"),
            models.CheckConstraint(condition=models.Q(cycle__in=Cycle.values), name="billing_plan_version_cycle"),
            models.CheckConstraint(
                condition=models.Q(after_grace__in=AfterGrace.values), name="billing_plan_version_after_grace"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.plan_id} v{self.number}"
