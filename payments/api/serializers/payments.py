"""What payments look like on the wire, and what is said about them."""

from typing import Any

from django.conf import settings
from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from config.api.fields import CurrencyCodeField, InputSerializer, MinorUnitsField
from config.api.shared_fields import OutputSerializer
from invoices.services import Line, NewInvoice
from payments import services
from payments.models import Payment
from payments.services import PaymentTerms
from payments.states import PaymentStatus


@extend_schema_serializer(
    examples=[
        OpenApiExample("A card's token", value={"payment_method": "tok_visa"}, request_only=True),
        OpenApiExample(
            "A customer's payment method",
            value={"payment_method": "pm_01h455vb4pex5vsknk084sn02q"},
            request_only=True,
        ),
        OpenApiExample("A bank transfer", value={"provider": "manual"}, request_only=True),
    ]
)
class TermsInput(InputSerializer):
    """POST /invoices/{id}/pay. A payment method is a token of the provider, never a card number, or the id of one that
    is attached to the invoice's customer. Without one it is that customer's default.
    """

    payment_method = serializers.CharField(max_length=200, required=False, default="", allow_blank=True)
    provider = serializers.ChoiceField(
        choices=sorted(settings.PROVIDERS),
        required=False,
        help_text=f"That of the payment method; for a token {settings.DEFAULT_PROVIDER} unless it is said.",
    )

    def to_terms(self) -> PaymentTerms:
        """How to pay."""
        data = self.validated_data
        return PaymentTerms(provider=data.get("provider", ""), payment_method=data["payment_method"])


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "For an order",
            value={"order_id": "order-1001", "amount": 1250, "currency": "EUR", "payment_method": "tok_visa"},
            request_only=True,
        ),
        OpenApiExample(
            "For a subscription",
            value={"subscription": "sub_01h455vb4pex5vsknk084sn02q", "payment_method": "tok_visa"},
            request_only=True,
        ),
        OpenApiExample(
            "For an invoice",
            value={"invoice": "inv_01h455vb4pex5vsknk084sn02q", "payment_method": "tok_visa"},
            request_only=True,
        ),
    ]
)
class PaymentInput(TermsInput):
    """POST /payments: for an invoice, for what a subscription owes, or for an order of yours whose invoice is issued by
    the first request. A subscription's is paid with its own payment method where none is named.
    """

    invoice = serializers.CharField(max_length=40, required=False)
    subscription = serializers.CharField(max_length=40, required=False)
    order_id = serializers.CharField(max_length=100, required=False)
    amount = MinorUnitsField(required=False)
    currency = CurrencyCodeField(required=False)
    description = serializers.CharField(max_length=500, required=False, allow_blank=True)

    alternatives = [["invoice"], ["subscription"], ["order_id", "amount", "currency"]]

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if sum(form[0] in attrs for form in self.alternatives) != 1:
            raise serializers.ValidationError(
                {"invoice": "Send an invoice, a subscription or an order_id, and one of them only."}, code="required"
            )
        if "order_id" in attrs:
            self._complete_order(attrs)
        elif "description" in attrs:
            raise serializers.ValidationError({"description": "The invoice has one; send it with an order_id only."})
        amounts = [name for name in ("amount", "currency") if name in attrs and "subscription" in attrs]
        if amounts:
            raise serializers.ValidationError(dict.fromkeys(amounts, "A subscription owes what its invoices say."))
        return attrs

    def _complete_order(self, attrs: dict[str, Any]) -> None:
        if settings.DEFAULT_CURRENCY:
            attrs.setdefault("currency", settings.DEFAULT_CURRENCY)
        missing = [name for name in ("amount", "currency") if name not in attrs]
        if missing:
            raise serializers.ValidationError(dict.fromkeys(missing, "Send it with an order_id."), code="required")

    def to_new_invoice(self) -> NewInvoice:
        """The invoice of an order that is new."""
        data = self.validated_data
        description = data.get("description", "")
        return NewInvoice(
            lines=[Line(unit_amount=data["amount"], description=description)],
            currency=data["currency"],
            order_id=data["order_id"],
            description=description,
        )


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "With the bank's reference",
            value={"reference": "RF18539007547034", "reason": "statement 2026/47"},
            request_only=True,
        )
    ]
)
class ConfirmInput(InputSerializer):
    """POST /payments/{id}/confirm. `reference` is the bank's; each can be booked once.

    A payment that has failed or was canceled needs one, and stays so: its late money is a receipt that pays the
    invoice, waits, or goes back where nothing is due any more.
    """

    reference = serializers.CharField(max_length=200, required=False, default="", allow_blank=True)
    reason = serializers.CharField(max_length=500, required=False, default="", allow_blank=True)


