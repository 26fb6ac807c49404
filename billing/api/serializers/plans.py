"""What plans look like on the wire."""

from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from billing.models import AfterGrace, Cycle, Plan
from billing.services import DEFAULT_FAMILY, MAX_GRACE_DAYS, MAX_PLAN_AMOUNT, MAX_TRIAL_DAYS, PlanTerms
from config.api.fields import CurrencyCodeField, InputSerializer, MetadataField
from config.api.shared_fields import OutputSerializer
from invoices.api.serializers import RetryPolicyInput, RetryPolicySerializer

_TERMS = ("amount", "currency", "cycle", "trial_days", "features", "retry_policy", "grace_days", "after_grace")


class FeaturesField(serializers.DictField):
    """Names with a switch, or with what may be used in one period: {"api_calls": {"limit": 1000}, "sso": true}."""


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "Monthly, with a trial and limits",
            value={
                "name": "Pro",
                "amount": 2900,
                "currency": "EUR",
                "cycle": "month",
                "trial_days": 14,
                "features": {
                    "api_calls": {"limit": 1000, "overage": {"unit_amount": 5, "per": 100}},
                    "storage": {"limit": "1GB"},
                    "sso": True,
                },
            },
            request_only=True,
        )
    ]
)
class PlanInput(InputSerializer):
    """POST /plans. The amount is minor units for each cycle; 0 is free."""

    name = serializers.CharField(max_length=200)
    family = serializers.CharField(max_length=100, required=False, default=DEFAULT_FAMILY)
    amount = serializers.IntegerField(min_value=0, max_value=MAX_PLAN_AMOUNT)
    currency = CurrencyCodeField()
    cycle = serializers.ChoiceField(choices=Cycle.choices)
    trial_days = serializers.IntegerField(min_value=0, max_value=MAX_TRIAL_DAYS, required=False)
    features = FeaturesField(required=False)
    retry_policy = RetryPolicyInput(required=False)
    grace_days = serializers.IntegerField(min_value=0, max_value=MAX_GRACE_DAYS, required=False)
    after_grace = serializers.ChoiceField(choices=AfterGrace.choices, required=False)
    metadata = MetadataField()

    def to_terms(self) -> PlanTerms:
        """What its first version says."""
        return PlanTerms(**{name: value for name, value in self.validated_data.items() if name in _TERMS})


class PlanChanges(PlanInput):
    """PATCH /plans/{id}: only what is sent changes. What it costs or holds changes for new subscriptions only."""

    family = None  # type: ignore[assignment]
    is_active = serializers.BooleanField(required=False)
    metadata = MetadataField(default=serializers.empty)


class PlanSerializer(OutputSerializer[Plan]):
    """A plan with its latest version. The amount is minor units of `currency` for each cycle."""

    id = serializers.CharField(read_only=True)
    family = serializers.CharField(read_only=True)
    version = serializers.IntegerField(source="latest_version.number", read_only=True)
    amount = serializers.IntegerField(source="latest_version.amount", read_only=True)
    currency = serializers.CharField(source="latest_version.currency", read_only=True)
    cycle = serializers.ChoiceField(source="latest_version.cycle", choices=Cycle.choices, read_only=True)
    trial_days = serializers.IntegerField(source="latest_version.trial_days", read_only=True)
    features = serializers.DictField(source="latest_version.features", read_only=True)
    retry_policy = RetryPolicySerializer(source="latest_version.retry_policy", read_only=True)
    grace_days = serializers.IntegerField(source="latest_version.grace_days", read_only=True)
    after_grace = serializers.ChoiceField(
        source="latest_version.after_grace", choices=AfterGrace.choices, read_only=True
    )

    concealed = {"metadata": {}}

    class Meta:
        model = Plan
        fields = ["id", "name", "family", "is_active", "version", *_TERMS, "metadata", "created_at"]
        read_only_fields = fields
