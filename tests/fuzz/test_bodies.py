"""Request bodies: valid ones gone wrong. Nothing but a documented answer, and a refusal stores nothing."""

import json
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import strategies as st

from invoices.tests.factories import make_customer, make_invoice
from payments.tests.factories import make_payment
from tests.api import ApiConsumer
from tests.fuzz import documented
from tests.fuzz.effort import EFFORTS, some_of, try_out
from tests.fuzz.money import money_for_bodies
from tests.fuzz.mutations import every_change, mutated, written
from tests.fuzz.subscribers import make_endpoint
from tests.invariants import check_invariants

INVOICE: dict[str, Any] = {
    "currency": "EUR",
    "lines": [{"description": "Tea", "quantity": 3, "unit_amount": 400}, {"unit_amount": 50}],
    "number": "2026-0001",
    "description": "Żółć",
    "due_on": "2026-12-24",
    "customer": None,
    "metadata": {"a": "b", "c": 1.5, "d": None},
}
TERMS = {"payment_method": "tok_visa", "provider": "simulated"}
BODIES: dict[str, list[dict[str, Any]]] = {
    "POST /customers": [{"name": "Ada", "email": "ada@example.org", "metadata": {"a": 1}}],
    "PATCH /customers/{customer_id}": [{"name": "Ada", "email": "", "metadata": {"a": 1}}],
    "POST /invoices": [{"amount": 1250, "currency": "JPY"}, INVOICE],
    "POST /invoices/{invoice_id}/pay": [TERMS, {"provider": "manual"}],
    "POST /invoices/{invoice_id}/void": [{"reason": "sent twice"}],
    "POST /payments": [
        TERMS | {"order_id": "order-1", "amount": 1250, "currency": "EUR", "description": "an order"},
        TERMS | {"invoice": "inv_01h455vb4pex5vsknk084sn02q", "amount": 1250},
    ],
    "POST /payments/{payment_id}/confirm": [{"reference": "RF18539007547034", "reason": "statement"}],
    "POST /payments/{payment_id}/fail": [{"failure_code": "not_received", "retryable": True, "reason": "late"}],
    "POST /payments/{payment_id}/cancel": [{"reason": "another cart"}],
    "POST /payments/{succeeded_id}/refund": [{"amount": 1, "currency": "EUR", "reason": "broken"}],
    "POST /payments/{review_id}/resolve": [
        {
            "status": "succeeded",
            "disposition": "split",
            "capture": {"reference": "ch_99", "amount": 1, "currency": "EUR"},
            "reason": "as they say",
        },
    ],
    "POST /payment-methods": [
        {
            "customer": "cus_01h455vb4pex5vsknk084sn02q",
            "payment_method": "tok_visa",
            "provider": "manual",
            "make_default": True,
        },
    ],
    "POST /refunds/{refund_id}/confirm": [{"reference": "RF18539007547034", "reason": "statement"}],
    "POST /refunds/{refund_id}/fail": [{"failure_code": "account_closed", "reason": "the bank says so"}],
    "POST /receipts/{receipt_id}/dispose": [{"disposition": "return", "reason": "not ours"}],
    "POST /webhook-endpoints": [{"url": "https://1.1.1.1/hook", "events": ["invoice.*", "*"], "description": "shop"}],
    "PATCH /webhook-endpoints/{endpoint_id}": [{"url": "http://1.1.1.1:8080/", "events": ["*"], "description": ""}],
    "POST /webhook-endpoints/{endpoint_id}/deliveries/resend": [
        {
            "status": "dead",
            "type": "invoice.paid",
            "created_from": "2026-11-20T12:00:00Z",
            "created_before": "2026-11-21T12:00:00+01:00",
            "limit": 10,
            "cursor": "whd_01h455vb4pex5vsknk084sn02q",
            "reason": "they are back",
        }
    ],
}
DOCUMENTED_AS = {"succeeded_id": "payment_id", "review_id": "payment_id"}
pytestmark = pytest.mark.django_db


class Documented(dict[str, str]):
    """The names of ids as the document has them."""

    def __missing__(self, name: str) -> str:
        return f"{{{DOCUMENTED_AS.get(name, name)}}}"


@pytest.fixture
def ids(db: None) -> Iterator[dict[str, str]]:
    """An object for every id in a path; afterwards the books still balance."""
    yield {
        "customer_id": make_customer().id,
        "invoice_id": make_invoice().id,
        "payment_id": make_payment(provider="manual").id,
        **money_for_bodies(),
        "endpoint_id": make_endpoint().id,
    }
    check_invariants()


def assert_documented(api: ApiConsumer, ids: dict[str, str], operation: str, body: bytes) -> None:
    """One call, its answer, and what it left behind."""
    method, _, path = operation.partition(" ")
    before = documented.stored()
    response = api.request(method, path[1:].format_map(ids), body, Idempotency_Key=f"key-{zlib.crc32(body)}")
    documented.check(
        method=method,
        path="/api/v1" + path.format_map(Documented()),
        status=response.status_code,
        headers=response.headers,
        body=response.content,
    )
    if response.status_code >= 400:
        assert documented.stored() == before


@EFFORTS
@pytest.mark.parametrize("operation", BODIES)
def test_a_body_gone_wrong_gets_a_documented_answer(operation: str, effort: str, ids: dict[str, str]) -> None:
    """Numbers, texts, nesting, encodings, duplicate keys: 2xx or a problem, never a 5xx, and no half effects."""
    api = ApiConsumer()
    changes = (change for body in BODIES[operation] for change in every_change(body))
    for changed in some_of(effort, changes, each=37):
        assert_documented(api, ids, operation, json.dumps(changed).encode())
    bodies = st.sampled_from(BODIES[operation]).flatmap(lambda body: written(mutated(body)))
    try_out(effort, lambda body: assert_documented(api, ids, operation, body), body=bodies)
