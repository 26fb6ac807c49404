"""What payment methods look like on the wire."""

from django.conf import settings
from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from config.api.fields import InputSerializer
from config.api.principals import Principal
from config.api.shared_fields import OutputSerializer
from config.kernel.errors import FieldError, Invalid
from payments.models import PaymentMethod


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "A card's token",
            value={"customer": "cus_01h455vb4pex5vsknk084sn02q", "payment_method": "tok_visa"},
            request_only=True,
        ),
    ]
)
class PaymentMethodInput(InputSerializer):
    """POST /payment-methods. `payment_method` is a token of the provider, never a card number.

    Back ends say whose it is; a customer who has signed in need not.
    """

    payment_method = serializers.CharField(max_length=200)
    provider = serializers.ChoiceField(choices=sorted(settings.PROVIDERS), default=settings.DEFAULT_PROVIDER)
    customer = serializers.CharField(max_length=40, required=False)
    make_default = serializers.BooleanField(required=False, default=False)

    def customer_for(self, principal: Principal) -> str:
        """Whose it is to be; the service refuses what is somebody else's. Raises Invalid."""
        named = self.validated_data.get("customer")
        if named is None and principal.kind == "customer":
            return principal.id
        if named is None:
            detail = "Send the id of the customer who pays with it, cus_…"
            raise Invalid(errors=(FieldError("customer", "required", detail),))
        return str(named)


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "A card",
            value={
                "id": "pm_01h455vb4pex5vsknk084sn02q",
                "customer": "cus_01h455vb4pex5vsknk084sn02q",
                "provider": "simulated",
                "brand": "visa",
                "last4": "4242",
                "exp_month": 12,
                "exp_year": 2034,
                "is_default": True,
                "created_at": "2026-11-20T12:00:00Z",
                "detached_at": None,
            },
            response_only=True,
        )
    ]
)
class PaymentMethodSerializer(OutputSerializer[PaymentMethod]):
    """What a customer pays with. The token behind it is never shown."""

    id = serializers.CharField(read_only=True)
    customer = serializers.CharField(source="customer_id", read_only=True)
    is_default = serializers.BooleanField(
        read_only=True, help_text="Whether the customer's invoices are paid with it where nothing else is said."
    )

    class Meta:
        model = PaymentMethod
        fields = [
            "id",
            "customer",
            "provider",
            "brand",
            "last4",
            "exp_month",
            "exp_year",
            "is_default",
            "created_at",
            "detached_at",
        ]
        read_only_fields = fields
