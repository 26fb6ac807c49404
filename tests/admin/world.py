"""What staff may meet: a row of everything, made through the services, trouble included."""

import datetime
import itertools
import time
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group
from django.db.models import Q
from django.test import Client

from billing.models import Plan, Subscription, UsageCounter, UsageRecord, User
from billing.tests.factories import make_plan, make_subscription, make_trial
from billing.tests.usage import metered, use
from config.api import principals
from config.kernel import clock
from invoices.models import Invoice
from invoices.tests.factories import make_credit, make_customer, make_invoice
from outbox import services as outbox
from outbox.models import OutboxEvent
from payments import services as payments
from payments.models import Payment
from payments.providers.simulated.simulator.core import SimulatorCore
from payments.providers.simulated.simulator.in_process import InProcessTransport
from payments.providers.simulated.simulator.objects import NewCharge
from payments.tests.factories import make_method, make_payment
from payments.tests.simulator import simulated_with
from tests.api import ApiConsumer, SignedIn
from webhooks.inbound import services as inbound
from webhooks.inbound.models import ProviderEvent
from webhooks.inbound.tests.sending import answer_to, event, event_about
from webhooks.outbound import services as webhooks
from webhooks.outbound.models import Delivery, Endpoint

SOMEBODY = principals.system("tests")
_numbers = itertools.count(1)


class Refuser:
    """A publisher that cannot take what says that an invoice is paid."""

    def publish(self, events: Sequence[OutboxEvent]) -> None:
        if any(event.type == "invoice.paid" for event in events):
            raise ValueError("cannot encode this")


def chief() -> Client:
    """Signed in, may do everything."""
    user, _ = User.objects.get_or_create(email="chief@example.com", is_staff=True, is_superuser=True)
    client = Client()
    client.force_login(user)
    return client


def pay(invoice: Invoice) -> Payment:
    """A payment that the provider has captured, and said so."""
    payment = make_payment(invoice=invoice)
    assert answer_to(event_about(payment)) == "processed"
    return Payment.objects.get(pk=payment.pk)


def decline(invoice: Invoice, code: str = "insufficient_funds") -> Payment:
    """A payment that the provider has declined for now; the invoice is open again."""
    payment = make_payment(invoice=invoice)
    answer_to(event_about(payment, "charge.failed", failure_code=code))
    return Payment.objects.get(pk=payment.pk)


def refund(payment: Payment, number: int) -> None:
    """The provider has given a little of it back by itself, and said so."""
    about = {"reference": "", "charge": f"ch_{payment.pk}", "refund": f"re_{number}", "amount": 1}
    assert answer_to(event_about(payment, "refund.succeeded", **about)) == "processed"


def dispute(payment: Payment, number: int, type: str = "dispute.opened", **more: Any) -> None:
    """The payer's bank has taken a little of it back."""
    about = {"dispute": f"dp_{number}", "amount": 1, "reason": "fraudulent"} | more
    assert answer_to(event_about(payment, type, **about)) == "processed"


def endpoint(url: str = "http://127.0.0.1:9/hook") -> Endpoint:
    """A subscriber that nobody listens at."""
    return webhooks.create_endpoint(actor=SOMEBODY, url=url, listens_to=["*"], description="", key=None).row


def delivery(url: str = "http://127.0.0.1:9/hook") -> Delivery:
    """A ping that is on its way."""
    return webhooks.ping(actor=SOMEBODY, endpoint_id=endpoint(url).pk)


def settle(number: int) -> None:
    """The provider's books of long ago, with a charge that nobody here knows."""
    configured, then = settings.PROVIDERS["simulated"], time.time() - 10 * 86_400
    core = SimulatorCore(seed=number, account=configured["account"], webhook_secret="secret")
    core.charge(NewCharge(number, "EUR", "tok_visa", "pay_of_another_shop"), key="k", now=then)
    with simulated_with(transport=InProcessTransport(core, now=time.time)):
        moment = datetime.datetime.fromtimestamp(then, tz=datetime.UTC)
        hour = datetime.timedelta(hours=1)
        payments.reconcile_settlement(provider="simulated", since=moment - hour, until=moment + hour)
    core.close()


def subscribed(plan: Plan | None = None) -> Subscription:
    """A subscription that owes its first invoice, and has used something."""
    plan = plan or make_plan(features={"api_calls": {"limit": 1000}})
    subscription = make_subscription(plan, terms=None)
    now = clock.now()
    counter = UsageCounter.objects.create(
        subscription=subscription, plan_version=subscription.plan_version, feature="api_calls", period=1, used=7,
        created_at=now,
    )  # fmt: skip
    UsageRecord.objects.create(
        counter=counter,
        delta=7,
        used_after=7,
        limit=1000,
        resets_at=subscription.period_ends_at,
        actor=SOMEBODY.actor,
        created_at=now,
    )
    return subscription


def fill(times: int = 1) -> None:
    """`times` rows of every model at least."""
    for number in itertools.islice(_numbers, times):
        customer = make_customer()
        make_method(customer)
        invoice = make_invoice(customer_id=customer.id, number=f"2026-{number}")
        make_credit(500, customer=customer)
        make_invoice(customer_id=customer.id)
        decline(invoice)
        payment = pay(Invoice.objects.get(pk=invoice.pk))
        refund(payment, number)
        dispute(payment, number, evidence_due_at="2026-12-24T12:00:00Z")
        assert answer_to(event("charge.succeeded", charge=f"ch_{number}", amount=1, currency="EUR")) == "parked"
        replayed = ProviderEvent.objects.get(our_reference=payment.pk, type="charge.succeeded")
        inbound.replay(provider_event_id=replayed.pk, actor=SOMEBODY, reason="to see it")
        Group.objects.create(name=f"Accounting {number}")
        settle(number)
        archive(invoice=make_invoice(), ping=webhooks.ping(actor=SOMEBODY, endpoint_id=delivery().endpoint_id))
        use_up()
        ApiConsumer()
        SignedIn()
        subscribed()
    outbox.drain()


def use_up() -> None:
    """All that a trial allows."""
    subscription = make_trial(metered(3, trial_days=14))
    use(subscription, 3)


def archive(invoice: Invoice, ping: Delivery) -> None:
    """As if both were of years ago."""
    outbox.drain()
    long_ago = clock.now() - datetime.timedelta(days=3650)
    deliveries = Delivery.objects.filter(Q(pk=ping.pk) | Q(event__aggregate_id=invoice.pk))
    deliveries.update(status="dead", available_at=None, created_at=long_ago, ended_at=long_ago)
    OutboxEvent.objects.filter(aggregate_id=invoice.pk).update(occurred_at=long_ago)
    for move in (webhooks.archive, outbox.archive):
        assert move(before=clock.now() - datetime.timedelta(days=1000), stop=lambda: False)
