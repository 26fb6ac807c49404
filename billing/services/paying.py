"""One call that pays for a subscription: its first invoice, an overdue one, or the one that ends its trial."""

from billing import events
from billing.models import Subscription
from billing.services import charging, locks, moving, renewing
from billing.states import SubscriptionStatus
from config.api.idempotency import Created, IdempotencyKey, find_earlier, find_replay
from config.api.principals import Principal
from config.kernel import clock, db
from config.kernel.errors import Conflict, ForbiddenTransition
from invoices import services as invoices
from invoices.models import Invoice
from payments import services as payments
from payments.models import Payment
from payments.services import PaymentTerms


class NothingDue(Conflict):
    """Nothing is due for subscription {subscription_id}."""

    code = "nothing_due"


def pay_subscription(
    *, actor: Principal, subscription_id: str, terms: PaymentTerms, key: IdempotencyKey, reason: str = ""
) -> Created[Payment]:
    """Pay the oldest invoice it owes, and what comes later, with `terms`. A trial ends: its first period begins now.

    Without `terms` it is paid with what the subscription is paid with, as a renewal is, and nothing changes later.
    With what a person settles, what was not due yet is from now on. What it owes after its end can be paid too. Raises
    SubscriptionNotFound, NothingDue, IdempotencyKeyReused, and what paying an invoice raises.
    """
    return find_earlier(Payment, key) or _pay(
        actor=actor, subscription_id=subscription_id, terms=terms, key=key, reason=reason
    )


def check_payable(subscription: Subscription) -> None:
    """Raises NothingDue."""
    if charging.unsettled(subscription) is None and not _is_trial(subscription):
        raise NothingDue(subscription_id=subscription.id)


@db.transaction(idempotent=True)
def _pay(
    *, actor: Principal, subscription_id: str, terms: PaymentTerms, key: IdempotencyKey, reason: str
) -> Created[Payment]:
    subscription = locks.lock(subscription_id, actor)
    if earlier := find_replay(Payment, key):
        return earlier
    invoice = charging.unsettled(subscription) or _end_trial(subscription, actor, reason)
    if invoice is None or not invoice.amount_due:
        raise NothingDue(subscription_id=subscription.id)
    locked = invoices.lock_invoice(invoice.id)
    paid_with = terms if terms != PaymentTerms() else charging.terms_of(subscription) or terms
    payment = payments.request_payment(invoice=locked, terms=paid_with, actor=actor, key=key, reason=reason)
    charging.await_confirmation(subscription, payment, actor=actor)
    is_chosen = terms.payment_method or terms.provider or payment.attached_method_id is None
    if is_chosen and subscription.ended_at is None:
        _remember(subscription, payment, actor=actor, reason=reason)
    return Created(payment, True)


@db.transaction(idempotent=True)
def change_payment_method(
    *, actor: Principal, subscription_id: str, terms: PaymentTerms, reason: str = ""
) -> Subscription:
    """What is due later is paid with `terms`; without any, with the customer's default method.

    What was declined before is tried again with what it was tried with: `pay_subscription` pays that with another.
    Raises SubscriptionNotFound, what `payments.means_for` does, and ForbiddenTransition once it has ended.
    """
    subscription = locks.lock(subscription_id, actor)
    if subscription.ended_at is not None:
        raise ForbiddenTransition(
            action="change the payment method of",
            resource="subscription",
            status=subscription.status,
            id=subscription.id,
        )
    if terms != PaymentTerms():
        payments.means_for(subscription.customer_id, terms)
    _keep(subscription, provider=terms.provider, payment_method=terms.payment_method, actor=actor, reason=reason)
    return subscription


def _remember(subscription: Subscription, payment: Payment, *, actor: Principal, reason: str) -> None:
    """What is due later is paid like this payment; one with the customer's default follows the default."""
    method = payment.attached_method_id or payment.payment_method
    _keep(subscription, provider=payment.provider, payment_method=method, actor=actor, reason=reason)


def _keep(
    subscription: Subscription, *, provider: str, payment_method: str, actor: Principal, reason: str = ""
) -> None:
    if (subscription.provider, subscription.payment_method) != (provider, payment_method):
        subscription.provider, subscription.payment_method = provider, payment_method
        moving.note(subscription, events.SubscriptionPaymentMethodChanged, actor=actor, reason=reason)


def _end_trial(subscription: Subscription, actor: Principal, reason: str) -> Invoice | None:
    if not _is_trial(subscription):
        return None
    moving.anchor(subscription, at=clock.now())
    subscription.trial_ends_at = subscription.anchored_at
    return renewing.convert(subscription, actor=actor, reason=reason)


def _is_trial(subscription: Subscription) -> bool:
    return subscription.status == SubscriptionStatus.TRIALING and not subscription.period
