"""Taking the locks that everything about a subscription needs: the customer's, then its own, by one statement.

The customer's events are numbered on the `customer` of the subscription that is returned: nobody may read it once more.
"""

from billing.models import Subscription
from config.api.principals import Principal
from config.kernel import db
from config.kernel.errors import NotFound
from config.kernel.fields import by_id_or
from config.kernel.prepared import LockedPair
from invoices.models import Customer

_locked = LockedPair(Customer, Subscription, "customer")
_free = LockedPair(Customer, Subscription, "customer", skip_locked=True)


class SubscriptionNotFound(NotFound):
    """There is no subscription {id}."""

    code = "subscription_not_found"


def find(subscription_id: str, principal: Principal) -> Subscription:
    """The subscription, not locked, if it exists for whoever asks. Raises SubscriptionNotFound."""
    related = Subscription.objects.select_related("plan_version", "next_plan_version")
    return by_id_or(SubscriptionNotFound, related.visible_to(principal), subscription_id)


def lock(subscription_id: str, principal: Principal) -> Subscription:
    """Requires a transaction. The subscription with its `customer`, as they are now, under both locks.

    Raises SubscriptionNotFound.
    """
    db.require_transaction()
    return lock_known(by_id_or(SubscriptionNotFound, Subscription.objects.visible_to(principal), subscription_id))


def lock_known(known: Subscription) -> Subscription:
    """Requires a transaction. As `lock`, for a subscription that was read without a lock."""
    db.require_transaction()
    found = _locked.one(known.customer_id, known.id)
    assert found is not None, known.id
    return found[1]


def try_lock(*, subscription_id: str, customer_id: str) -> Subscription | None:
    """Requires a transaction. As `lock`, for sweeps, which come back: None at once when somebody else has either."""
    db.require_transaction()
    found = _free.one(customer_id, subscription_id)
    return found and found[1]
