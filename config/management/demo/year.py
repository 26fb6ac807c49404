"""A subscription's year under the test clock: a trial, renewals, an upgrade, a decline that recovers, a downgrade."""

import datetime
import hashlib
import secrets
import time
from collections.abc import Callable, Iterator

from billing import services as billing
from billing.models import Plan, Subscription
from config.api.idempotency import IdempotencyKey
from config.api.principals import Principal
from config.kernel import clock
from config.kernel.fields import by_id_or
from config.test_clock import services as test_clock
from invoices import services as invoices
from invoices.models import Invoice
from outbox import services as outbox
from payments import services as payments
from payments.models import Payment
from payments.services import PaymentTerms

CARD, EMPTY_CARD = "tok_visa", "tok_insufficient_funds"
SETTLE_SECONDS = 30.0
POLL_SECONDS = 0.05
_MOMENT = datetime.timedelta(seconds=1)


class NotSettled(Exception):
    """A payment did not come to its end in time; the text says what it takes."""


class Year:
    """Plays with one customer of its own, and tells `say` what happens. Workers that run beside it only help."""

    def __init__(self, *, actor: Principal, currency: str, say: Callable[[str], None]) -> None:
        self._actor = actor
        self._currency = currency
        self._say = say
        customer = invoices.create_customer(
            actor=actor, name="Ada Lovelace", email="ada@example.com", metadata={}, key=None
        )
        self._customer_id = customer.row.id

    def play(self) -> str:
        """The id of the subscription, canceled after a year. Raises NotSettled, and what the services raise."""
        basic = self._plan("Basic", 2900, {"api_calls": {"limit": 1000, "overage": {"unit_amount": 2}}})
        pro = self._plan("Pro", 7900, {"api_calls": {"limit": 10_000}, "sso": True})
        subscription = self._begin(basic)
        self._pass_periods(subscription, 1)
        self._pass_half_a_period(subscription)
        self._change(subscription, pro, "upgrades to Pro: what is not used of Basic is credited")
        self._pass_periods(subscription, 3)
        self._pay_with(subscription, EMPTY_CARD, "has no money on the card when the next period begins")
        self._pass_periods(subscription, 1)
        self._pay_what_is_owed(subscription)
        self._pass_periods(subscription, 2)
        self._change(subscription, basic, "downgrades to Basic for the next period")
        self._pass_periods(subscription, 5)
        self._end(subscription)
        return subscription.id

    def _plan(self, name: str, amount: int, features: dict[str, object]) -> Plan:
        terms = billing.PlanTerms(
            amount=amount, currency=self._currency, cycle="month", trial_days=14, features=features
        )
        return billing.create_plan(actor=self._actor, name=name, terms=terms, key=None).row

    def _begin(self, plan: Plan) -> Subscription:
        new = billing.NewSubscription(
            customer_id=self._customer_id,
            plan_id=plan.id,
            terms=PaymentTerms(provider="simulated", payment_method=CARD),
            time_zone="Europe/Berlin",
        )
        subscription = billing.start_trial(actor=self._actor, new=new, key=None).row
        self._tell("starts a trial of Basic, 14 days")
        return subscription

    def _pass_periods(self, subscription: Subscription, number: int) -> None:
        for _ in range(number):
            self._go_to(self._now(subscription).period_ends_at)
            self._settle(subscription)
            now = self._now(subscription)
            self._tell(f"is {now.get_status_display()} in period {now.period}")

    def _pass_half_a_period(self, subscription: Subscription) -> None:
        now = self._now(subscription)
        self._go_to(now.period_starts_at + (now.period_ends_at - now.period_starts_at) / 2)

    def _change(self, subscription: Subscription, plan: Plan, what: str) -> None:
        billing.change_plan(actor=self._actor, subscription_id=subscription.id, plan_id=plan.id)
        self._tell(what)
        self._settle(subscription)

    def _pay_with(self, subscription: Subscription, token: str, what: str) -> None:
        terms = PaymentTerms(provider="simulated", payment_method=token)
        billing.change_payment_method(actor=self._actor, subscription_id=subscription.id, terms=terms)
        self._tell(what)

    def _pay_what_is_owed(self, subscription: Subscription) -> None:
        digest = hashlib.sha256(secrets.token_bytes(32)).hexdigest()
        key = IdempotencyKey(owner=self._actor.owner, operation="payments.create", digest=digest, fingerprint="demo")
        terms = PaymentTerms(provider="simulated", payment_method=CARD)
        billing.pay_subscription(actor=self._actor, subscription_id=subscription.id, terms=terms, key=key)
        self._tell("pays what is owed with another card")
        self._settle(subscription)
        self._tell(f"is {self._now(subscription).get_status_display()} again")

    def _end(self, subscription: Subscription) -> None:
        billing.cancel_subscription(
            actor=self._actor, subscription_id=subscription.id, when=billing.When.PERIOD_END, reason="a year is enough"
        )
        self._tell("cancels for the end of the period")
        self._go_to(self._now(subscription).period_ends_at)
        self._settle(subscription)
        self._tell(f"is {self._now(subscription).get_status_display()}")

    def _settle(self, subscription: Subscription) -> None:
        """What workers do, until none of the subscription's payments is under way. Raises NotSettled."""
        billing.renew_due()
        payments.retry_due()
        deadline = time.monotonic() + SETTLE_SECONDS
        while under_way := list(_live_payments(subscription)):
            for payment_id in under_way:
                payments.submit(payment_id=payment_id)
            outbox.drain()
            if time.monotonic() > deadline:
                raise NotSettled(f"Payment {under_way[0]} has no end after {SETTLE_SECONDS:g} s.")
            time.sleep(POLL_SECONDS)
        outbox.drain()

    def _go_to(self, moment: datetime.datetime) -> None:
        test_clock.advance(by=max(moment - clock.now(), datetime.timedelta(0)) + _MOMENT)

    def _now(self, subscription: Subscription) -> Subscription:
        return by_id_or(billing.SubscriptionNotFound, Subscription.objects, subscription.id)

    def _tell(self, what: str) -> None:
        self._say(f"{clock.now():%Y-%m-%d}  Ada {what}")


def _live_payments(subscription: Subscription) -> Iterator[str]:
    live = Payment.objects.filter(live_invoice__subscription_invoice__subscription=subscription)
    yield from live.order_by("id").values_list("id", flat=True)


def invoices_of(subscription_id: str) -> list[Invoice]:
    """Those that the subscription has caused, oldest first, with their lines."""
    caused = Invoice.objects.filter(subscription_invoice__subscription=subscription_id)
    return list(caused.order_by("id").prefetch_related("lines"))
