"""Two webhooks that take each other's locks the wrong way round."""

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.db import OperationalError, connection

from config.kernel import db
from invoices import services as invoices
from invoices.models import Invoice
from payments.models import Payment, Receipt
from payments.tests.factories import make_payment
from tests.concurrency.threads import all_at_once
from tests.invariants import check_invariants
from webhooks.inbound.models import ProviderEvent
from webhooks.inbound.tests.sending import answer_to, event_about

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite has no row locks to cross"),
]


class Crossing:
    """Makes a webhook, right after its first lock on an invoice, ask for the lock on another's: a real deadlock."""

    def __init__(self) -> None:
        self.both_hold_one = threading.Barrier(2)
        self.deadlocks: list[int] = []

    def send(self, payment: Payment, other: Payment) -> str:
        crossed = False

        def run(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
            nonlocal crossed
            result = execute(sql, params, many, context)
            if not crossed and "`invoices_invoice`" in sql and sql.endswith("FOR UPDATE"):
                crossed = True
                self.both_hold_one.wait(10)
                self._lock(other)
            return result

        with connection.execute_wrapper(run):
            return answer_to(event_about(payment))

    def _lock(self, payment: Payment) -> None:
        try:
            invoices.lock_invoice(payment.invoice_id)
        except OperationalError as error:
            self.deadlocks.append(error.args[0])
            raise


@pytest.mark.parametrize("time", range(5))
def test_two_crossing_webhooks_that_deadlock_are_both_stored_and_applied(time: int) -> None:
    """The server rolls one of them back whole; it runs again from its start and nobody is told of it."""
    first, second = make_payment(), make_payment()
    crossing = Crossing()
    answers = all_at_once([partial(crossing.send, first, second), partial(crossing.send, second, first)])
    assert crossing.deadlocks == [1213]
    assert answers == ["processed", "processed"]
    assert ProviderEvent.objects.filter(status="processed").count() == 2
    assert Receipt.objects.count() == 2
    assert set(Invoice.objects.values_list("status", flat=True)) == {"paid"}
    check_invariants()


def test_a_webhook_waits_out_a_lock_that_is_held_for_a_moment() -> None:
    """Somebody else works on the invoice: the webhook takes its turn."""
    payment = make_payment()
    held = threading.Event()

    @db.transaction(idempotent=False)
    def hold() -> str:
        invoices.lock_invoice(payment.invoice_id)
        held.set()
        threading.Event().wait(1)
        return "held"

    def deliver() -> str:
        held.wait(10)
        return answer_to(event_about(payment))

    assert all_at_once([hold, deliver]) == ["held", "processed"]
    check_invariants()
