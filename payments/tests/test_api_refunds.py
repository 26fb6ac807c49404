"""Refunds over HTTP."""

import uuid
from typing import Any

import pytest

from invoices.tests.test_api import check_problem
from payments import services
from payments.models import Dispute, Payment, Refund
from payments.states import RefundStatus
from payments.tests.factories import captured, tell_dispute, tell_payment, tell_refund
from payments.tests.factories import refunded as said_refunded
from tests.api import ApiConsumer
from tests.invariants import check_invariants

pytestmark = pytest.mark.django_db
UNKNOWN = "re_01h455vb4pex5vsknk084sn02q"


@pytest.fixture
def api() -> ApiConsumer:
    return ApiConsumer()


@pytest.fixture
def paid(api: ApiConsumer) -> dict[str, Any]:
    """A payment over 12.50 EUR that the provider has captured."""
    return pay(api)


def pay(api: ApiConsumer, provider: str = "simulated") -> dict[str, Any]:
    invoice = api.create_invoice(1250)
    terms = {"payment_method": "tok_visa", "provider": provider}
    payment: dict[str, Any] = api.post(f"invoices/{invoice['id']}/pay", terms, key=uuid.uuid4().hex).json()
    if provider == "manual":
        assert api.post(f"payments/{payment['id']}/confirm").status_code == 200
    else:
        row = Payment.objects.get(id=payment["id"])
        tell_payment(row, captured(row))
    return payment


def refund(api: ApiConsumer, payment: dict[str, Any], body: Any = None, *, key: str | None = None) -> Any:
    return api.post(f"payments/{payment['id']}/refund", body, key=key or uuid.uuid4().hex)


def test_a_refund_is_created_and_replayed(api: ApiConsumer, paid: dict[str, Any]) -> None:
    """201 with the refund; the same request again is a 200 that says so; other input is a 409 that names it."""
    body = {"amount": 500, "currency": "EUR", "reason": "one of three was broken"}
    response = refund(api, paid, body, key="k1")
    assert response.status_code == 201, response.content
    made = response.json()
    expected = {"payment": paid["id"], "invoice": paid["invoice"], "status": "created", "amount": 500}
    assert made.items() >= (expected | {"currency": "EUR", "reason": "one of three was broken"}).items()
    assert made["provider_reference"] is None
    replay = refund(api, paid, body, key="k1")
    assert (replay.status_code, replay["Idempotent-Replayed"], replay.json()) == (200, "true", made)
    document = check_problem(refund(api, paid, body | {"amount": 501}, key="k1"), 409, "idempotency_key_reused")
    assert document["id"] == made["id"]
    assert Refund.objects.count() == 1
    check_invariants()


def test_a_refund_needs_a_key(api: ApiConsumer, paid: dict[str, Any]) -> None:
    """Without one it is a 400, and nothing is stored."""
    check_problem(api.post(f"payments/{paid['id']}/refund", {"amount": 1}), 400, "idempotency_key_missing")
    assert not Refund.objects.exists()


def test_scar_saleor_apps_2446_two_equal_refunds_are_two(api: ApiConsumer, paid: dict[str, Any]) -> None:
    """Keys tell them apart, amounts do not; without an amount all that is left goes back."""
    for key in ("k1", "k2"):
        assert refund(api, paid, {"amount": 400}, key=key).status_code == 201
    assert refund(api, paid).json()["amount"] == 450
    assert Refund.objects.count() == 3
    document = check_problem(refund(api, paid), 409, "refund_too_large")
    assert document["amount_refundable"] == 0
    check_invariants()


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"amount": 0}, 422, "refund_amount_invalid"),
        ({"amount": -1}, 422, "refund_amount_invalid"),
        ({"amount": 1151}, 409, "refund_too_large"),
        ({"amount": 10**18}, 409, "refund_too_large"),
        ({"amount": 1, "currency": "USD"}, 422, "refund_currency_differs"),
    ],
    ids=str,
)
def test_a_refusal_of_the_amount_says_what_is_left(
    api: ApiConsumer, paid: dict[str, Any], body: dict[str, Any], status: int, code: str
) -> None:
    """In words and as a member; what other refunds have reserved is not left."""
    refund(api, paid, {"amount": 100})
    document = check_problem(refund(api, paid, body), status, code)
    assert (document["amount_refundable"], document["currency"]) == (1150, "EUR")
    assert "1150" in document["detail"]
    assert Refund.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"amount": 12.5}, "amount"),
        ({"amount": 5.0}, "amount"),
        ({"amount": "5"}, "amount"),
        ({"amount": True}, "amount"),
        ({"amount": None}, "amount"),
        ({"currency": "eur"}, "currency"),
        ({"currency": None}, "currency"),
        ({"reason": "x" * 501}, "reason"),
        ({"reason": "card 4242424242424242"}, "reason"),
        ({"receipt": "rct_x"}, "receipt"),
    ],
    ids=str,
)
def test_a_body_gone_wrong_names_its_field(
    api: ApiConsumer, paid: dict[str, Any], body: dict[str, Any], field: str
) -> None:
    """Nothing is converted, and nothing that is sent is lost in silence."""
    document = check_problem(refund(api, paid, body), 422)
    assert [error["field"] for error in document["errors"]] == [field]
    assert not Refund.objects.exists()


