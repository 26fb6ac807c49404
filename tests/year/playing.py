"""A year of scripts played through the services on one timeline, under the test clock, to the microsecond."""

import functools
import heapq
import itertools
from collections import Counter
from collections.abc import Callable

import time_machine
from django.db.models import Min

from billing import services
from billing.models import Subscription
from billing.services import NewSubscription, PlanTerms, When
from billing.tests.factories import VISA
from config.kernel import clock
from config.kernel.errors import DomainError
from config.test_clock.services import advance
from invoices.models import Customer, Invoice
from invoices.tests.factories import MERCHANT_KEY, make_customer
from outbox import services as outbox
from payments import services as payments
from payments.models import Payment
from payments.tests.factories import HARD, SOFT, captured, make_key, tell_payment
from tests.year.calendars import DAY, HOUR, SECOND, micros, moment
from tests.year.lives import NEVER, RETRY_DAYS, full_hour
from tests.year.scripts import BEGINS, ENDS, METERED, Act, Decline, Meter, Offer, Repricing, Script, Year

RETRIES = {
    "max_attempts": len(RETRY_DAYS) + 1,
    "base_seconds": DAY // SECOND,
    "cap_seconds": RETRY_DAYS[-1] * DAY // SECOND,
    "jitter_seconds": 0,
}


