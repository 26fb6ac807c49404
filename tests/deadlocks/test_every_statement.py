"""A deadlock at every statement of every use case: never a 2xx without its rows: docs/decisions/0003-transactions.md.

The victim's transaction is really rolled back on the server before error 1213 is raised, as MariaDB does it. Code that
caught it further in than the outermost transaction would go on, answer 201 or 200, and have stored nothing.
"""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.db.models import Sum

from billing.models import UsageRecord
from billing.tests.factories import make_active
from billing.tests.usage import metered, use
from config.api.principals import system
from config.kernel import db
from invoices.models import CreditEntry, Customer, Invoice
from outbox import services as outbox
from outbox.models import OutboxEvent
from payments import services
from payments.models import Payment
from payments.tests.factories import make_key, make_payment
from tests.api import ApiConsumer
from tests.deadlocks.rows import rows
from tests.faults import deadlock_at, statements_counted
from tests.invariants import check_invariants
from webhooks.inbound.models import ProviderEvent
from webhooks.inbound.tests.sending import event_about, send

pytestmark = pytest.mark.django_db(transaction=True)


class UseCase:
    """`prepare` makes fresh ground and answers the request; `check` asserts that a 2xx answer has its rows."""

    def __init__(self, prepare: Callable[[ApiConsumer], Callable[[], Any]], check: Callable[[Any], None]) -> None:
        self.prepare = prepare
        self.check = check


def _create_customer(api: ApiConsumer) -> Callable[[], Any]:
    return lambda: api.post("customers", {"name": "Ada"}, key=uuid.uuid4().hex)


def _change_customer(api: ApiConsumer) -> Callable[[], Any]:
    customer = api.post("customers", {"name": "Ada"}).json()
    return lambda: api.request("PATCH", f"customers/{customer['id']}", {"name": "Grace"})


def _create_invoice(api: ApiConsumer) -> Callable[[], Any]:
    return lambda: api.post("invoices", {"amount": 5, "currency": "EUR"}, key=uuid.uuid4().hex)


def _credit(api: ApiConsumer) -> str:
    """A customer with some."""
    customer: str = api.post("customers", {"name": "Ada"}).json()["id"]
    assert api.post(f"customers/{customer}/credits", {"amount": 300, "currency": "EUR"}).status_code == 201
    return customer


def _grant_credit(api: ApiConsumer) -> Callable[[], Any]:
    customer = _credit(api)
    return lambda: api.post(f"customers/{customer}/credits", {"amount": 5, "currency": "EUR"}, key=uuid.uuid4().hex)


def _revoke_credit(api: ApiConsumer) -> Callable[[], Any]:
    path = f"customers/{_credit(api)}/credits/revoke"
    return lambda: api.post(path, {"amount": 5, "currency": "EUR"}, key=uuid.uuid4().hex)


def _create_invoice_with_credit(api: ApiConsumer) -> Callable[[], Any]:
    body = {"amount": 300, "currency": "EUR", "customer": _credit(api)}
    return lambda: api.post("invoices", body, key=uuid.uuid4().hex)


def _void_invoice_with_credit(api: ApiConsumer) -> Callable[[], Any]:
    invoice = api.create_invoice(customer=_credit(api))
    return lambda: api.post(f"invoices/{invoice['id']}/void")


def _void_invoice(api: ApiConsumer) -> Callable[[], Any]:
    invoice = api.create_invoice()
    return lambda: api.post(f"invoices/{invoice['id']}/void")


def _pay_invoice(api: ApiConsumer) -> Callable[[], Any]:
    invoice, key = api.create_invoice(), uuid.uuid4().hex
    return lambda: api.pay(invoice["id"], key=key)


def _pay_order(api: ApiConsumer) -> Callable[[], Any]:
    body = {"order_id": uuid.uuid4().hex, "amount": 5, "currency": "EUR", "payment_method": "tok_visa"}
    return lambda: api.post("payments", body, key=uuid.uuid4().hex)


def _confirm(api: ApiConsumer) -> Callable[[], Any]:
    payment = make_payment(provider="manual")
    return lambda: api.post(f"payments/{payment.id}/confirm")


def _fail(api: ApiConsumer) -> Callable[[], Any]:
    payment = make_payment(provider="manual")
    return lambda: api.post(f"payments/{payment.id}/fail")


