"""One call that pays for a subscription whatever it stands for: the first invoice, an overdue one, the end of a trial."""

from billing import events
from billing.models import Subscription
from billing.services import charging, locks, moving, renewing
from billing.states import SubscriptionStatus
from config.api.idempotency import Created, IdempotencyKey, find_earlier, find_replay
from config.api.principals import Principal
from config.kernel import clock, db
from config.kernel.errors import Conflict
from invoices import services as invoices
from invoices.models import Invoice
from payments import services as payments
from payments.models import Payment
from payments.services import PaymentTerms


class NothingDue(Conflict):
    """Nothing is due for subscription {subscription_id}."""

    code = "nothing_due"


def pay_subscription(
    *, actor: Principal, subscription_id: str, terms: PaymentTerms, key: IdempotencyKey
) -> Created[Payment]:
    """Pay the oldest invoice it owes, and what comes later, with `terms`. A trial ends, and its first period begins now.

    Raises SubscriptionNotFound, NothingDue, IdempotencyKeyReused, and what paying an invoice raises.
    """
    return find_earlier(Payment, key) or _pay(actor=actor, subscription_id=subscription_id, terms=terms, key=key)


@db.transaction(idempotent=True)
def _pay(*, actor: Principal, subscription_id: str, terms: PaymentTerms, key: IdempotencyKey) -> Created[Payment]:
    subscription = locks.lock(subscription_id, actor)
    if earlier := find_replay(Payment, key):
        return earlier
    remember(subscription, terms, actor=actor)
    invoice = charging.unsettled(subscription) or _end_trial(subscription, actor)
    if invoice is None or not invoice.amount_due:
        raise NothingDue(subscription_id=subscription.id)
    locked = invoices.lock_invoice(invoice.id)
    return payments.request_payment(
        invoice=locked, terms=terms, actor=actor, key=key, reason=f"subscription {subscription.id}"
    )


def remember(subscription: Subscription, terms: PaymentTerms, *, actor: Principal) -> None:
    """Requires its lock. What is due later is paid like this."""
    if (subscription.provider, subscription.payment_method) != (terms.provider, terms.payment_method):
        subscription.provider, subscription.payment_method = terms.provider, terms.payment_method
        moving.note(subscription, events.SubscriptionPaymentMethodChanged, actor=actor)


def _end_trial(subscription: Subscription, actor: Principal) -> Invoice | None:
    if subscription.status != SubscriptionStatus.TRIALING or subscription.period:
        return None
    moving.anchor(subscription, at=clock.now())
    subscription.trial_ends_at = subscription.anchored_at
    return renewing.convert(subscription, actor=actor)
