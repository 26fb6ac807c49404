"""What disputes look like on the wire."""

from rest_framework import serializers

from config.api.shared_fields import OutputSerializer
from payments.models import Dispute


class DisputeSerializer(OutputSerializer[Dispute]):
    """Money that the payer's bank has taken back, in minor units of `currency`, until the provider has judged.

    `reason` is the provider's word for it; evidence is sent to the provider, until `evidence_due_at`.
    """

    id = serializers.CharField(read_only=True)
    payment = serializers.CharField(source="payment_id", read_only=True)
    invoice = serializers.CharField(source="invoice_id", read_only=True)
    receipt = serializers.CharField(source="receipt_id", read_only=True)
    reason = serializers.CharField(read_only=True)

    class Meta:
        model = Dispute
        fields = [
            "id",
            "payment",
            "invoice",
            "receipt",
            "status",
            "amount",
            "currency",
            "reason",
            "provider",
            "provider_reference",
            "evidence_due_at",
            "opened_at",
            "closed_at",
        ]
        read_only_fields = fields
