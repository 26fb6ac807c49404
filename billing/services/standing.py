"""What customers have of each feature, and how much of it is used: reads, of a fixed number of statements."""

import dataclasses
import functools
import operator
from collections.abc import Sequence

from django.db.models import Q

from billing.models import UsageCounter
from billing.services import serving
from billing.services.features import Feature
from billing.services.serving import Serving
from config.api.principals import Principal
from config.kernel.fields import by_id
from invoices import services as invoices
from invoices.models import Customer


@dataclasses.dataclass(frozen=True)
class Standing:
    """One feature of a served subscription, and what was used of it in the period that is now."""

    serving: Serving
    feature: Feature
    used: int = 0

    @property
    def is_hard(self) -> bool:
        """Whether what is over the limit is refused rather than billed."""
        return self.feature.limit is not None and self.feature.most(self.serving.overage_amount) == self.feature.limit

    @property
    def remaining(self) -> int | None:
        return None if self.feature.limit is None else max(self.feature.limit - self.used, 0)

    @property
    def percent(self) -> int | None:
        """Of the limit, rounded down; of nothing it is all."""
        if self.feature.limit is None:
            return None
        return self.used * 100 // self.feature.limit if self.feature.limit else 100


def limits_of(*, actor: Principal, customer_id: str) -> list[Standing]:
    """Every feature, switches too, of all that serves the customer, the oldest first; of what was used it says nothing.

    Raises CustomerNotFound.
    """
    return [Standing(served, each) for served in _served(actor, customer_id) for each in served.features.values()]


def usage_of(*, actor: Principal, customer_id: str) -> list[Standing]:
    """Every metered feature of all that serves the customer, the oldest first, used or not. Raises CustomerNotFound."""
    found = _served(actor, customer_id)
    used = _used(found)
    return [
        Standing(served, each, used.get((served.subscription.id, each.name), 0))
        for served in found
        for each in served.features.values()
        if each.is_metered
    ]


def _served(actor: Principal, customer_id: str) -> list[Serving]:
    found = [*serving.of_customer(customer_id)] if actor.sees(customer_id) else []
    if not found and (not actor.sees(customer_id) or by_id(Customer.objects.all(), customer_id) is None):
        raise invoices.CustomerNotFound(id=customer_id)
    return found


def _used(found: Sequence[Serving]) -> dict[tuple[str, str], int]:
    if not found:
        return {}
    periods = [Q(subscription=served.subscription, period=served.period) for served in found]
    counters = UsageCounter.objects.filter(functools.reduce(operator.or_, periods)).values_list(
        "subscription_id", "feature", "used"
    )
    return {(subscription_id, feature): used for subscription_id, feature, used in counters}
