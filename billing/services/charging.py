"""What a subscription costs becomes invoices here, and is charged to what it is paid with. Steps under its lock."""

import dataclasses
import datetime
from collections.abc import Sequence

from django.conf import settings
from django.db.models import QuerySet

from billing.models import Subscription, SubscriptionInvoice
from billing.services import calendar, moving, reversals
from billing.states import SubscriptionStatus
from config.api.principals import Principal
from config.kernel import clock, db, money
from config.kernel.errors import Invalid
from config.kernel.fields import by_id
from invoices import services as invoices
from invoices.models import Invoice, InvoiceLine
from invoices.services import Line, NewInvoice, RetryPolicy
from invoices.states import InvoiceStatus
from payments import services as payments
from payments.models import Payment, PaymentMethod
from payments.providers import registry
from payments.services import PaymentTerms

_MICROSECOND = datetime.timedelta(microseconds=1)

OWED = (InvoiceStatus.OPEN, InvoiceStatus.FAILED)
UNSETTLED = (*OWED, InvoiceStatus.PROCESSING)


@dataclasses.dataclass(frozen=True)
class Period:
    """Number `number` of a subscription, `cycles` cycles after its anchor."""

    number: int
    cycles: int
    starts_at: datetime.datetime
    ends_at: datetime.datetime


def following_period(subscription: Subscription) -> Period:
    """The one after the current: it begins where that ends, which may be at a new anchor."""
    is_anchored_there = subscription.period_ends_at == subscription.anchored_at
    cycles = 0 if is_anchored_there else subscription.anchor_cycles + 1
    starts_at, ends_at = (
        calendar.boundary(
            anchored_at=subscription.anchored_at,
            cycle=subscription.plan_version.cycle,
            cycles=each,
            time_zone=subscription.time_zone,
        )
        for each in (cycles, cycles + 1)
    )
    return Period(number=subscription.period + 1, cycles=cycles, starts_at=starts_at, ends_at=ends_at)


def enter(subscription: Subscription, period: Period) -> None:
    """It is in `period` now; the caller saves."""
    subscription.period = period.number
    subscription.anchor_cycles = period.cycles
    subscription.period_starts_at, subscription.period_ends_at = period.starts_at, period.ends_at


def change_to_next_plan(subscription: Subscription) -> None:
    """It is on the plan it was to change to when its period ends, if it was; the caller saves."""
    following = subscription.next_plan_version
    if following is None:
        return
    if following.cycle != subscription.plan_version.cycle:
        moving.anchor(subscription, at=subscription.period_ends_at)
    subscription.plan_version, subscription.next_plan_version = following, None


def bill(subscription: Subscription, *, lines: Sequence[Line], period: int | None, actor: Principal) -> Invoice:
    """The invoice of a period, or of a change within one (None). Paid at once where nothing is due."""
    db.require_transaction()
    version = subscription.plan_version
    new = NewInvoice(
        lines=lines,
        currency=version.currency,
        customer_id=subscription.customer_id,
        description=version.plan.name,
        retry_policy=RetryPolicy(**version.retry_policy),
    )
    invoice = invoices.issue(actor=actor, new=new, customer=subscription.customer)
    SubscriptionInvoice.objects.create(
        subscription=subscription, invoice=invoice, period=period, created_at=clock.now()
    )
    return invoice


def plan_line(subscription: Subscription) -> Line:
    """What its plan costs for the whole of the current period."""
    return Line(
        unit_amount=subscription.plan_version.amount,
        description=subscription.plan_version.plan.name,
        starts_at=subscription.period_starts_at,
        ends_at=subscription.period_ends_at,
    )


def rest_line(subscription: Subscription, *, now: datetime.datetime) -> Line:
    """What its plan costs from `now` to the end of the current period."""
    starts_at, ends_at = subscription.period_starts_at, subscription.period_ends_at
    _, rest = split_by_time(subscription.plan_version.amount, starts_at, now, ends_at)
    return dataclasses.replace(plan_line(subscription), unit_amount=rest, starts_at=now)


def unused(subscription: Subscription, *, now: datetime.datetime) -> list[Line]:
    """Requires its lock. The line that takes back what was charged for the rest of the period; none if nothing was.

    What was used is rounded once, and the rest is credited, so that both are what was charged. Money that has gone back
    is not credited too; what went back of what was used leaves the rest as it is.
    """
    charged = _charged_line(subscription)
    if charged is None or now >= subscription.period_ends_at:
        return []
    assert charged.starts_at is not None, charged.id
    assert charged.ends_at is not None, charged.id
    _, rest = split_by_time(charged.amount, charged.starts_at, now, charged.ends_at)
    rest = min(rest, charged.amount - reversals.amount_given_back(charged))
    if rest <= 0:
        return []
    description = f"Not used: {charged.description}"
    return [
        Line(unit_amount=-rest, description=description, starts_at=now, ends_at=charged.ends_at, reverses=charged.id)
    ]


def _charged_line(subscription: Subscription) -> InvoiceLine | None:
    """What was charged for the plan until the end of the period, most recently; not what a period before used."""
    lines = InvoiceLine.objects.filter(
        invoice__subscription_invoice__subscription=subscription,
        starts_at__gte=subscription.period_starts_at,
        ends_at=subscription.period_ends_at,
        reverses=None,
    )
    lines = lines.exclude(invoice__status=InvoiceStatus.VOID).select_related("invoice")
    return lines.order_by("-id").first()


