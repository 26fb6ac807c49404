"""The one end that every order leads to."""

LOG = sorted(
    [
        "invoice.created",
        "payment.requested",
        "invoice.processing",
        "payment.processing",
        "payment.submitted",
        "receipt.created",
        "payment.succeeded",
        "receipt.applied",
        "invoice.paid",
    ]
)
"""The types of the events that an invoice has which was paid once, sorted."""