def _capture(api: ApiConsumer) -> Callable[[], Any]:
    event = event_about(make_payment())
    return lambda: send(event)


def _decline(api: ApiConsumer) -> Callable[[], Any]:
    event = event_about(make_payment(), "charge.failed", failure_code="stolen_card")
    return lambda: send(event)


def _late_capture(api: ApiConsumer) -> Callable[[], Any]:
    """Money for a failed attempt while the next one waits to be sent: the longest path there is."""
    payment = make_payment()
    send(event_about(payment, "charge.failed", failure_code="insufficient_funds"))
    make_payment(invoice=payment.invoice)
    event = event_about(payment)
    return lambda: send(event)


def _park(api: ApiConsumer) -> Callable[[], Any]:
    event = event_about(make_payment(), reference="pay_01h455vb4pex5vsknk084sn02q")
    return lambda: send(event)


def _paid() -> Payment:
    payment = make_payment()
    send(event_about(payment))
    return payment


def _refund_by_webhook(api: ApiConsumer) -> Callable[[], Any]:
    """One of ours, which nobody has sent as far as we know."""
    payment = _paid()
    refund = services.request_refund(actor=system("test"), payment_id=payment.id, key=make_key(), amount=400).row
    event = event_about(payment, "refund.succeeded", reference=refund.id, refund=f"rf_{refund.id}", amount=400)
    return lambda: send(event)


def _refund_made_there(api: ApiConsumer) -> Callable[[], Any]:
    payment = _paid()
    event = event_about(payment, "refund.succeeded", reference=None, refund=f"rf_{payment.id}", amount=400)
    return lambda: send(event)


def _refund_returned(api: ApiConsumer) -> Callable[[], Any]:
    """It had succeeded: a receipt is booked."""
    payment = _paid()
    about: dict[str, Any] = {"reference": None, "refund": f"rf_{payment.id}", "amount": 400}
    send(event_about(payment, "refund.succeeded", **about))
    event = event_about(payment, "refund.failed", **about)
    return lambda: send(event)


def _dispute_lost(api: ApiConsumer) -> Callable[[], Any]:
    """Nobody has heard that it was opened."""
    payment = _paid()
    event = event_about(payment, "dispute.lost", dispute=f"dp_{payment.id}")
    return lambda: send(event)


def _second_capture(api: ApiConsumer) -> Callable[[], Any]:
    """It goes back by itself."""
    event = event_about(_paid(), charge=uuid.uuid4().hex)
    return lambda: send(event)


def _use(api: ApiConsumer) -> Callable[[], Any]:
    """With a key, of a counter that is there; it comes near its limit."""
    subscription = make_active(metered(10))
    use(subscription, 7)
    body = {"feature_name": "api_calls", "delta": 1, "customer": subscription.customer_id}
    return lambda: api.post("usage/use", body, key=uuid.uuid4().hex)


def _use_first(api: ApiConsumer) -> Callable[[], Any]:
    """Its counter is made."""
    body = {"feature_name": "api_calls", "delta": 10, "customer": make_active(metered(10)).customer_id}
    return lambda: api.post("usage/use", body)


def _use_stands(response: Any) -> None:
    said = response.json()
    record = UsageRecord.objects.select_related("counter").get(id=said["id"])
    assert (record.used_after, record.counter.used) == (said["current_usage"], said["current_usage"])
    assert UsageRecord.objects.filter(counter=record.counter).aggregate(sum=Sum("delta"))["sum"] == record.used_after
    assert OutboxEvent.objects.filter(aggregate_id=record.counter_id).count() == record.counter.event_sequence > 0


def _customer_stands(response: Any) -> None:
    customer = response.json()
    assert Customer.objects.get(id=customer["id"]).name == customer["name"]


def _invoice_stands(response: Any) -> None:
    invoice = response.json()
    assert Invoice.objects.get(id=invoice["id"]).status == invoice["status"]
    assert OutboxEvent.objects.filter(aggregate_id=invoice["id"]).count() == len(invoice["events"])


def _credit_stands(response: Any) -> None:
    entry = response.json()
    assert CreditEntry.objects.get(id=entry["id"]).balance == entry["balance"]
    assert OutboxEvent.objects.filter(aggregate_id=entry["customer"], type__startswith="credit.").count() == 2