class FailInput(InputSerializer):
    """POST /payments/{id}/fail."""

    failure_code = serializers.CharField(max_length=100, required=False, default="not_received")
    retryable = serializers.BooleanField(required=False, default=True)
    reason = serializers.CharField(max_length=500, required=False, default="", allow_blank=True)


class CancelInput(InputSerializer):
    """POST /payments/{id}/cancel."""

    reason = serializers.CharField(max_length=500, required=False, default="", allow_blank=True)


class CaptureInput(InputSerializer):
    """Money that the provider has and nobody has told us of. `reference` is the provider's; each is booked once."""

    reference = serializers.CharField(max_length=200)
    amount = MinorUnitsField()
    currency = CurrencyCodeField()


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "Its money pays the invoice",
            value={"status": "succeeded", "disposition": "apply", "reason": "the provider's support confirms it"},
            request_only=True,
        ),
        OpenApiExample(
            "Its money goes back",
            value={"status": "failed", "disposition": "return", "reason": "paid in the wrong currency"},
            request_only=True,
        ),
    ]
)
class ResolveInput(InputSerializer):
    """POST /payments/{id}/resolve: how a payment in review ended, and what becomes of its money that pays nothing.

    `apply` pays what is due with it, `return` gives it back, `split` pays what is due and gives the rest back, `keep`
    leaves it unapplied. `capture` books money that the provider has and nobody has told us of.
    """

    status = serializers.ChoiceField(choices=[PaymentStatus.SUCCEEDED.value, PaymentStatus.FAILED.value])
    disposition = serializers.ChoiceField(
        choices=[each.value for each in services.Disposition],
        required=False,
        default=services.Disposition.KEEP.value,
    )
    capture = CaptureInput(required=False)
    reason = serializers.CharField(max_length=500, required=False, default="", allow_blank=True)

    def validate_disposition(self, value: str) -> services.Disposition:
        return services.Disposition(value)

    def to_answers(self) -> dict[str, Any]:
        """What the service is told."""
        data = dict(self.validated_data)
        capture = data.pop("capture", None)
        return data | {"capture": services.Capture(**capture) if capture else None}


PAYMENT_EXAMPLE = {
    "id": "pay_01h455vb4pex5vsknk084sn02q",
    "invoice": "inv_01h455vb4pex5vsknk084sn02q",
    "status": "created",
    "attempt": 1,
    "amount": 1250,
    "amount_refunded": 0,
    "currency": "EUR",
    "provider": "simulated",
    "provider_reference": "",
    "payment_method": "tok_visa",
    "attached_method": None,
    "failure_code": "",
    "failure_retryable": None,
    "failure_message": "",
    "created_at": "2026-11-20T12:00:00Z",
    "submitted_at": None,
    "ended_at": None,
    "cancel_requested_at": None,
}


@extend_schema_serializer(examples=[OpenApiExample("Just requested", value=PAYMENT_EXAMPLE, response_only=True)])
class PaymentSerializer(OutputSerializer[Payment]):
    """One attempt at one invoice. Amounts are minor units of `currency`."""

    id = serializers.CharField(read_only=True)
    invoice = serializers.CharField(source="invoice_id", read_only=True)
    amount_refunded = serializers.IntegerField(read_only=True)
    attached_method = serializers.CharField(
        source="attached_method_id",
        read_only=True,
        allow_null=True,
        help_text="The customer's payment method whose token it is paid with, if it is one's.",
    )

    class Meta:
        model = Payment
        fields = [
            "id",
            "invoice",
            "status",
            "attempt",
            "amount",
            "amount_refunded",
            "currency",
            "provider",
            "provider_reference",
            "payment_method",
            "attached_method",
            "failure_code",
            "failure_retryable",
            "failure_message",
            "created_at",
            "submitted_at",
            "ended_at",
            "cancel_requested_at",
        ]
        read_only_fields = fields

    concealed = {"failure_message": ""}
