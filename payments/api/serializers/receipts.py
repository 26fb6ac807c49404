"""What receipts look like on the wire, and what is said about them."""

from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from config.api.fields import InputSerializer
from config.api.shared_fields import OutputSerializer
from payments import services
from payments.models import Receipt


@extend_schema_serializer(
    examples=[
        OpenApiExample("Give it back", value={"disposition": "return", "reason": "paid twice"}, request_only=True)
    ]
)
class DisposeInput(InputSerializer):
    """POST /receipts/{id}/dispose, of what it has unapplied.

    `apply` pays what is due on its invoice, `return` gives all of it back, `split` pays what is due and gives the rest
    back.
    """

    disposition = serializers.ChoiceField(choices=[each.value for each in services.DISPOSITIONS])
    reason = serializers.CharField(max_length=500, required=False, default="", allow_blank=True)

    def validate_disposition(self, value: str) -> services.Disposition:
        return services.Disposition(value)


class ReceiptSerializer(OutputSerializer[Receipt]):
    """Money that arrived, in minor units of `currency`.

    `amount_applied` has paid the invoice, `amount_unapplied` pays nothing; `amount_refunding` is reserved by refunds
    under way and `amount_refunded` has gone back. `returned_refund` is the refund whose money this is, where one came
    back.
    """

    id = serializers.CharField(read_only=True)
    payment = serializers.CharField(source="payment_id", read_only=True)
    invoice = serializers.CharField(source="invoice_id", read_only=True)
    returned_refund = serializers.CharField(source="returned_refund_id", read_only=True, allow_null=True)
    amount_applied = serializers.IntegerField(read_only=True)
    amount_unapplied = serializers.IntegerField(read_only=True)
    amount_refunding = serializers.IntegerField(read_only=True)
    amount_refunded = serializers.IntegerField(read_only=True)

    class Meta:
        model = Receipt
        fields = [
            "id",
            "payment",
            "invoice",
            "status",
            "amount",
            "amount_applied",
            "amount_unapplied",
            "amount_refunding",
            "amount_refunded",
            "currency",
            "provider",
            "provider_reference",
            "returned_refund",
            "received_at",
        ]
        read_only_fields = fields
