"""What invoices look like on the wire."""

import dataclasses
from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from config.api.fields import CurrencyCodeField, InputSerializer, MetadataField, MinorUnitsField
from config.api.shared_fields import OutputSerializer
from config.kernel import money
from config.kernel.prepared import Select
from invoices.models import Invoice, InvoiceLine
from invoices.services import Line, NewInvoice, RetryPolicy
from outbox.api.serializers import EventSerializer
from outbox.models import ArchivedEvent, LoggedEvent, OutboxEvent
from payments.api.serializers import PaymentSerializer
from payments.models import Payment

MAX_LINES = 500
LATEST_EVENTS = 20
_DAY_SECONDS = 86_400

_lines = Select(InvoiceLine.objects.order_by("position"), "invoice")
_payments = Select(Payment.objects.order_by("-attempt"), "invoice")
_latest_events = Select(OutboxEvent.objects.order_by("-sequence"), "aggregate_id", limit=LATEST_EVENTS)


class LineInput(InputSerializer):
    """One line of POST /invoices."""

    description = serializers.CharField(max_length=500, required=False, default="", allow_blank=True)
    quantity = serializers.IntegerField(min_value=1, max_value=1_000_000, required=False, default=1)
    unit_amount = MinorUnitsField()
    tax_amount = serializers.IntegerField(
        min_value=0,
        max_value=money.MAX_AMOUNT,
        required=False,
        default=0,
        help_text="Tax in minor units, on top of quantity × unit_amount.",
    )


class RetryPolicyInput(InputSerializer):
    """When a payment declined for a passing reason is tried again; what is left out is as in the settings.

    After the n-th of `max_attempts` payments it is `base_seconds` × 2ⁿ⁻¹, at most `cap_seconds`, and up to
    `jitter_seconds` more. One attempt means that nothing is tried again.
    """

    max_attempts = serializers.IntegerField(min_value=1, max_value=20, required=False)
    base_seconds = serializers.IntegerField(min_value=1, max_value=7 * _DAY_SECONDS, required=False)
    cap_seconds = serializers.IntegerField(min_value=1, max_value=30 * _DAY_SECONDS, required=False)
    jitter_seconds = serializers.IntegerField(min_value=0, max_value=_DAY_SECONDS, required=False)


@extend_schema_serializer(
    examples=[
        OpenApiExample("An amount", value={"amount": 1250, "currency": "EUR"}, request_only=True),
        OpenApiExample(
            "Lines",
            value={
                "currency": "EUR",
                "lines": [
                    {"description": "Tea", "quantity": 3, "unit_amount": 400, "tax_amount": 84},
                    {"unit_amount": 50},
                ],
                "number": "2026-0001",
                "due_on": "2026-12-24",
            },
            request_only=True,
        ),
    ]
)
class InvoiceInput(InputSerializer):
    """POST /invoices: an amount, or lines that add up to it, not both."""

    amount = MinorUnitsField(required=False)
    lines = serializers.ListField(child=LineInput(), required=False, min_length=1, max_length=MAX_LINES)
    currency = CurrencyCodeField()
    customer = serializers.CharField(max_length=40, required=False, allow_null=True, default=None)
    number = serializers.CharField(max_length=100, required=False, allow_null=True, default=None)
    description = serializers.CharField(max_length=500, required=False, default="", allow_blank=True)
    due_on = serializers.DateField(required=False, allow_null=True, default=None)
    metadata = MetadataField()
    retry_policy = RetryPolicyInput(required=False)

    alternatives = [["amount"], ["lines"]]

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("amount" in attrs) == ("lines" in attrs):
            raise serializers.ValidationError({"amount": "Send either an amount or lines."}, code="amount_or_lines")
        return attrs

    def to_new_invoice(self) -> NewInvoice:
        """What the service issues: one line over the whole amount when none were sent."""
        data = dict(self.validated_data)
        amount = data.pop("amount", None)
        policy = data.pop("retry_policy", None)
        lines = [Line(**line) for line in data.pop("lines", [])]
        return NewInvoice(
            lines=lines or [Line(unit_amount=amount, description=data["description"])],
            customer_id=data.pop("customer"),
            retry_policy=dataclasses.replace(RetryPolicy.default(), **policy) if policy else None,
            **data,
        )