class Played:
    """The deployment of one year. `told` is how each act ended, by customer."""

    def __init__(self, year: Year) -> None:
        self._year = year
        self._count = itertools.count()
        self._queue: list[tuple[int, int, int, Callable[[], None]]] = []
        self._asked: Counter[tuple[int, str]] = Counter()
        self._declines: dict[str, Decline | None] = {}
        self._ticked_at = 0
        self.told: dict[int, list[str]] = {script.number: [] for script in year.scripts}
        self.customers: dict[int, Customer] = {}

    def play(self) -> "Played":
        """From the first plan to the end of the year."""
        with time_machine.travel(clock.wall(), tick=False):
            _go_to(BEGINS)
            self._plans = {name: _make_plan(offer) for name, offer in self._offered().items()}
            for repricing in self._year.repricings:
                self._plan_for(repricing.at, 2, functools.partial(self._reprice, repricing))
            for script in self._year.scripts:
                self.customers[script.number] = make_customer()
                for act in script.acts:
                    self._plan_for(act.at, 3, functools.partial(self._play, script, act))
            self._by_customer = {self.customers[script.number].id: script for script in self._year.scripts}
            while self._go_on():
                pass
        return self

    def _offered(self) -> dict[str, Offer]:
        named = {act.offer for script in self._year.scripts for act in script.acts}
        return {name: offer for name, offer in self._year.offers.items() if name in named}

    def _plan_for(self, at: int, rank: int, do: Callable[[], None]) -> None:
        heapq.heappush(self._queue, (at, rank, next(self._count), do))

    def _next_tick(self) -> int:
        """The next full hour with something to do for a worker."""
        renewal = Subscription.objects.aggregate(at=Min("due_at"))["at"]
        retry = Invoice.objects.aggregate(at=Min("next_attempt_at"))["at"]
        hours = [self._hour(micros(at)) for at in (retry,) if at]
        if renewal:
            hour = self._hour(micros(renewal))
            while self._year.is_out(hour):
                hour += HOUR
            hours.append(hour)
        return min(hours, default=NEVER)

    def _hour(self, at: int) -> int:
        return max(full_hour(at), self._ticked_at + HOUR)

    def _go_on(self) -> bool:
        """To what comes next; False when that is another year."""
        tick = self._next_tick()
        at = self._queue[0][0] if self._queue else NEVER
        if min(tick, at) >= ENDS:
            return False
        _go_to(min(tick, at))
        if tick <= at:
            self._tick(tick)
        else:
            heapq.heappop(self._queue)[-1]()
        return True

    def _tick(self, at: int) -> None:
        """The workers come: the one that renews unless it is away, then the one that tries cards again."""
        self._ticked_at = at
        if not self._year.is_out(at):
            services.renew_due(budget_seconds=600)
            self._settle()
        if payments.retry_due():
            self._settle()

    def _settle(self) -> None:
        """Providers answer as the scripts say, and the relay tells billing."""
        live = Payment.objects.exclude(live_invoice=None).order_by("id")
        for payment in live.select_related("live_invoice__subscription_invoice__subscription"):
            self._answer(payment)
        while outbox.relay_once(only={"subscriptions"}).full_batches:
            pass

    def _answer(self, payment: Payment) -> None:
        invoice = payment.live_invoice
        assert invoice is not None
        subscription = invoice.subscription_invoice.subscription
        script = self._by_customer[subscription.customer_id]
        if invoice.id not in self._declines:
            ordinal = self._asked[script.number, subscription.family]
            self._asked[script.number, subscription.family] += 1
            self._declines[invoice.id] = script.declines.get((subscription.family, ordinal))
        decline = self._declines[invoice.id]
        if decline is None or invoice.attempts > (1 if decline.by_hand_after else decline.times):
            tell_payment(payment, captured(payment))
        elif decline.by_hand_after:
            tell_payment(payment, HARD)
            self._plan_for(_now() + decline.by_hand_after, 1, functools.partial(self._pay_by_hand, subscription.id))
        else:
            tell_payment(payment, SOFT)

    def _pay_by_hand(self, subscription_id: str) -> None:
        try:
            services.pay_subscription(actor=MERCHANT_KEY, subscription_id=subscription_id, terms=VISA, key=make_key())
        except services.NothingDue:
            return
        self._settle()

    def _reprice(self, repricing: Repricing) -> None:
        if repricing.offer in self._plans:
            changes = {"amount": repricing.amount}
            services.update_plan(actor=MERCHANT_KEY, plan_id=self._plans[repricing.offer], changes=changes)

    def _play(self, script: Script, act: Act) -> None:
        customer = self.customers[script.number]
        latest = Subscription.objects.filter(customer=customer, family=act.family).order_by("id").last()
        try:
            told = self._do(script, act, customer, latest)
            self._settle()
        except DomainError as error:
            told = error.code
        self.told[script.number].append(told)

    def _do(self, script: Script, act: Act, customer: Customer, latest: Subscription | None) -> str:
        if act.what in ("subscribe", "trial"):
            new = NewSubscription(
                customer_id=customer.id,
                plan_id=self._plans[act.offer],
                terms=VISA if act.can_pay else None,
                time_zone=script.zone,
            )
            (services.subscribe if act.what == "subscribe" else services.start_trial)(
                actor=MERCHANT_KEY, new=new, key=None
            )
            return "done"
        if latest is None:
            return "nobody"
        when = When(act.when) if act.when else None
        match act.what:
            case "change":
                plan_id = self._plans[act.offer]
                services.change_plan(actor=MERCHANT_KEY, subscription_id=latest.id, plan_id=plan_id, when=when)
            case "cancel":
                services.cancel_subscription(
                    actor=MERCHANT_KEY,
                    subscription_id=latest.id,
                    when=when or When.NOW,
                    credit_unused=act.credit_unused,
                    void_open_invoices=act.void_open_invoices,
                )
            case "reactivate":
                services.reactivate_subscription(actor=MERCHANT_KEY, subscription_id=latest.id)
            case _:
                services.use(
                    actor=MERCHANT_KEY,
                    customer_id=customer.id,
                    subscription_id=latest.id,
                    feature_name=METERED,
                    delta=act.delta,
                    key=None,
                )
        return "done"


def _make_plan(offer: Offer) -> str:
    terms = PlanTerms(
        amount=offer.amount,
        currency=offer.currency,
        cycle=offer.cycle,
        trial_days=offer.trial_days,
        features={METERED: _feature(offer.meter)} if offer.meter else {},
        retry_policy=RETRIES,
    )
    return services.create_plan(actor=MERCHANT_KEY, name=offer.name, terms=terms, family=offer.family, key=None).row.id


def _feature(meter: Meter) -> dict[str, object]:
    return {"limit": meter.limit, "overage": {"unit_amount": meter.unit_amount, "per": meter.per}}


def _now() -> int:
    return micros(clock.now())


def _go_to(at: int) -> None:
    """Business time is then, to the microsecond."""
    by = moment(at) - clock.now()
    if by:
        advance(by=by)
    assert _now() == at
