"""Request bodies: valid ones gone wrong. Nothing but a documented answer, and a refusal stores nothing."""

import json
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import strategies as st

from billing.tests.factories import make_plan
from invoices.tests.factories import make_customer, make_invoice
from payments.tests.factories import make_payment
from tests.api import ApiConsumer
from tests.fuzz import documented
from tests.fuzz.attack import naming
from tests.fuzz.effort import EFFORTS, some_of, try_out
from tests.fuzz.money import money_for_bodies
from tests.fuzz.mutations import every_change, mutated, written
from tests.fuzz.plans import make_examples, make_subscriptions
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
    "POST /plans": [
        {
            "name": "Pro",
            "amount": 2900,
            "currency": "EUR",
            "cycle": "month",
            "family": "pro",
            "trial_days": 14,
            "features": {
                "api_calls": {"limit": 1000, "overage": {"unit_amount": 5, "per": 100}},
                "storage": {"limit": "1GB"},
                "sso": True,
            },
            "retry_policy": {"max_attempts": 2, "base_seconds": 60},
            "grace_days": 3,
            "after_grace": "cancel",
            "metadata": {"a": 1},
        }
    ],
    "PATCH /plans/{plan_id}": [{"name": "Pro", "amount": 3900, "is_active": True, "features": {"sso": False}}],
    "POST /subscriptions": [
        TERMS
        | {"plan": "plan_01h455vb4pex5vsknk084sn02q", "customer": "cus_01h455vb4pex5vsknk084sn02q"}
        | {"time_zone": "Pacific/Apia", "metadata": {"a": 1}},
    ],
    "POST /subscriptions/trial": [
        {"plan": "plan_01h455vb4pex5vsknk084sn02r", "customer": "cus_01h455vb4pex5vsknk084sn02q"},
    ],
    "PATCH /subscriptions/{subscription_id}": [
        {"plan": "plan_01h455vb4pex5vsknk084sn02q", "when": "now", "reason": "more"},
        TERMS | {"reason": "another card"},
    ],
    "POST /subscriptions/{subscription_id}/cancel": [
        {"when": "period_end", "reason": "too dear"},
        {"when": "now", "void_open_invoices": True, "credit_unused": True},
    ],
    "POST /subscriptions/{ending_id}/reactivate": [{"reason": "back"}],
    "POST /usage/use": [{"feature_name": "api_calls", "delta": 10, "customer": "cus_01h455vb4pex5vsknk084sn02q"}],
    "POST /auth/register": [{"email": "ada@example.org", "password": "tea at five o'clock", "first_name": "Ada"}],
    "POST /auth/login": [{"email": "ada@example.org", "password": "tea at five o'clock"}],
    "POST /auth/refresh": [{"refresh": "eyJhbGciOiJIUzI1NiJ9.e30.e30"}],
    "POST /auth/password/reset": [{"email": "ada@example.org"}],
    "POST /auth/password/reset/confirm": [{"token": "abc", "new_password": "tea at five o'clock"}],
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
DOCUMENTED_AS = {"succeeded_id": "payment_id", "review_id": "payment_id", "ending_id": "subscription_id"}
pytestmark = pytest.mark.django_db


class Documented(dict[str, str]):
    """The names of ids as the document has them."""

    def __missing__(self, name: str) -> str:
        return f"{{{DOCUMENTED_AS.get(name, name)}}}"


@pytest.fixture
def examples(db: None) -> dict[str, str]:
    """For the ids that bodies name."""
    return make_examples()


@pytest.fixture
def ids(examples: dict[str, str]) -> Iterator[dict[str, str]]:
    """An object for every id in a path; afterwards the books still balance."""
    running, ending = make_subscriptions()
    yield {
        "customer_id": make_customer().id,
        "invoice_id": make_invoice().id,
        "payment_id": make_payment(provider="manual").id,
        **money_for_bodies(),
        "endpoint_id": make_endpoint().id,
        "plan_id": make_plan().id,
        "subscription_id": running.id,
        "ending_id": ending.id,
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
def test_a_body_gone_wrong_gets_a_documented_answer(
    operation: str, effort: str, ids: dict[str, str], examples: dict[str, str]
) -> None:
    """Numbers, texts, nesting, encodings, duplicate keys: 2xx or a problem, never a 5xx, and no half effects."""
    api = ApiConsumer()
    valid = json.loads(naming(json.dumps(BODIES[operation]), examples))
    changes = (change for body in valid for change in every_change(body))
    for changed in some_of(effort, changes, each=37):
        assert_documented(api, ids, operation, json.dumps(changed).encode())
    bodies = st.sampled_from(valid).flatmap(lambda body: written(mutated(body)))
    try_out(effort, lambda body: assert_documented(api, ids, operation, body), body=bodies)
