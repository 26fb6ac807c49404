"""Plans and subscriptions for operations to be about, and what the document's examples name."""

from billing import services
from billing.models import Subscription
from billing.services.canceling import When
from billing.tests.factories import make_active, make_customer, make_plan
from invoices.tests.factories import MERCHANT_KEY

FEATURES = {"api_calls": {"limit": 1_000_000, "overage": {"unit_amount": 1}}, "storage": {"limit": "1GB"}, "sso": True}


def make_subscriptions() -> list[Subscription]:
    """One that goes on, and one that ends with its period."""
    ending = make_active()
    services.cancel_subscription(actor=MERCHANT_KEY, subscription_id=ending.id, when=When.PERIOD_END)
    return [make_active(), ending]


def make_examples() -> dict[str, str]:
    """Ids in the document's examples, each with that of something there is: who uses something, and two plans."""
    customer = make_customer()
    make_active(make_plan(family="metered", features=FEATURES), customer=customer)
    return {
        "cus_01h455vb4pex5vsknk084sn02q": customer.id,
        "plan_01h455vb4pex5vsknk084sn02q": make_plan(1250, name="Pro").id,
        "plan_01h455vb4pex5vsknk084sn02r": make_plan(family="tried", trial_days=14, features=FEATURES).id,
    }
