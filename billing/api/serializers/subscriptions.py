"""What subscriptions look like on the wire, and what is said about them."""

from typing import Any

from django.conf import settings
from drf_spectacular.utils import OpenApiExample, extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from billing.models import Subscription
from billing.services import NewSubscription, When
from config.api.fields import InputSerializer, MetadataField
from config.api.shared_fields import OutputSerializer
from config.kernel.ids import with_prefix
from invoices.api.serializers import InvoiceSummarySerializer
from invoices.models import Invoice
from outbox.api.serializers import EventSerializer
from outbox.models import OutboxEvent
from payments.services import PaymentTerms

LATEST_INVOICES = 20
LATEST_EVENTS = 20


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "Paid with a card's token",
            value={"plan": "plan_01h455vb4pex5vsknk084sn02q", "payment_method": "tok_visa"},
            request_only=True,
        ),
        OpenApiExample(
            "By a back end",
            value={
                "plan": "plan_01h455vb4pex5vsknk084sn02q",
                "customer": "cus_01h455vb4pex5vsknk084sn02q",
                "payment_method": "tok_visa",
            },
            request_only=True,
        ),
    ]
)
class SubscriptionInput(InputSerializer):
    """POST /subscriptions and /subscriptions/trial. Back ends name the customer, who else is whoever signed in."""

    plan = serializers.CharField(max_length=40)
    customer = serializers.CharField(max_length=40, required=False)
    payment_method = serializers.CharField(max_length=200, required=False)
    provider = serializers.ChoiceField(choices=sorted(settings.PROVIDERS), required=False)
    time_zone = serializers.CharField(max_length=64, required=False, default="UTC")
    metadata = MetadataField()

    def to_new(self, customer_id: str) -> NewSubscription:
        """What the service begins."""
        data = self.validated_data
        return NewSubscription(
            customer_id=customer_id,
            plan_id=data["plan"],
            terms=terms_of(data),
            time_zone=data["time_zone"],
            metadata=data["metadata"],
        )


def terms_of(data: dict[str, Any]) -> PaymentTerms | None:
    """How to pay, where it is said. A token without a provider is one of the default's; a method brings its own."""
    if "payment_method" not in data and "provider" not in data:
        return None
    method = data.get("payment_method", "")
    provider = "" if with_prefix("pm", [method]) else settings.DEFAULT_PROVIDER
    return PaymentTerms(provider=data.get("provider", provider), payment_method=method)


@extend_schema_serializer(
    examples=[
        OpenApiExample("Another plan", value={"plan": "plan_01h455vb4pex5vsknk084sn02q"}, request_only=True),
        OpenApiExample("Another card", value={"payment_method": "tok_mastercard"}, request_only=True),
    ]
)
class SubscriptionChanges(InputSerializer):
    """PATCH /subscriptions/{id}: another plan, or another payment method for what is due later.

    Without `when` a plan that costs more in the same time begins now, any other when the period ends; customers cannot
    have those begin now. An empty `payment_method` is the customer's default one, which has a `provider` of its own.
    """

    plan = serializers.CharField(max_length=40, required=False)
    when = serializers.ChoiceField(choices=[each.value for each in When], required=False)
    payment_method = serializers.CharField(max_length=200, required=False, allow_blank=True)
    provider = serializers.ChoiceField(choices=sorted(settings.PROVIDERS), required=False)
    reason = serializers.CharField(max_length=500, required=False, default="", allow_blank=True)

    alternatives = [["plan"], ["payment_method"]]

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("plan" in attrs) == ("payment_method" in attrs):
            raise serializers.ValidationError({"plan": "Send either a plan or a payment_method."}, code="required")
        if "when" in attrs and "plan" not in attrs:
            raise serializers.ValidationError({"when": "Send it with a plan."})
        if "provider" in attrs and not attrs.get("payment_method"):
            raise serializers.ValidationError({"provider": "Send it with a payment_method: the default has its own."})
        return attrs

    def validate_when(self, value: str) -> When:
        return When(value)

    def to_terms(self) -> PaymentTerms:
        """What is due later is paid with it."""
        method = self.validated_data["payment_method"]
        return (terms_of(self.validated_data) if method else None) or PaymentTerms()


