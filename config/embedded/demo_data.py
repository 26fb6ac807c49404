"""What there is to subscribe to in the embedded run."""

import hashlib

from billing import services as billing
from billing.services import PlanTerms
from config.api import principals
from config.api.idempotency import IdempotencyKey

PLANS = {
    "Basic": PlanTerms(
        amount=900,
        currency="EUR",
        cycle="month",
        trial_days=14,
        features={"api_calls": {"limit": 1000}, "storage": {"limit": "1GB"}, "sso": False},
    ),
    "Pro": PlanTerms(
        amount=2900,
        currency="EUR",
        cycle="month",
        trial_days=14,
        features={
            "api_calls": {"limit": 10_000, "overage": {"unit_amount": 1, "per": 10}},
            "storage": {"limit": "100GB"},
            "sso": True,
        },
    ),
}


def provide() -> None:
    """The plans, once: an earlier run's stay as they are, be they renamed or retired since."""
    actor = principals.system("run_embedded")
    for name, terms in PLANS.items():
        digest = hashlib.sha256(name.encode()).hexdigest()
        key = IdempotencyKey(owner=actor.owner, operation="run_embedded.plans", digest=digest, fingerprint="v1:demo")
        billing.create_plan(actor=actor, name=name, terms=terms, key=key)
