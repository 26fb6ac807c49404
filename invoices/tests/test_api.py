"""Customers and invoices over HTTP."""

import json
import uuid
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from config.kernel.money import MAX_AMOUNT
from invoices.models import Customer, Invoice
from outbox.models import OutboxEvent
from tests.api import ApiConsumer
from tests.invariants import check_invariants

pytestmark = pytest.mark.django_db
UNKNOWN = "inv_01h455vb4pex5vsknk084sn02q"


@pytest.fixture
def api() -> ApiConsumer:
    return ApiConsumer()


def check_problem(response: Any, status: int, code: str | None = None) -> dict[str, Any]:
    """The response is a problem document of this status and code; answers the document."""
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/problem+json"
    document: dict[str, Any] = response.json()
    assert document["status"] == status
    assert document["request_id"]
    if code:
        assert document["code"] == code, document
    return document


def test_an_invoice_with_lines_is_created_and_read_back(api: ApiConsumer) -> None:
    """The answer to creating is what reading shows."""
    customer = api.post("customers", {"name": "Ada", "email": "ada@example.com"}).json()
    body = {
        "currency": "JPY",
        "lines": [{"description": "Tea", "quantity": 3, "unit_amount": 400}, {"unit_amount": 50}],
        "customer": customer["id"],
        "number": "2026-1",
        "due_on": "2026-12-24",
        "metadata": {"cart": 7},
    }
    response = api.post("invoices", body)
    assert response.status_code == 201
    created = response.json()
    assert (created["amount"], created["amount_due"], created["currency"]) == (1250, 1250, "JPY")
    assert [line["amount"] for line in created["lines"]] == [1200, 50]
    assert [event["type"] for event in created["events"]] == ["invoice.created"]
    assert api.get(f"invoices/{created['id']}").json() == created
    check_invariants()


def test_a_line_has_tax_on_top(api: ApiConsumer) -> None:
    """It is in the amounts of the line and of the invoice, and is told apart."""
    lines = [{"quantity": 3, "unit_amount": 400, "tax_amount": 84}, {"unit_amount": 50}]
    created = api.post("invoices", {"currency": "EUR", "lines": lines}).json()
    assert (created["amount"], created["tax_amount"]) == (1334, 84)
    assert [(line["amount"], line["tax_amount"]) for line in created["lines"]] == [(1284, 84), (50, 0)]
    check_invariants()


def test_an_invoice_says_when_it_is_tried_again(api: ApiConsumer, settings: Any) -> None:
    """What is left out of the policy is as in the settings, and stays so when these change."""
    settings.PAYMENT_RETRY_POLICY = {"max_attempts": 3, "base_seconds": 60, "cap_seconds": 3600, "jitter_seconds": 10}
    usual, own = api.create_invoice(), api.create_invoice(retry_policy={"max_attempts": 5, "base_seconds": 7})
    assert usual["retry_policy"] == settings.PAYMENT_RETRY_POLICY
    changed = {"max_attempts": 5, "base_seconds": 7, "cap_seconds": 3600, "jitter_seconds": 10}
    assert own["retry_policy"] == changed
    assert own["next_attempt_at"] is None
    settings.PAYMENT_RETRY_POLICY = changed | {"max_attempts": 1}
    assert api.get(f"invoices/{own['id']}").json()["retry_policy"] == changed
    assert Invoice.objects.get(id=own["id"]).retry_policy == changed


def test_getting_an_invoice_takes_four_statements_whatever_its_history(api: ApiConsumer) -> None:
    """Invoice, lines, payments, events; authentication is counted apart."""
    invoice = api.create_invoice()
    for _ in range(3):
        payment = api.post(f"invoices/{invoice['id']}/pay", {"provider": "manual"}, key=uuid.uuid4().hex).json()
        api.post(f"payments/{payment['id']}/fail")
    with CaptureQueriesContext(connection) as authentication:
        api.get("invoices/nonsense")
    with CaptureQueriesContext(connection) as captured:
        api.get(f"invoices/{invoice['id']}")
    assert len(captured) - len(authentication) == 4, [query["sql"] for query in captured]


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (12.5, "not_an_integer"),
        ("1250", "not_an_integer"),
        (True, "not_an_integer"),
        (-1, "not_positive"),
        (0, "not_positive"),
        (MAX_AMOUNT + 1, "too_large"),
        (10**30, "number_too_large"),
        ([1], "not_an_integer"),
    ],
)
def test_an_amount_that_is_no_positive_integer_is_refused_by_name(api: ApiConsumer, value: object, code: str) -> None:
    """The problem names the field and says what to send."""
    document = check_problem(api.post("invoices", {"amount": value, "currency": "EUR"}), 422)
    assert [(error["field"], error["code"]) for error in document["errors"]] == [("amount", code)]
    assert document["errors"][0]["detail"]
    assert not Invoice.objects.exists()