def split_by_time(
    amount: int, starts_at: datetime.datetime, at: datetime.datetime, ends_at: datetime.datetime
) -> tuple[int, int]:
    """What of `amount`, charged evenly from start to end, falls before and after `at`; together the whole."""
    before, after = money.split(amount, [(at - starts_at) // _MICROSECOND, (ends_at - at) // _MICROSECOND])
    return before, after


def charge(subscription: Subscription, invoice: Invoice, *, actor: Principal, reason: str) -> None:
    """Pay what is due on `invoice` with what the subscription is paid with; with nothing to pay with, it falls due.

    So does one that a person settles. One that is pending just stays so. Raises what `payments.request_payment` says
    of a payment method that cannot be used for it.
    """
    if invoice.status == InvoiceStatus.PAID:
        return
    obstacle = "there is nothing to pay with"
    terms = terms_of(subscription)
    if terms is not None:
        try:
            payment = payments.request_payment(invoice=invoice, terms=terms, actor=actor, key=None, reason=reason)
        except Invalid as error:
            if subscription.status == SubscriptionStatus.PENDING:
                raise
            obstacle = error.detail
        else:
            await_confirmation(subscription, payment, actor=actor)
            return
    _fall_due(subscription, actor, obstacle)


def await_confirmation(subscription: Subscription, payment: Payment, *, actor: Principal) -> None:
    """Requires its lock. It falls due where a person settles `payment`: that may take as long as the days of grace."""
    if payment.provider in _settled_by_hand():
        _fall_due(subscription, actor, "somebody has to confirm the payment")


def _fall_due(subscription: Subscription, actor: Principal, obstacle: str) -> None:
    if subscription.status in (SubscriptionStatus.TRIALING, SubscriptionStatus.ACTIVE):
        moving.fall_due(subscription, actor=actor, reason=obstacle)


def terms_of(subscription: Subscription) -> PaymentTerms | None:
    """Its own payment method, else, or once that is detached, the customer's default; None without either."""
    own = PaymentTerms(provider=subscription.provider, payment_method=subscription.payment_method)
    if own != PaymentTerms() and not _is_detached(own.payment_method):
        return own
    method = payments.default_payment_method(subscription.customer_id)
    return None if method is None else PaymentTerms(provider=method.provider, payment_method=method.id)


def _is_detached(payment_method: str) -> bool:
    method = by_id(PaymentMethod.objects.all(), payment_method)
    return method is not None and not method.is_attached


def _settled_by_hand() -> list[str]:
    return [name for name in settings.PROVIDERS if not registry.get(name).settles_itself]


def waits_for_a_person(subscription: Subscription) -> bool:
    """Whether a payment of its invoices is under way that nobody but a person ends."""
    live = Payment.objects.filter(live_invoice__subscription_invoice__subscription=subscription)
    return live.filter(provider__in=_settled_by_hand()).exists()


def overdue(subscription: Subscription) -> bool:
    """Whether it has an invoice that somebody has to pay, be it that a payment is trying to.

    One that is tried again counts, and one that a person has to confirm; the first try of another does not.
    """
    tried_again = _caused(subscription, [InvoiceStatus.PROCESSING]).filter(attempts__gt=1)
    return owed(subscription) is not None or tried_again.exists() or waits_for_a_person(subscription)


def owed(subscription: Subscription) -> Invoice | None:
    """The oldest of its invoices that somebody has to pay and no payment is trying to."""
    return _caused(subscription, OWED).first()


def unsettled(subscription: Subscription) -> Invoice | None:
    """The oldest of its invoices that is not paid, be it that a payment is trying to."""
    return _caused(subscription, UNSETTLED).first()


def void_owed(subscription: Subscription, *, actor: Principal, reason: str) -> None:
    """Nobody owes what no payment is trying to pay, and what has paid a part of it goes back.

    An invoice stays owed where one that is paid takes back a line of it. The latest goes first: it may take back lines
    of those before. All are locked, so that what pays one from here on does so once the caller has committed, and are
    marked: by that, not by the clocks of two machines, is known what was paid too late.
    """
    for invoice in _caused(subscription, UNSETTLED).reverse():
        locked = invoices.lock_invoice(invoice.id)
        if locked.status in UNSETTLED:
            SubscriptionInvoice.objects.filter(invoice=locked).update(was_unsettled_at_end=True)
        if locked.status in OWED and not reversals.is_taken_back(locked):
            invoices.void(invoice=locked, customer=subscription.customer, actor=actor, reason=reason)
            payments.refund_whole(invoice=locked, actor=actor, reason=reason)


def give_back_paid(subscription: Subscription, *, actor: Principal, reason: str) -> None:
    """Requires its lock. Whatever has paid its invoices was paid for nothing."""
    for invoice in _caused(subscription, [InvoiceStatus.PAID]):
        give_back(subscription, invoices.lock_invoice(invoice.id), actor=actor, reason=reason)


def give_back(subscription: Subscription, invoice: Invoice, *, actor: Principal, reason: str) -> None:
    """Requires the locks of both; call it once for an invoice. The money that paid it goes back, and credit too."""
    payments.refund_whole(invoice=invoice, actor=actor, reason=reason)
    if invoice.amount_credited:
        invoices.give_credit(
            customer=subscription.customer,
            amount=invoice.amount_credited,
            currency=invoice.currency,
            actor=actor,
            reason=reason,
            invoice=invoice,
        )


def _caused(subscription: Subscription, statuses: Sequence[str]) -> QuerySet[Invoice]:
    caused = Invoice.objects.filter(subscription_invoice__subscription=subscription, status__in=statuses)
    return caused.order_by("id")
