"""Customer credit over HTTP: granted and revoked by back ends, seen by the customer it is."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from config.api import principals
from invoices.models import CreditEntry
from invoices.tests.factories import make_credit, make_customer
from tests.api import ApiConsumer
from tests.invariants import check_invariants

pytestmark = pytest.mark.django_db


@pytest.fixture
def api() -> ApiConsumer:
    return ApiConsumer()


def test_credit_is_granted_listed_and_pays_an_invoice(api: ApiConsumer) -> None:
    """The answer says what there is after it; so do the list and the balance."""
    customer = make_customer().id
    body = {"amount": 500, "currency": "EUR", "reason": "For the outage"}
    granted = api.post(f"customers/{customer}/credits", body, key="k").json()
    expected = {"kind": "granted", "amount": 500, "balance": 500, "invoice": None, "reason": "For the outage"}
    assert granted.items() >= expected.items()
    assert granted["id"].startswith("cre_")
    invoice = api.post("invoices", {"amount": 300, "currency": "EUR", "customer": customer}).json()
    assert (invoice["status"], invoice["amount_credited"], invoice["amount_due"]) == ("paid", 300, 0)
    assert [event["type"] for event in invoice["events"]] == ["invoice.paid", "invoice.created"]
    listed = api.get(f"customers/{customer}/credits").json()["data"]
    assert [(each["kind"], each["amount"], each["invoice"]) for each in listed] == [
        ("applied", -300, invoice["id"]),
        ("granted", 500, None),
    ]
    assert api.get(f"customers/{customer}/credits?kind=granted&currency=EUR").json()["data"] == [granted]
    balance = api.get(f"customers/{customer}/balance").json()
    assert balance == {"customer": customer, "balances": [{"currency": "EUR", "amount": 200}]}
    check_invariants()


def test_a_paid_invoice_cannot_be_paid_again(api: ApiConsumer) -> None:
    """Credit has paid it whole: nothing is charged."""
    customer = make_credit(1250).customer_id
    invoice = api.post("invoices", {"amount": 1250, "currency": "EUR", "customer": customer}).json()
    answer = api.pay(invoice["id"])
    assert (answer.status_code, answer.json()["code"]) == (409, "invoice_not_payable")


def test_a_payment_is_over_what_credit_has_left_to_pay(api: ApiConsumer) -> None:
    """Not over the whole amount."""
    customer = make_credit(250).customer_id
    invoice = api.post("invoices", {"amount": 1250, "currency": "EUR", "customer": customer}).json()
    assert api.pay(invoice["id"]).json()["amount"] == 1000


def test_granting_honours_the_key(api: ApiConsumer) -> None:
    """The same entry and 200; another amount is 409; revoking has keys of its own."""
    path = f"customers/{make_customer().id}/credits"
    body = {"amount": 500, "currency": "EUR"}
    first, again = (api.post(path, body, key="k") for _ in range(2))
    assert (first.status_code, again.status_code, again["Idempotent-Replayed"]) == (201, 200, "true")
    assert first.json() == again.json()
    assert api.post(path, body | {"amount": 501}, key="k").json()["code"] == "idempotency_key_reused"
    revoked = [api.post(f"{path}/revoke", body, key="k").status_code for _ in range(2)]
    assert revoked == [201, 200]
    assert CreditEntry.objects.count() == 2


def test_no_more_is_revoked_than_there_is(api: ApiConsumer) -> None:
    """409 that says how much there is."""
    path = f"customers/{make_credit(500).customer_id}/credits/revoke"
    refused = api.post(path, {"amount": 501, "currency": "EUR"})
    assert (refused.status_code, refused.json()["code"]) == (409, "not_enough_credit")
    assert "500 EUR" in refused.json()["detail"]


def test_a_customer_sees_their_own_credit_and_grants_none() -> None:
    """Somebody else's does not exist for them."""
    mine, other = make_credit(500).customer_id, make_credit(900).customer_id
    client: Any = APIClient()
    client.force_authenticate(user=principals.customer(mine))
    assert client.get(f"/api/v1/customers/{mine}/balance").json()["balances"] == [{"currency": "EUR", "amount": 500}]
    assert len(client.get(f"/api/v1/customers/{mine}/credits").json()["data"]) == 1
    for path in ("balance", "credits"):
        assert client.get(f"/api/v1/customers/{other}/{path}").json()["code"] == "customer_not_found"
    for path in ("credits", "credits/revoke"):
        answer = client.post(f"/api/v1/customers/{mine}/{path}", {"amount": 5, "currency": "EUR"}, format="json")
        assert (answer.status_code, answer.json()["code"]) == (403, "not_for_customers")
    assert CreditEntry.objects.count() == 2


BAD: list[dict[str, Any]] = [
    {"amount": 0, "currency": "EUR"},
    {"amount": -5, "currency": "EUR"},
    {"amount": 1.5, "currency": "EUR"},
    {"amount": "5", "currency": "EUR"},
    {"amount": 10**12, "currency": "EUR"},
    {"amount": 5, "currency": "eur"},
    {"currency": "EUR"},
    {"amount": 5, "currency": "EUR", "kind": "applied"},
    {"amount": 5, "currency": "EUR", "reason": "x" * 501},
    {"amount": 5, "currency": "EUR", "reason": "4242 4242 4242 4242"},
]


@pytest.mark.parametrize("path", ["credits", "credits/revoke"])
@pytest.mark.parametrize("body", BAD, ids=str)
def test_what_is_no_credit_is_a_422(api: ApiConsumer, path: str, body: dict[str, Any]) -> None:
    """Nothing is stored."""
    entry = make_credit(100)
    answer = api.post(f"customers/{entry.customer_id}/{path}", body)
    assert answer.status_code == 422, answer.content
    assert answer.json()["code"]
    assert CreditEntry.objects.count() == 1


@pytest.mark.parametrize("customer", ["cus_nonsense", "cus_01h455vb4pex5vsknk084sn02q"])
def test_somebody_unknown_has_no_credit(api: ApiConsumer, customer: str) -> None:
    """404 from each of the four."""
    body = {"amount": 5, "currency": "EUR"}
    answers = [api.get(f"customers/{customer}/{path}") for path in ("credits", "balance")]
    answers += [api.post(f"customers/{customer}/{path}", body) for path in ("credits", "credits/revoke")]
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(404, "customer_not_found")] * 4


@pytest.mark.parametrize("line", [{"unit_amount": 0}, {"unit_amount": -5}, {"unit_amount": 5, "reverses": "il_1"}])
def test_lines_over_http_only_charge(api: ApiConsumer, line: dict[str, Any]) -> None:
    """What takes others back is for billing."""
    assert api.post("invoices", {"currency": "EUR", "lines": [line]}).status_code == 422