@pytest.mark.parametrize("currency", ["EURO", "eur", "XXX", "XAU", "", None, 978])
def test_an_unknown_currency_is_refused_by_name(api: ApiConsumer, currency: object) -> None:
    """ISO 4217 in upper case only."""
    document = check_problem(api.post("invoices", {"amount": 1, "currency": currency}), 422)
    assert document["errors"][0]["field"] == "currency"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"currency": "EUR"}, "amount"),
        ({"currency": "EUR", "amount": 1, "lines": [{"unit_amount": 1}]}, "amount"),
        ({"amount": 1}, "currency"),
        ({"currency": "EUR", "lines": []}, "lines"),
        ({"currency": "EUR", "lines": [{"unit_amount": 1}, {"unit_amount": 0.5}]}, "lines.1.unit_amount"),
        ({"currency": "EUR", "lines": [{"unit_amount": 1, "quantity": 0}]}, "lines.0.quantity"),
        ({"currency": "EUR", "lines": [{"unit_amount": MAX_AMOUNT}, {"unit_amount": 1}]}, "lines"),
        ({"currency": "EUR", "amount": 1, "customer": UNKNOWN}, "customer"),
        ({"currency": "EUR", "amount": 1, "due_on": "tomorrow"}, "due_on"),
        ({"currency": "EUR", "amount": 1, "metadata": {"a": {"b": 1}}}, "metadata"),
        ({"currency": "EUR", "amount": 1, "metadata": [1]}, "metadata"),
        ({"currency": "EUR", "amount": 1, "nummer": "1"}, "nummer"),
        ({"currency": "EUR", "lines": [{"unit_amount": 1, "tax_amount": -1}]}, "lines.0.tax_amount"),
        ({"currency": "EUR", "lines": [{"unit_amount": 1, "tax_amount": 0.5}]}, "lines.0.tax_amount"),
        ({"currency": "EUR", "lines": [{"unit_amount": 1, "tax_amount": MAX_AMOUNT}]}, "amount"),
        ({"currency": "EUR", "amount": 1, "tax_amount": 1}, "tax_amount"),
        ({"currency": "EUR", "amount": 1, "retry_policy": None}, "retry_policy"),
        ({"currency": "EUR", "amount": 1, "retry_policy": {"max_attempts": 0}}, "retry_policy.max_attempts"),
        ({"currency": "EUR", "amount": 1, "retry_policy": {"max_attempts": 21}}, "retry_policy.max_attempts"),
        ({"currency": "EUR", "amount": 1, "retry_policy": {"base_seconds": "60"}}, "retry_policy.base_seconds"),
        ({"currency": "EUR", "amount": 1, "retry_policy": {"jitter_seconds": -1}}, "retry_policy.jitter_seconds"),
        ({"currency": "EUR", "amount": 1, "retry_policy": {"attempts": 1}}, "retry_policy.attempts"),
        ({"currency": "EUR", "amount": 1, "number": "x" * 101}, "number"),
        ({"currency": "EUR", "amount": 1, "description": "4242 4242 4242 4242"}, "description"),
        ({"currency": "EUR", "amount": 1, "metadata": {"card": "4242424242424242"}}, "metadata.card"),
    ],
    ids=str,
)
def test_bad_input_is_refused_by_the_name_of_its_field(api: ApiConsumer, body: dict[str, Any], field: str) -> None:
    """Nothing is half-written."""
    document = check_problem(api.post("invoices", body), 422)
    assert field in [error["field"] for error in document["errors"]]
    assert not Invoice.objects.exists()
    assert not OutboxEvent.objects.exists()


def test_a_key_makes_creating_repeatable(api: ApiConsumer) -> None:
    """201, then 200 with the same object, then 409 for other input."""
    body = {"amount": 100, "currency": "EUR"}
    first = api.post("invoices", body, key="k1")
    again = api.post("invoices", body, key='"k1"')
    assert (first.status_code, again.status_code) == (201, 200)
    assert again["Idempotent-Replayed"] == "true"
    assert again.json()["id"] == first.json()["id"]
    document = check_problem(api.post("invoices", body | {"amount": 101}, key="k1"), 409, "idempotency_key_reused")
    assert document["id"] == first.json()["id"]
    assert Invoice.objects.count() == 1


def test_customers_are_created_once_per_key_listed_and_changed(api: ApiConsumer) -> None:
    """PATCH changes only what is sent."""
    first = api.post("customers", {"name": "Ada", "metadata": {"a": 1}}, key="c1").json()
    assert api.post("customers", {"name": "Ada", "metadata": {"a": 1}}, key="c1").json() == first
    changed = api.request("PATCH", f"customers/{first['id']}", {"email": "ada@example.com"}).json()
    assert (changed["name"], changed["email"], changed["metadata"]) == ("Ada", "ada@example.com", {"a": 1})
    assert api.get("customers?email=Ada@EXAMPLE.com").json()["data"] == [changed]
    assert api.get(f"customers/{first['id']}").json() == changed
    check_problem(api.request("PATCH", f"customers/{first['id']}", {"email": "no"}), 422)
    check_problem(api.get("customers/cus_nonsense"), 404, "customer_not_found")
    check_problem(api.request("PATCH", "customers/cus_nonsense", {}), 404)
    assert Customer.objects.count() == 1
    check_invariants()


