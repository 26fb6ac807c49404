"""`python -m bench.seed_renewals COUNT`: so many subscriptions of one plan, each of a customer of its own, are due now.

The first of them, if they are there already, are due once more, for another period.
"""

import datetime
import os
import sys
from collections.abc import Iterator

import django

CHUNK = 5000
SINCE = datetime.timedelta(days=35)
"""How long ago the month began that is over."""


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bench.settings")
    django.setup()
    from billing.models import Subscription

    count = int(sys.argv[1])
    known = Subscription.objects.count()
    _make_due_again(min(known, count))
    missing = count - known
    for start in range(0, missing, CHUNK):
        _insert(min(CHUNK, missing - start))


def _insert(count: int) -> None:
    from billing.models import Subscription
    from config.kernel import clock
    from invoices.models import Customer

    now = clock.now()
    customers = [Customer(name=f"Customer {number}", created_at=now) for number in range(count)]
    Customer.objects.bulk_create(customers)
    version = next(_versions())
    common = {
        "status": "active",
        "plan_version": version,
        "family": "default",
        "live_family": "default",
        "provider": "simulated",
        "payment_method": "tok_visa",
        "period": 1,
        "anchored_at": now - SINCE,
        "created_at": now - SINCE,
        **_over(now),
    }
    Subscription.objects.bulk_create(Subscription(customer=customer, **common) for customer in customers)


def _over(now: datetime.datetime) -> dict[str, object]:
    """The period has ended, and the one after it will be the present one."""
    ends_at = now - SINCE + datetime.timedelta(days=28)
    return {"anchor_cycles": 0, "period_starts_at": now - SINCE, "period_ends_at": ends_at, "due_at": ends_at}


def _make_due_again(count: int) -> None:
    from billing.models import Subscription
    from config.kernel import clock

    if count:
        last = Subscription.objects.order_by("id").values_list("id", flat=True)[count - 1]
        Subscription.objects.filter(id__lte=last).update(**_over(clock.now()))


def _versions() -> Iterator[object]:
    from billing import services
    from billing.models import PlanVersion
    from config.api.principals import system

    yield from PlanVersion.objects.all()
    terms = services.PlanTerms(amount=1250, currency="EUR", cycle="month", features={"api_calls": {"limit": 10_000}})
    plan = services.create_plan(actor=system("bench"), name="Basic", terms=terms, key=None).row
    assert plan.latest_version is not None
    yield plan.latest_version


if __name__ == "__main__":
    main()