class LineSerializer(OutputSerializer[InvoiceLine]):
    """A line of an invoice. Amounts are minor units of the invoice's currency, negative where it takes another back."""

    id = serializers.CharField(read_only=True)
    tax_amount = serializers.IntegerField(read_only=True)
    starts_at = serializers.DateTimeField(
        read_only=True, allow_null=True, help_text="The service it charges for is from then, until `ends_at`."
    )
    ends_at = serializers.DateTimeField(read_only=True, allow_null=True)
    reverses = serializers.CharField(
        source="reverses_id",
        read_only=True,
        allow_null=True,
        help_text="The line that it takes back, in part or whole.",
    )

    class Meta:
        model = InvoiceLine
        fields = [
            "id",
            "description",
            "quantity",
            "unit_amount",
            "tax_amount",
            "amount",
            "starts_at",
            "ends_at",
            "reverses",
        ]
        read_only_fields = fields


class RetryPolicySerializer(serializers.Serializer[RetryPolicy]):
    """When a payment declined for a passing reason is tried again, as it was decided when the invoice was issued."""

    max_attempts = serializers.IntegerField(read_only=True)
    base_seconds = serializers.IntegerField(read_only=True)
    cap_seconds = serializers.IntegerField(read_only=True)
    jitter_seconds = serializers.IntegerField(read_only=True)


class InvoiceSummarySerializer(OutputSerializer[Invoice]):
    """An invoice as lists show it. Amounts are minor units of `currency`."""

    id = serializers.CharField(read_only=True)
    customer = serializers.CharField(source="customer_id", read_only=True, allow_null=True)
    tax_amount = serializers.IntegerField(read_only=True, help_text="The tax in the amount.")
    amount_credited = serializers.IntegerField(read_only=True, help_text="Paid out of the customer's credit.")
    amount_due = serializers.IntegerField(read_only=True)
    retry_policy = serializers.SerializerMethodField()
    next_attempt_at = serializers.DateTimeField(
        read_only=True, allow_null=True, help_text="When the next payment is made by itself; null when none is to be."
    )

    class Meta:
        model = Invoice
        fields = [
            "id",
            "status",
            "number",
            "order_id",
            "customer",
            "description",
            "due_on",
            "amount",
            "tax_amount",
            "amount_paid",
            "amount_credited",
            "amount_refunded",
            "amount_due",
            "currency",
            "attempts",
            "retry_policy",
            "next_attempt_at",
            "metadata",
            "created_at",
            "paid_at",
            "voided_at",
        ]
        read_only_fields = fields

    concealed = {"metadata": {}}

    @extend_schema_field(RetryPolicySerializer)
    def get_retry_policy(self, invoice: Invoice) -> Any:
        return RetryPolicy.from_json(invoice.retry_policy).to_json()


class InvoiceSerializer(InvoiceSummarySerializer):
    """An invoice with its lines, its payments (newest first) and its 20 latest events (newest first)."""

    lines = serializers.SerializerMethodField()
    payments = serializers.SerializerMethodField()
    events = serializers.SerializerMethodField()

    class Meta(InvoiceSummarySerializer.Meta):
        fields = [*InvoiceSummarySerializer.Meta.fields, "lines", "payments", "events"]
        read_only_fields = fields

    @extend_schema_field(LineSerializer(many=True))
    def get_lines(self, invoice: Invoice) -> Any:
        return LineSerializer(_lines.all(invoice.id), many=True).data

    @extend_schema_field(PaymentSerializer(many=True))
    def get_payments(self, invoice: Invoice) -> Any:
        payments = _payments.all(invoice.id) if invoice.attempts else []
        return PaymentSerializer.like(self)(payments, many=True).data

    @extend_schema_field(EventSerializer(many=True))
    def get_events(self, invoice: Invoice) -> Any:
        events: list[LoggedEvent] = [*_latest_events.all(invoice.id)]
        newest = max([invoice.event_sequence, *(event.sequence for event in events)])
        if [event.sequence for event in events] != [*range(newest, max(newest - LATEST_EVENTS, 0), -1)]:
            archived = ArchivedEvent.objects.filter(aggregate_id=invoice.id).order_by("-sequence")
            events = sorted([*events, *archived[:LATEST_EVENTS]], key=lambda event: event.sequence, reverse=True)
        return EventSerializer.like(self)(events[:LATEST_EVENTS], many=True).data