def test_invoices_are_listed_newest_first_with_filters_and_cursors(api: ApiConsumer) -> None:
    """A page names the next one; filters combine."""
    customer = api.post("customers", {"name": "Ada"}).json()["id"]
    ids = [api.create_invoice(100 + n, number=f"N{n}", customer=customer if n % 2 else None)["id"] for n in range(5)]
    page = api.get("invoices?limit=2").json()
    assert [row["id"] for row in page["data"]] == ids[:-3:-1]
    assert page["has_more"] is True
    seen = [row["id"] for row in page["data"]]
    while page["has_more"]:
        page = api.get(f"invoices?limit=2&cursor={page['next_cursor']}").json()
        seen += [row["id"] for row in page["data"]]
    assert seen == ids[::-1]
    assert [row["number"] for row in api.get("invoices?number=N3").json()["data"]] == ["N3"]
    assert len(api.get(f"invoices?customer={customer}").json()["data"]) == 2
    assert api.get("invoices?customer=nonsense").json()["data"] == []
    api.post(f"invoices/{ids[0]}/void")
    assert [row["id"] for row in api.get("invoices?status=void").json()["data"]] == ids[:1]
    assert len(api.get("invoices?status=void&status=open").json()["data"]) == 5
    assert api.get("invoices?created_before=2020-01-01T00:00:00Z").json()["data"] == []
    assert len(api.get("invoices?created_from=2020-01-01T00:00:00Z").json()["data"]) == 5
    for query in ("status=nonsense", "statsu=open", "created_from=yesterday", "limit=0", "cursor=nonsense"):
        assert api.get(f"invoices?{query}").status_code in (400, 422), query


def test_voiding_is_final(api: ApiConsumer) -> None:
    """A second void, or paying what is void, is a 409 with a sentence."""
    invoice = api.create_invoice()
    voided = api.post(f"invoices/{invoice['id']}/void", {"reason": "typo"}).json()
    assert (voided["status"], voided["amount_due"]) == ("void", 0)
    document = check_problem(api.post(f"invoices/{invoice['id']}/void"), 409, "forbidden_transition")
    assert "Cannot void invoice in void status" in document["detail"]
    document = check_problem(api.pay(invoice["id"]), 409, "invoice_not_payable")
    assert "in void status" in document["detail"]
    check_invariants()


@pytest.mark.parametrize("path", [UNKNOWN, "nonsense", "cus_01h455vb4pex5vsknk084sn02q", "%00", "é", "x" * 500])
@pytest.mark.parametrize("action", ["", "/void", "/pay"])
def test_an_unknown_invoice_is_a_404(api: ApiConsumer, path: str, action: str) -> None:
    """Whatever stands in its place."""
    if action:
        response = api.post(
            f"invoices/{path}{action}", {"payment_method": "tok_visa"} if action == "/pay" else {}, key="k"
        )
    else:
        response = api.get(f"invoices/{path}")
    assert response.status_code in ((404, 400) if path == "%00" else (404,)), response.content
    check_problem(response, response.status_code)


def test_scopes_are_required_by_name(api: ApiConsumer) -> None:
    """A reader cannot write; no key or a wrong one is a 401."""
    reader = ApiConsumer({"invoices:read"})
    document = check_problem(reader.post("invoices", {"amount": 1, "currency": "EUR"}), 403)
    assert "invoices:write" in document["detail"]
    assert reader.get("invoices").status_code == 200
    check_problem(reader.get("customers"), 403)
    check_problem(ApiConsumer(secret="qt_test_wrong").get("invoices"), 401)
    response = api.client.get("/api/v1/invoices")
    check_problem(response, 401)
    assert response["WWW-Authenticate"].startswith("Bearer")


def test_what_is_not_json_or_not_allowed_is_told_apart(api: ApiConsumer) -> None:
    """400, 405, 413, 415, each as a problem."""
    check_problem(api.post("invoices", b"{"), 400)
    check_problem(api.post("invoices", b"[]"), 400)
    check_problem(api.post("invoices", b"\xff"), 400)
    check_problem(api.request("DELETE", "invoices"), 405)
    check_problem(api.post("invoices", json.dumps({"description": "x" * 1024 * 1024}).encode()), 413)
    response = api.client.post(
        "/api/v1/invoices", "amount=1", content_type="text/plain", headers={"Authorization": f"Bearer {api.secret}"}
    )
    check_problem(response, 415)
    assert not Invoice.objects.exists()
