"""What customers and their credit look like on the wire."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from config.api.fields import CurrencyCodeField, InputSerializer, MetadataField, MinorUnitsField
from config.api.shared_fields import OutputSerializer
from invoices.models import CreditEntry, Customer


class CustomerInput(InputSerializer):
    """POST and PATCH /customers."""

    name = serializers.CharField(max_length=200, required=False, allow_blank=True)
    email = serializers.EmailField(max_length=254, required=False, allow_blank=True)
    metadata = MetadataField()


class CustomerChanges(CustomerInput):
    """PATCH /customers: only what is sent changes."""

    metadata = MetadataField(default=serializers.empty)


class CustomerSerializer(OutputSerializer[Customer]):
    """A customer; what nobody has told is an empty string."""

    id = serializers.CharField(read_only=True)
    email = serializers.CharField(read_only=True)

    class Meta:
        model = Customer
        fields = ["id", "name", "email", "metadata", "created_at"]
        read_only_fields = fields

    concealed = {"metadata": {}}


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "Credit", value={"amount": 500, "currency": "EUR", "reason": "For the outage"}, request_only=True
        )
    ]
)
class CreditInput(InputSerializer):
    """POST /customers/{id}/credits and /credits/revoke."""

    amount = MinorUnitsField()
    currency = CurrencyCodeField()
    reason = serializers.CharField(max_length=500, required=False, default="", allow_blank=True)


class CreditSerializer(OutputSerializer[CreditEntry]):
    """A change of a customer's credit: `amount` is negative where credit was applied to an invoice, or revoked.

    `balance` is what the customer had in that currency right after it.
    """

    id = serializers.CharField(read_only=True)
    customer = serializers.CharField(source="customer_id", read_only=True)
    invoice = serializers.CharField(
        source="invoice_id",
        read_only=True,
        allow_null=True,
        help_text="What it was applied to, returned from or carried over from; null where it was granted or revoked.",
    )
    balance = serializers.IntegerField(read_only=True)

    class Meta:
        model = CreditEntry
        fields = ["id", "customer", "kind", "amount", "balance", "currency", "invoice", "reason", "created_at"]
        read_only_fields = fields

    concealed = {"reason": ""}


class BalanceSerializer(serializers.Serializer[Any]):
    """Credit in one currency that pays the next invoices."""

    currency = serializers.CharField()
    amount = serializers.IntegerField(min_value=1, help_text="Minor units.")


class BalancesSerializer(serializers.Serializer[Any]):
    """The credit of a customer, by currency; there is none in a currency that is not here."""

    customer = serializers.CharField()
    balances = BalanceSerializer(many=True)
