"""How much of a plan's features was used."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from billing.models.plans import PlanVersion
from billing.models.subscriptions import Subscription
from config.api.idempotency import IdempotentModel
from config.kernel.fields import ExactCharField, PrefixedIdField
from outbox.models import EventSource


class UsageCounter(EventSource):
    """What one subscription has used of one feature in one period. Raised by one conditional statement.

    `plan_version` limits and bills it: the latest in the period that has the feature. `carried` of what is used was
    used before a change of plan began the period. `closed_at` is set by whatever ends the period and bills what was
    used over the limit: from then on nothing is added.
    """

    id = PrefixedIdField(prefix="usg")
    subscription = models.ForeignKey(Subscription, on_delete=models.PROTECT, related_name="usage")
    feature = ExactCharField(max_length=50)
    period = models.PositiveIntegerField()
    plan_version = models.ForeignKey(PlanVersion, on_delete=models.PROTECT, related_name="+")
    carried = models.PositiveBigIntegerField(default=0)
    used = models.PositiveBigIntegerField(default=0)
    closed_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()

    subscription_sequence: int
    """Only on what `billing.services.using` reads: how many events its subscription had at that moment."""

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["subscription", "period", "feature"], name="billing_usage_counter_feature")
        ]

    def __str__(self) -> str:
        return f"{self.feature} of {self.subscription_id}/{self.period}"


class UsageRecord(IdempotentModel):
    """One use: what was added, and how the feature stood then, for a replay to say again. Only ever inserted."""

    id = PrefixedIdField(prefix="use")
    counter = models.ForeignKey(UsageCounter, on_delete=models.PROTECT, related_name="records")
    delta = models.PositiveBigIntegerField()
    used_after = models.PositiveBigIntegerField()
    limit = models.PositiveBigIntegerField(null=True, help_text=_("Empty where there was none."))
    resets_at = models.DateTimeField(help_text=_("When the period was to end."))
    actor = ExactCharField(max_length=200)
    created_at = models.DateTimeField()

    class Meta(IdempotentModel.Meta):
        abstract = False
        indexes = [models.Index(fields=["counter", "id"], name="billing_usage_record_counter")]

    def __str__(self) -> str:
        return f"{self.delta} ({self.id})"
