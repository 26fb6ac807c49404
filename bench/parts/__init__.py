"""What is measured, one module per part."""

PARTS = (
    "create-pay",
    "replays",
    "webhooks",
    "relay",
    "stream-latency",
    "relay-memory",
    "renewals",
    "deliveries",
    "latency",
)