class CancelSubscriptionInput(InputSerializer):
    """POST /subscriptions/{id}/cancel. What is owed stays owed unless the merchant says `void_open_invoices`.

    The merchant's `credit_unused` credits what was paid for the rest of the period to the customer, where nothing is
    owed. It goes with an end now: when the period ends there is no rest.
    """

    when = serializers.ChoiceField(choices=[each.value for each in When], required=False, default=When.NOW.value)
    reason = serializers.CharField(max_length=500, required=False, default="", allow_blank=True)
    void_open_invoices = serializers.BooleanField(required=False, default=False)
    credit_unused = serializers.BooleanField(required=False, default=False)

    def validate_when(self, value: str) -> When:
        return When(value)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["credit_unused"] and attrs["when"] == When.PERIOD_END:
            raise serializers.ValidationError({"credit_unused": "When the period ends, no rest is left to credit."})
        return attrs


class ReactivateInput(InputSerializer):
    """POST /subscriptions/{id}/reactivate."""

    reason = serializers.CharField(max_length=500, required=False, default="", allow_blank=True)


class SubscriptionSummarySerializer(OutputSerializer[Subscription]):
    """A subscription as lists show it. The amount is minor units of `currency` for each cycle."""

    id = serializers.CharField(read_only=True)
    customer = serializers.CharField(source="customer_id", read_only=True)
    plan = serializers.CharField(source="plan_version.plan_id", read_only=True)
    plan_version = serializers.IntegerField(source="plan_version.number", read_only=True)
    next_plan = serializers.SerializerMethodField(help_text="What it changes to when the period ends.")
    amount = serializers.IntegerField(source="plan_version.amount", read_only=True)
    currency = serializers.CharField(source="plan_version.currency", read_only=True)
    cycle = serializers.CharField(source="plan_version.cycle", read_only=True)
    features = serializers.DictField(source="plan_version.features", read_only=True)
    payment_method = serializers.CharField(read_only=True)

    concealed = {"metadata": {}, "cancel_reason": ""}

    class Meta:
        model = Subscription
        fields = [
            "id",
            "status",
            "customer",
            "plan",
            "plan_version",
            "next_plan",
            "amount",
            "currency",
            "cycle",
            "features",
            "payment_method",
            "provider",
            "time_zone",
            "period",
            "period_starts_at",
            "period_ends_at",
            "trial_ends_at",
            "past_due_at",
            "cancels_at_period_end",
            "cancel_reason",
            "ended_at",
            "metadata",
            "created_at",
        ]
        read_only_fields = fields

    def get_next_plan(self, subscription: Subscription) -> str | None:
        return subscription.next_plan_version.plan_id if subscription.next_plan_version else None


class SubscriptionSerializer(SubscriptionSummarySerializer):
    """A subscription with the latest 20 of its invoices and of its events, newest first."""

    invoices = serializers.SerializerMethodField()
    events = serializers.SerializerMethodField()

    class Meta(SubscriptionSummarySerializer.Meta):
        fields = [*SubscriptionSummarySerializer.Meta.fields, "invoices", "events"]
        read_only_fields = fields

    @extend_schema_field(InvoiceSummarySerializer(many=True))
    def get_invoices(self, subscription: Subscription) -> Any:
        caused = Invoice.objects.filter(subscription_invoice__subscription=subscription).order_by("-id")
        return InvoiceSummarySerializer.like(self)(caused[:LATEST_INVOICES], many=True).data

    @extend_schema_field(EventSerializer(many=True))
    def get_events(self, subscription: Subscription) -> Any:
        events = OutboxEvent.objects.filter(aggregate_id=subscription.id).order_by("-sequence")
        return EventSerializer.like(self)(events[:LATEST_EVENTS], many=True).data
