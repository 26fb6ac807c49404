"""Payments over HTTP."""

import uuid
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from invoices.models import Invoice
from invoices.tests.test_api import check_problem
from payments.models import Payment
from tests.api import ApiConsumer
from tests.invariants import check_invariants

pytestmark = pytest.mark.django_db
UNKNOWN = "pay_01h455vb4pex5vsknk084sn02q"


@pytest.fixture
def api() -> ApiConsumer:
    return ApiConsumer()


def new_key() -> str:
    return uuid.uuid4().hex


def test_paying_creates_a_payment_and_replays_it(api: ApiConsumer) -> None:
    """201 with the attempt; the same request again is a 200 that says so; other input is a 409 that names it."""
    invoice = api.create_invoice(1250)
    response = api.pay(invoice["id"], key="k1")
    assert response.status_code == 201
    payment = response.json()
    expected = {"invoice": invoice["id"], "status": "created", "amount": 1250, "currency": "EUR", "attempt": 1}
    assert payment.items() >= (expected | {"provider": "simulated", "amount_refunded": 0}).items()
    replay = api.pay(invoice["id"], key="k1")
    assert (replay.status_code, replay["Idempotent-Replayed"]) == (200, "true")
    assert replay.json() == payment
    document = check_problem(api.pay(invoice["id"], token="tok_other", key="k1"), 409, "idempotency_key_reused")
    assert document["id"] == payment["id"]
    document = check_problem(api.pay(invoice["id"], key="k2"), 409, "payment_already_live")
    assert document["payment_id"] == payment["id"]
    assert Payment.objects.count() == 1
    check_invariants()


@pytest.mark.parametrize("key", [None, "", "x" * 256, "é", "a\tb", '"open'])
def test_paying_needs_a_proper_key(api: ApiConsumer, key: str | None) -> None:
    """Missing or malformed is a 400, and nothing is stored."""
    invoice = api.create_invoice()
    headers = {} if key is None else {"Idempotency_Key": key}
    for path in (f"invoices/{invoice['id']}/pay", "payments"):
        check_problem(api.request("POST", path, {"invoice": invoice["id"]}, **headers), 400)
    assert not Payment.objects.exists()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"payment_method": "4242424242424242"}, "payment_method"),
        ({"payment_method": ""}, "payment_method"),
        ({}, "payment_method"),
        ({"payment_method": "tok_visa", "provider": "nobody"}, "provider"),
        ({"payment_method": "tok_visa", "amount": 1}, "amount"),
        ({"payment_method": 7.5, "provider": []}, "provider"),
        ({"payment_method": "x" * 201}, "payment_method"),
    ],
    ids=str,
)
def test_bad_terms_are_refused_by_the_name_of_their_field(api: ApiConsumer, body: dict[str, Any], field: str) -> None:
    """Outside local settings there is no default payment method."""
    invoice = api.create_invoice()
    document = check_problem(api.post(f"invoices/{invoice['id']}/pay", body, key="k1"), 422)
    assert field in [error["field"] for error in document["errors"]]
    assert not Payment.objects.exists()


def test_a_validation_error_uses_up_no_key(api: ApiConsumer) -> None:
    """The same key works once the input is right."""
    invoice = api.create_invoice()
    check_problem(api.post(f"invoices/{invoice['id']}/pay", {}, key="k1"), 422)
    assert api.pay(invoice["id"], key="k1").status_code == 201


def test_an_order_is_paid_in_one_call(api: ApiConsumer) -> None:
    """The invoice is issued on the way; another amount is a 409, another key another attempt at the same invoice."""
    body = {"order_id": "A-1", "amount": 500, "currency": "EUR", "provider": "manual"}
    first = api.post("payments", body, key=new_key())
    assert first.status_code == 201
    invoice = api.get(f"invoices/{first.json()['invoice']}").json()
    assert (invoice["order_id"], invoice["amount"], invoice["status"]) == ("A-1", 500, "processing")
    check_problem(api.post("payments", body | {"amount": 501}, key=new_key()), 409, "order_amount_differs")
    api.post(f"payments/{first.json()['id']}/fail")
    second = api.post("payments", body, key=new_key()).json()
    assert (second["invoice"], second["attempt"]) == (invoice["id"], 2)
    assert Invoice.objects.count() == 1
    check_invariants()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"payment_method": "tok_visa"}, "invoice"),
        ({"payment_method": "tok_visa", "invoice": "inv_x", "order_id": "A"}, "invoice"),
        ({"payment_method": "tok_visa", "order_id": "A"}, "amount"),
        ({"payment_method": "tok_visa", "order_id": "A", "amount": 1}, "currency"),
        ({"payment_method": "tok_visa", "order_id": "A", "amount": 1.5, "currency": "EUR"}, "amount"),
        ({"payment_method": "tok_visa", "order_id": "", "amount": 1, "currency": "EUR"}, "order_id"),
        ({"payment_method": "tok_visa", "order_id": "4111 1111 1111 1111", "amount": 1, "currency": "EUR"}, "order_id"),
    ],
    ids=str,
)
def test_a_payment_names_what_it_pays(api: ApiConsumer, body: dict[str, Any], field: str) -> None:
    """Either an invoice, or an order with amount and currency."""
    document = check_problem(api.post("payments", body, key="k1"), 422)
    assert field in [error["field"] for error in document["errors"]]
    assert not Invoice.objects.exists()


