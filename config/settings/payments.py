"""Providers and the timing of payments. Times are seconds."""

from typing import Any

from config.settings.env import env

DEFAULT_PROVIDER = env.default_provider or env.providers[0]
DEFAULT_CURRENCY: str | None = None
"""Fills a missing currency; set in local settings only."""
DEFAULT_PAYMENT_METHOD: str | None = None
"""Fills a missing payment method; set in local settings only."""

_known: dict[str, dict[str, Any]] = {
    "simulated": {
        "adapter": "payments.providers.simulated.adapter.SimulatedProvider",
        "account": "acct_simulated",
        "base_url": env.simulator_url,
        "timeout_seconds": 10,
        "webhook_secrets": env.simulator_webhook_secrets,
    },
    "manual": {"adapter": "payments.providers.manual.ManualProvider", "account": "manual"},
}
PROVIDERS = {name: _known[name] for name in env.providers}
WEBHOOK_PATHS = {"payment-provider": "simulated"}
"""Paths under /webhooks/ that are not a provider's own name."""

SUBMIT_GRACE_SECONDS = 5
"""How long a worker may take to pick a payment up before the sweeper submits it."""
SUBMIT_LEASE_SECONDS = 60
"""How long a submission may take before the sweeper holds its worker for dead; longer than any provider timeout."""
RECONCILE_SCHEDULE_SECONDS = [60, 300, 3600, 86400, 86400, 86400, 86400, 86400]
"""When to ask the provider about an unknown or overdue payment, one delay per try; after the last it goes to review."""

PAYMENT_RETRY_POLICY = {"max_attempts": 3, "base_seconds": 60, "cap_seconds": 3600, "jitter_seconds": 10}
"""When a payment declined for a passing reason is tried again; copied onto each invoice when it is issued."""

SETTLEMENT_WINDOW_SECONDS = 3 * 86_400
"""How much of a provider's books is read each day: what it books late is still found."""
SETTLEMENT_DELAY_SECONDS = 3600
"""How long after the provider has booked something it is compared: until then its webhook may be under way."""