def test_what_is_not_settled_or_is_disputed_is_not_refunded(api: ApiConsumer, paid: dict[str, Any]) -> None:
    """409 with the state in words; a dispute is named."""
    live = api.pay(api.create_invoice()["id"]).json()
    services.submit(payment_id=live["id"])
    document = check_problem(refund(api, live), 409, "forbidden_transition")
    assert document["status"] == 409
    assert "Cannot refund payment in" in document["detail"]
    tell_dispute(Payment.objects.get(id=paid["id"]), "opened", amount=1)
    document = check_problem(refund(api, paid), 409, "payment_disputed")
    assert document["dispute_id"] == Dispute.objects.get().id
    check_problem(refund(api, {"id": "pay_01h455vb4pex5vsknk084sn02q"}), 404, "payment_not_found")


def test_refunds_are_listed_with_filters_and_read_back(api: ApiConsumer, paid: dict[str, Any]) -> None:
    """Newest first."""
    first = refund(api, paid, {"amount": 1}).json()
    second = refund(api, pay(api), {"amount": 2}).json()
    tell_refund(Refund.objects.get(id=first["id"]), said_refunded(Refund.objects.get(id=first["id"])))
    for query, expected in {
        "": [second, first],
        "limit=1": [second],
        f"payment={paid['id']}": [first],
        f"invoice={paid['invoice']}": [first],
        f"receipt={second['receipt']}": [second],
        "status=succeeded": [first],
        "status=created&status=succeeded": [second, first],
        "provider=simulated": [second, first],
        f"provider_reference=rf_{first['id']}": [first],
        "created_from=2026-01-01T00:00:00Z": [second, first],
        "created_before=2026-01-01T00:00:00Z": [],
        "payment=nonsense": [],
    }.items():
        page = api.get(f"refunds?{query}").json()
        assert [row["id"] for row in page["data"]] == [row["id"] for row in expected], query
    read = api.get(f"refunds/{first['id']}").json()
    assert (read["status"], read["provider_reference"]) == ("succeeded", f"rf_{first['id']}")
    assert api.get(f"payments/{paid['id']}").json()["amount_refunded"] == 1
    for id in (UNKNOWN, "nonsense", paid["id"]):
        check_problem(api.get(f"refunds/{id}"), 404, "refund_not_found")
    check_invariants()


def test_manual_refunds_are_confirmed_and_failed_over_http(api: ApiConsumer) -> None:
    """200 with the refund, then 409 with a sentence; what a provider settles is a 409 at once."""
    payment = pay(api, "manual")
    for action, body, expected in [
        ("confirm", {"reference": "RF18", "reason": "statement 47"}, "succeeded"),
        ("fail", {"failure_code": "account_closed", "reason": "the bank says no"}, "failed"),
    ]:
        made = refund(api, payment, {"amount": 100}).json()
        answer = api.post(f"refunds/{made['id']}/{action}", body)
        assert answer.status_code == 200, answer.content
        assert (answer.json()["id"], answer.json()["status"]) == (made["id"], expected)
        document = check_problem(api.post(f"refunds/{made['id']}/{action}"), 409, "forbidden_transition")
        assert f"Cannot {action} refund in {expected} status" in document["detail"]
    assert api.get(f"invoices/{payment['invoice']}").json()["amount_refunded"] == 100
    card = refund(api, pay(api), {"amount": 1}).json()
    for action in ("confirm", "fail"):
        check_problem(api.post(f"refunds/{card['id']}/{action}"), 409, "not_manual")
        check_problem(api.post(f"refunds/{UNKNOWN}/{action}"), 404, "refund_not_found")
    assert Refund.objects.get(id=card["id"]).status == RefundStatus.CREATED
    check_invariants()


@pytest.mark.parametrize("scopes", [{"refunds:read"}, {"payments:read", "receipts:write"}])
def test_refunding_needs_the_scope_to_write_refunds(paid: dict[str, Any], scopes: set[str]) -> None:
    """Whoever may look at refunds makes none."""
    check_problem(refund(ApiConsumer(scopes), paid), 403, "missing_scope")
    assert not Refund.objects.exists()


def test_a_key_that_starts_payments_cannot_give_money_back(paid: dict[str, Any]) -> None:
    """What takes money out, or books money that nobody has told us of, needs scopes of its own."""
    checkout = ApiConsumer({"payments:read", "payments:write"})
    check_problem(refund(checkout, paid, {}), 403, "missing_scope")
    check_problem(checkout.post(f"payments/{paid['id']}/resolve", {"status": "failed"}), 403, "missing_scope")