def test_an_invoice_may_be_paid_through_payments_too(api: ApiConsumer) -> None:
    """An amount that is sent must be what is due."""
    invoice = api.create_invoice(900)
    body = {"invoice": invoice["id"], "payment_method": "tok_visa", "amount": 899, "currency": "EUR"}
    check_problem(api.post("payments", body, key="k1"), 409, "amount_differs")
    assert api.post("payments", body | {"amount": 900}, key="k1").status_code == 201
    check_problem(api.post("payments", body | {"invoice": "inv_nonsense"}, key="k2"), 404, "invoice_not_found")


def test_manual_payments_are_confirmed_and_failed_over_http(api: ApiConsumer) -> None:
    """200 with the payment, then 409 with a sentence; other providers are a 409 at once."""
    body = {"order_id": "A", "amount": 500, "currency": "EUR", "provider": "manual"}
    payment = api.post("payments", body, key="k1").json()
    confirmed = api.post(f"payments/{payment['id']}/confirm", {"reference": "RF18"}).json()
    assert (confirmed["status"], confirmed["id"]) == ("succeeded", payment["id"])
    assert api.get(f"invoices/{payment['invoice']}").json()["status"] == "paid"
    for action in ("confirm", "fail"):
        document = check_problem(api.post(f"payments/{payment['id']}/{action}"), 409, "forbidden_transition")
        assert f"Cannot {action} payment in succeeded status" in document["detail"]
        check_problem(api.post(f"payments/{UNKNOWN}/{action}"), 404, "payment_not_found")
    card = api.pay(api.create_invoice()["id"]).json()
    check_problem(api.post(f"payments/{card['id']}/confirm"), 409, "not_manual")
    check_invariants()


@pytest.mark.parametrize("action", ["fail", "cancel"])
def test_late_money_of_a_manual_payment_is_confirmed_over_http(api: ApiConsumer, action: str) -> None:
    """A 409 until it is named; then 200 with the payment as it ended, however often it is sent."""
    body = {"order_id": "A", "amount": 500, "currency": "EUR", "provider": "manual"}
    payment = api.post("payments", body, key="k1").json()
    ended = api.post(f"payments/{payment['id']}/{action}").json()["status"]
    check_problem(api.post(f"payments/{payment['id']}/confirm"), 409, "late_money_unnamed")
    for _ in range(2):
        confirmed = api.post(f"payments/{payment['id']}/confirm", {"reference": "RF18"})
        assert (confirmed.status_code, confirmed.json()["status"]) == (200, ended)
    assert api.get(f"invoices/{payment['invoice']}").json()["status"] == "paid"
    [receipt] = api.get(f"receipts?payment={payment['id']}").json()["data"]
    assert (receipt["status"], receipt["provider_reference"]) == ("applied", "RF18")
    check_invariants()


def test_payments_are_listed_with_filters_and_read_back(api: ApiConsumer) -> None:
    """History, newest first."""
    first = api.pay(api.create_invoice()["id"]).json()
    second = api.post(
        "payments", {"order_id": "A", "amount": 5, "currency": "EUR", "provider": "manual"}, key="k1"
    ).json()
    assert [row["id"] for row in api.get("payments").json()["data"]] == [second["id"], first["id"]]
    for query, expected in {
        f"invoice={first['invoice']}": [first["id"]],
        "invoice=nonsense": [],
        "order_id=A": [second["id"]],
        "provider=manual": [second["id"]],
        "status=succeeded": [],
        "status=created": [second["id"], first["id"]],
    }.items():
        assert [row["id"] for row in api.get(f"payments?{query}").json()["data"]] == expected, query
    assert api.get(f"payments/{first['id']}").json() == first
    check_problem(api.get(f"payments/{UNKNOWN}"), 404, "payment_not_found")
    check_problem(api.get("payments/nonsense"), 404, "payment_not_found")


def test_a_payment_method_that_is_missing_is_filled_in_locally(api: ApiConsumer, settings: Any) -> None:
    """So that the first curl is short."""
    settings.DEFAULT_PAYMENT_METHOD = "tok_visa"
    response = api.post(f"invoices/{api.create_invoice()['id']}/pay", {}, key="k1")
    assert response.json()["payment_method"] == "tok_visa"


def test_the_default_currency_fills_an_order_and_no_invoice(api: ApiConsumer, settings: Any) -> None:
    """An invoice has its own currency; only what is issued here needs one."""
    settings.DEFAULT_CURRENCY = "EUR"
    dollars = api.create_invoice(500, "USD")["id"]
    body = {"payment_method": "tok_visa"}
    assert api.post("payments", body | {"invoice": dollars}, key="k1").json()["currency"] == "USD"
    assert api.post("payments", body | {"order_id": "A", "amount": 5}, key="k2").json()["currency"] == "EUR"
    assert api.post("invoices", {"amount": 5}).json()["currency"] == "EUR"


def test_a_description_beside_an_invoice_is_refused(api: ApiConsumer) -> None:
    """The invoice has one already; nothing that is sent is lost in silence."""
    body = {"payment_method": "tok_visa", "invoice": api.create_invoice()["id"], "description": "Tea"}
    document = check_problem(api.post("payments", body, key="k1"), 422)
    assert [error["field"] for error in document["errors"]] == ["description"]


def test_listing_takes_one_statement(api: ApiConsumer) -> None:
    """Whatever the number of rows; authentication is counted apart."""
    for _ in range(3):
        api.pay(api.create_invoice()["id"])
    with CaptureQueriesContext(connection) as authentication:
        api.get("invoices/nonsense")
    for path in ("payments", "invoices", "customers"):
        with CaptureQueriesContext(connection) as captured:
            api.get(path)
        assert len(captured) - len(authentication) == 1, path
