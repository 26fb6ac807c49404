"""Subscriptions: what a plan that does not say gets, and the pace. Times are in their names."""

SUBSCRIPTION_RETRY_POLICY = {"max_attempts": 4, "base_seconds": 86_400, "cap_seconds": 259_200, "jitter_seconds": 3600}
"""When a declined payment of a subscription is tried again: a day later, two days after that, three after that."""
GRACE_DAYS = 7
"""How long what is past due stays usable."""
PENDING_EXPIRES_AFTER_SECONDS = 86_400
"""How long the first invoice may stay unpaid."""
BILLING_WAIT_SECONDS = 3600
"""After how long something that could not happen, because a payment is under way, is looked at again."""
RENEWAL_TASK_SECONDS = 50
"""How long one run of the Celery task takes up subscriptions; the next one goes on from there."""
RENEWAL_BATCH = 200
"""How many due subscriptions are read at a time."""