def _payment_stands(response: Any) -> None:
    payment = response.json()
    assert Payment.objects.get(id=payment["id"]).status == payment["status"]


def _event_stands(response: Any) -> None:
    answer = response.json()
    assert answer["status"] in ("processed", "parked"), answer
    assert ProviderEvent.objects.get(id=answer["id"]).status == answer["status"]


USE_CASES = {
    "create customer": UseCase(_create_customer, _customer_stands),
    "change customer": UseCase(_change_customer, _customer_stands),
    "create invoice": UseCase(_create_invoice, _invoice_stands),
    "grant credit": UseCase(_grant_credit, _credit_stands),
    "revoke credit": UseCase(_revoke_credit, _credit_stands),
    "create invoice with credit": UseCase(_create_invoice_with_credit, _invoice_stands),
    "void invoice with credit": UseCase(_void_invoice_with_credit, _invoice_stands),
    "void invoice": UseCase(_void_invoice, _invoice_stands),
    "pay invoice": UseCase(_pay_invoice, _payment_stands),
    "pay order": UseCase(_pay_order, _payment_stands),
    "confirm": UseCase(_confirm, _payment_stands),
    "fail": UseCase(_fail, _payment_stands),
    "use": UseCase(_use, _use_stands),
    "first use": UseCase(_use_first, _use_stands),
    "webhook: capture": UseCase(_capture, _event_stands),
    "webhook: decline": UseCase(_decline, _event_stands),
    "webhook: late capture": UseCase(_late_capture, _event_stands),
    "webhook: park": UseCase(_park, _event_stands),
    "webhook: refund": UseCase(_refund_by_webhook, _event_stands),
    "webhook: refund made there": UseCase(_refund_made_there, _event_stands),
    "webhook: refund returned": UseCase(_refund_returned, _event_stands),
    "webhook: dispute lost": UseCase(_dispute_lost, _event_stands),
    "webhook: second capture": UseCase(_second_capture, _event_stands),
}


@pytest.fixture(autouse=True)
def _quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(db, "BASE_BACKOFF_SECONDS", 0.0001)


@pytest.mark.parametrize("name", USE_CASES)
def test_one_deadlock_anywhere_is_retried_whole(name: str) -> None:
    """Whatever statement is the victim, the client gets its 2xx and the rows are there."""
    use_case, api = USE_CASES[name], ApiConsumer()
    with statements_counted() as statements:
        use_case.check(use_case.prepare(api)())
    injected = 0
    for n in range(1, statements.seen + 1):
        act = use_case.prepare(api)
        with deadlock_at(n) as faults:
            response = act()
        if not faults.faults:
            break
        injected += 1
        assert 200 <= response.status_code < 300, (name, n, faults.failed, response.content)
        use_case.check(response)
    assert injected >= 2
    check_invariants()


@pytest.mark.parametrize("each", [7, pytest.param(1, marks=pytest.mark.long)])
@pytest.mark.parametrize("name", USE_CASES)
def test_deadlocks_without_end_are_a_503_with_nothing_stored(name: str, each: int) -> None:
    """From any statement on: 503 with Retry-After, no row, and the same request works once the database does."""
    use_case, api = USE_CASES[name], ApiConsumer()
    with statements_counted() as statements:
        use_case.prepare(api)()
    for n in range(1, statements.seen + 1, each):
        act = use_case.prepare(api)
        before = rows()
        with deadlock_at(n, times=None) as faults:
            response = act()
        if not faults.faults:
            break
        assert response.status_code == 503, (name, n, faults.failed, response.content)
        assert response["Retry-After"]
        assert rows() == before, (name, n)
        use_case.check(act())
    check_invariants()


def test_a_deadlock_in_a_worker_loses_nothing() -> None:
    """Submission and relay, at every statement: the payment ends where it would have, its events are delivered."""
    for n in range(1, 60):
        payment = make_payment(provider="manual")
        with deadlock_at(n) as faults:
            services.submit(payment_id=payment.id)
            outbox.drain()
        assert Payment.objects.get(id=payment.id).status == "processing"
        assert not OutboxEvent.objects.filter(position=None).exists()
        if not faults.faults:
            break
    else:
        raise AssertionError("more statements than this test reaches")
    check_invariants()
