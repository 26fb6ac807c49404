"""The answer to a commit is lost: what cannot find its own rows is told so, and is never done twice."""

from collections.abc import Callable
from typing import Any

import pytest

from billing.models import UsageCounter
from billing.tests.factories import make_active
from billing.tests.usage import metered
from invoices.models import Customer, Invoice
from outbox.models import OutboxEvent
from payments.models import Payment
from payments.tests.factories import make_payment
from tests.api import ApiConsumer
from tests.faults import commit_answer_lost
from tests.invariants import check_invariants

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def api() -> ApiConsumer:
    """Its key has been used, so that the lost commit is not the note of that."""
    api = ApiConsumer()
    api.get("invoices")
    return api


def _counts() -> tuple[int, ...]:
    return tuple(model.objects.count() for model in (Customer, Invoice, Payment))


@pytest.mark.parametrize(
    ("path", "body", "made"),
    [("invoices", {"amount": 5, "currency": "EUR"}, (0, 1, 0)), ("customers", {"name": "Ada"}, (1, 0, 0))],
)
def test_creating_without_a_key_is_not_repeated(
    api: ApiConsumer, path: str, body: dict[str, Any], made: tuple[int, ...]
) -> None:
    """503: the caller has to look whether it happened. It did, once."""
    with commit_answer_lost():
        assert api.post(path, body).status_code == 503
    assert _counts() == made
    check_invariants()


@pytest.mark.parametrize(
    ("path", "body", "made"),
    [
        ("invoices", {"amount": 5, "currency": "EUR"}, (0, 1, 0)),
        ("customers", {"name": "Ada"}, (1, 0, 0)),
        ("payments", {"order_id": "A", "amount": 5, "currency": "EUR", "payment_method": "tok_visa"}, (0, 1, 1)),
    ],
)
def test_creating_with_a_key_finds_what_it_made(
    api: ApiConsumer, path: str, body: dict[str, Any], made: tuple[int, ...]
) -> None:
    """The use case runs again, finds its key, and answers."""
    with commit_answer_lost():
        assert api.post(path, body, key="k1").status_code == 200
    assert _counts() == made
    check_invariants()


@pytest.mark.parametrize("limit", [1, 10])
def test_a_use_with_a_key_is_counted_once(api: ApiConsumer, limit: int) -> None:
    """It runs again and finds what it counted, also where that has used up the limit."""
    body = {"feature_name": "api_calls", "delta": 1, "customer": make_active(metered(limit)).customer_id}
    with commit_answer_lost():
        answer = api.post("usage/use", body, key="k1")
    assert (answer.status_code, answer.json()["current_usage"]) == (200, 1)
    assert UsageCounter.objects.get().used == 1
    check_invariants()


def test_a_use_without_a_key_is_not_repeated(api: ApiConsumer) -> None:
    """503: the caller has to look whether it was counted. It was, once."""
    body = {"feature_name": "api_calls", "delta": 1, "customer": make_active(metered()).customer_id}
    with commit_answer_lost():
        assert api.post("usage/use", body).status_code == 503
    assert UsageCounter.objects.get().used == 1
    check_invariants()


def _rename(api: ApiConsumer) -> tuple[Callable[[], Any], str]:
    customer = api.post("customers", {"name": "Ada"}).json()["id"]
    return lambda: api.request("PATCH", f"customers/{customer}", {"name": "Grace"}), "customer.updated"


def _void(api: ApiConsumer) -> tuple[Callable[[], Any], str]:
    invoice = api.create_invoice()["id"]
    return lambda: api.post(f"invoices/{invoice}/void"), "invoice.voided"


def _confirm(api: ApiConsumer) -> tuple[Callable[[], Any], str]:
    payment = make_payment(provider="manual").id
    return lambda: api.post(f"payments/{payment}/confirm"), "payment.succeeded"


@pytest.mark.parametrize("prepare", [_rename, _void, _confirm])
def test_a_change_happens_once(
    api: ApiConsumer, prepare: Callable[[ApiConsumer], tuple[Callable[[], Any], str]]
) -> None:
    """503, one event."""
    act, event = prepare(api)
    with commit_answer_lost():
        assert act().status_code == 503
    assert OutboxEvent.objects.filter(type=event).count() == 1
    check_invariants()
