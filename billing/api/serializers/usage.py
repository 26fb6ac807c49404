"""What usage looks like on the wire."""

from drf_spectacular.utils import OpenApiExample, extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from billing.models import UsageRecord
from billing.services import MAX_DELTA, Standing
from config.api.fields import InputSerializer
from config.api.shared_fields import OutputSerializer, SharedFields


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "Ten calls of a customer",
            value={"feature_name": "api_calls", "delta": 10, "customer": "cus_01h455vb4pex5vsknk084sn02q"},
            request_only=True,
        )
    ]
)
class UsageInput(InputSerializer):
    """POST /usage/use. Back ends name the customer, who else is whoever signed in.

    Counted of the oldest subscription that has the feature, unless `subscription` names another.
    """

    feature_name = serializers.CharField(max_length=50)
    delta = serializers.IntegerField(min_value=1, max_value=MAX_DELTA, help_text="How much is used now.")
    customer = serializers.CharField(max_length=40, required=False)
    subscription = serializers.CharField(max_length=40, required=False)


class CustomerInput(InputSerializer):
    """Whose usage: GET /usage/me and /usage/limits."""

    customer = serializers.CharField(max_length=40, required=False)


class UsageRecordSerializer(OutputSerializer[UsageRecord]):
    """One use, and how the feature stood right after it, also when it is asked for again later."""

    id = serializers.CharField(read_only=True)
    feature_name = serializers.CharField(source="counter.feature", read_only=True)
    subscription = serializers.CharField(source="counter.subscription_id", read_only=True)
    period = serializers.IntegerField(source="counter.period", read_only=True)
    current_usage = serializers.IntegerField(source="used_after", read_only=True)
    limit = serializers.IntegerField(read_only=True, allow_null=True, help_text="null: there is none.")
    remaining = serializers.SerializerMethodField(help_text="null where there is no limit.")
    reset_at = serializers.DateTimeField(source="resets_at", read_only=True)

    class Meta:
        model = UsageRecord
        fields = [
            "id",
            "feature_name",
            "subscription",
            "period",
            "delta",
            "current_usage",
            "limit",
            "remaining",
            "reset_at",
            "created_at",
        ]
        read_only_fields = fields

    def get_remaining(self, record: UsageRecord) -> int | None:
        return None if record.limit is None else max(record.limit - record.used_after, 0)


class OverageSerializer(SharedFields):
    """What is used over the limit costs `unit_amount` minor units for each `per` begun."""

    unit_amount = serializers.IntegerField(read_only=True)
    per = serializers.IntegerField(read_only=True)


class LimitSerializer(SharedFields):
    """A feature of a subscription that serves the customer: what may be used, or whether it is on."""

    feature_name = serializers.CharField(source="feature.name", read_only=True)
    subscription = serializers.CharField(source="serving.subscription.id", read_only=True)
    is_metered = serializers.BooleanField(source="feature.is_metered", read_only=True, help_text="false: a switch.")
    is_enabled = serializers.BooleanField(source="feature.is_enabled", read_only=True)
    limit = serializers.IntegerField(
        source="feature.limit", read_only=True, allow_null=True, help_text="In one period; null: there is none."
    )
    is_hard = serializers.BooleanField(
        read_only=True, help_text="Whether what is over the limit is refused; else it is billed with the next period."
    )
    overage = serializers.SerializerMethodField()
    reset_at = serializers.DateTimeField(source="serving.ends_at", read_only=True)

    @extend_schema_field(OverageSerializer(allow_null=True))
    def get_overage(self, standing: Standing) -> dict[str, int] | None:
        overage = standing.feature.overage
        return None if overage is None else {"unit_amount": overage.unit_amount, "per": overage.per}


class UsageSerializer(LimitSerializer):
    """A metered feature of a subscription that serves the customer, and how much of it is used in this period."""

    period = serializers.IntegerField(source="serving.period", read_only=True, help_text="0 is the trial.")
    current_usage = serializers.IntegerField(source="used", read_only=True)
    remaining = serializers.IntegerField(read_only=True, allow_null=True, help_text="null where there is no limit.")
    percent = serializers.IntegerField(
        read_only=True, allow_null=True, help_text="Used of the limit, rounded down; over 100 where that is billed."
    )


class LimitsSerializer(SharedFields):
    """Every feature of all that serves a customer, the oldest subscription first."""

    customer = serializers.CharField(read_only=True)
    data = LimitSerializer(many=True, read_only=True)  # type: ignore[assignment]


class UsageOfCustomerSerializer(SharedFields):
    """Every metered feature of all that serves a customer, the oldest subscription first."""

    customer = serializers.CharField(read_only=True)
    data = UsageSerializer(many=True, read_only=True)  # type: ignore[assignment]
