"""What refunds look like on the wire, and what is said about them."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from config.api.fields import CurrencyCodeField, InputSerializer
from config.api.shared_fields import OutputSerializer
from config.kernel import money
from payments.models import Refund


@extend_schema_field({"type": "integer", "minimum": 1, "maximum": money.MAX_AMOUNT, "example": 500})
class RefundAmountField(serializers.IntegerField):
    """Minor units. How much there may be is for the service to say, which knows what is left."""

    default_error_messages = {
        "invalid": "Send an integer in the currency's minor unit: 500 for EUR 5.00, not 5.0, not a string."
    }

    def to_internal_value(self, data: Any) -> int:
        if type(data) is not int:
            self.fail("invalid")
        return data


@extend_schema_serializer(
    examples=[
        OpenApiExample("All that is left", value={"reason": "the parcel was lost"}, request_only=True),
        OpenApiExample("A part", value={"amount": 500, "reason": "one of three was broken"}, request_only=True),
    ]
)
class RefundInput(InputSerializer):
    """POST /payments/{id}/refund: `amount` minor units, or all that is left without it.

    `currency` must be the payment's. Every refusal over the amount says what is left: `amount_refundable`.
    """

    amount = RefundAmountField(required=False)
    currency = CurrencyCodeField(required=False)
    reason = serializers.CharField(max_length=500, required=False, default="", allow_blank=True)


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "With the bank's reference",
            value={"reference": "RF18539007547034", "reason": "statement 2026/47"},
            request_only=True,
        )
    ]
)
class RefundConfirmInput(InputSerializer):
    """POST /refunds/{id}/confirm. `reference` is the bank's or the provider's; each is booked once."""

    reference = serializers.CharField(max_length=200, required=False, default="", allow_blank=True)
    reason = serializers.CharField(max_length=500, required=False, default="", allow_blank=True)


class RefundFailInput(InputSerializer):
    """POST /refunds/{id}/fail."""

    failure_code = serializers.CharField(max_length=100, required=False, default="not_sent")
    reason = serializers.CharField(max_length=500, required=False, default="", allow_blank=True)


REFUND_EXAMPLE = {
    "id": "re_01h455vb4pex5vsknk084sn02q",
    "payment": "pay_01h455vb4pex5vsknk084sn02q",
    "invoice": "inv_01h455vb4pex5vsknk084sn02q",
    "receipt": "rct_01h455vb4pex5vsknk084sn02q",
    "status": "created",
    "amount": 500,
    "currency": "EUR",
    "amount_unapplied": 0,
    "reason": "one of three was broken",
    "provider": "simulated",
    "provider_reference": None,
    "failure_code": "",
    "failure_message": "",
    "created_at": "2026-11-20T12:00:00Z",
    "submitted_at": None,
    "ended_at": None,
}


@extend_schema_serializer(examples=[OpenApiExample("Just requested", value=REFUND_EXAMPLE, response_only=True)])
class RefundSerializer(OutputSerializer[Refund]):
    """Money on its way back, in minor units of `currency`.

    `amount_unapplied` of it had paid nothing, so that neither payment nor invoice counts it as refunded.
    """

    id = serializers.CharField(read_only=True)
    payment = serializers.CharField(source="payment_id", read_only=True)
    invoice = serializers.CharField(source="invoice_id", read_only=True)
    receipt = serializers.CharField(source="receipt_id", read_only=True)
    amount_unapplied = serializers.IntegerField(read_only=True)

    class Meta:
        model = Refund
        fields = [
            "id",
            "payment",
            "invoice",
            "receipt",
            "status",
            "amount",
            "currency",
            "amount_unapplied",
            "reason",
            "provider",
            "provider_reference",
            "failure_code",
            "failure_message",
            "created_at",
            "submitted_at",
            "ended_at",
        ]
        read_only_fields = fields

    concealed = {"reason": "", "failure_message": ""}
