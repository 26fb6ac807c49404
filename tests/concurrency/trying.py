"""Uses that may be refused."""

from collections import Counter
from collections.abc import Iterable

from billing.models import Subscription
from billing.tests.usage import use
from config.api.idempotency import IdempotencyKey
from config.kernel.errors import Conflict


def attempt(subscription: Subscription, key: IdempotencyKey | None = None) -> str:
    """What is used of it then, or with what it was refused."""
    try:
        return str(use(subscription, key=key).used_after)
    except Conflict as refusal:
        return type(refusal).__name__


def tries(subscription: Subscription, times: int) -> Counter[str]:
    """What so many attempts, one after the other, were told."""
    return Counter(attempt(subscription) for _ in range(times))


def sum_of(found: Iterable[Counter[str]]) -> Counter[str]:
    """All of them together."""
    return sum(found, Counter[str]())
