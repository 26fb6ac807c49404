"""A payment method that expires soon is announced once, in its customer's log."""

import datetime

from django.conf import settings

from config.api.principals import system
from config.kernel import clock, db
from invoices import services as invoices
from outbox import services as outbox
from payments import events
from payments.models import PaymentMethod
from payments.services.sweeping import take_up_each

ACTOR = system("payments.announce_expiring")


def announce_expiring(*, limit: int = 1000, budget_seconds: float = 30.0) -> int:
    """Announce each payment method whose time has come, and return how many. Safe to run twice at once."""
    due = PaymentMethod.objects.filter(notice_due_at__lte=clock.now()).order_by("notice_due_at", "id")
    known = dict(due.values_list("id", "customer_id")[:limit])
    announced: list[bool] = []
    take_up_each(
        known,
        take_up=lambda method_id: announced.append(_announce(known[method_id], method_id)),
        put_off=lambda method_id: _put_off(known[method_id], method_id),
        budget_seconds=budget_seconds,
    )
    return sum(announced)


@db.transaction(idempotent=True)
def _announce(customer_id: str, method_id: str) -> bool:
    """Whether it was: somebody else may have done it since it was found, or it may have been detached."""
    customer = invoices.lock_customer(customer_id)
    method = PaymentMethod.objects.get(id=method_id)
    if method.notice_due_at is None:
        return False
    outbox.record(source=customer, event=events.of_method(events.PaymentMethodExpiring, method), actor=ACTOR)
    method.notice_due_at = None
    method.save(update_fields=["notice_due_at"])
    return True


@db.transaction(idempotent=False)
def _put_off(customer_id: str, method_id: str) -> None:
    """One that cannot be taken up must not stand in the way of the others."""
    invoices.lock_customer(customer_id)
    method = PaymentMethod.objects.get(id=method_id)
    if method.notice_due_at is not None:
        method.notice_due_at = clock.now() + datetime.timedelta(seconds=settings.SUBMIT_LEASE_SECONDS)
        method.save(update_fields=["notice_due_at"])
