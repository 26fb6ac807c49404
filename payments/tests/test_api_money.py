"""Receipts, disputes, cancels and reviews over HTTP."""

import uuid
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from invoices.tests.test_api import check_problem
from outbox.models import OutboxEvent
from payments import services
from payments.models import Dispute, Payment, Receipt
from payments.tests.factories import captured, tell_dispute, tell_payment
from payments.tests.simulator import connected_simulator
from tests.api import ApiConsumer
from tests.invariants import check_invariants

pytestmark = pytest.mark.django_db
ABSENT = "01h455vb4pex5vsknk084sn02q"


@pytest.fixture
def api() -> ApiConsumer:
    return ApiConsumer()


def capture(api: ApiConsumer, **changes: Any) -> Payment:
    """A payment over 12.50 EUR, captured as it should be, or as `changes` say."""
    payment = Payment.objects.get(id=api.pay(api.create_invoice()["id"]).json()["id"])
    tell_payment(payment, captured(payment, **changes))
    return Payment.objects.get(id=payment.id)


def test_a_payment_nobody_has_sent_is_canceled_at_once(api: ApiConsumer) -> None:
    """200, the same again; the invoice is open; what has ended otherwise is a 409."""
    payment = api.pay(api.create_invoice()["id"]).json()
    for _ in range(2):
        answer = api.post(f"payments/{payment['id']}/cancel", {"reason": "the cart changed"})
        assert (answer.status_code, answer.json()["status"]) == (200, "canceled")
    assert OutboxEvent.objects.get(type="payment.canceled").reason == "the cart changed"
    assert api.get(f"invoices/{payment['invoice']}").json()["status"] == "open"
    document = check_problem(api.post(f"payments/{capture(api).id}/cancel"), 409, "forbidden_transition")
    assert "Cannot cancel payment in succeeded status" in document["detail"]
    check_problem(api.post(f"payments/pay_{ABSENT}/cancel"), 404, "payment_not_found")
    check_invariants()


@pytest.mark.django_db(transaction=True)
def test_of_a_payment_that_was_sent_the_provider_decides(api: ApiConsumer) -> None:
    """202 with the request's time, the same again; once the provider has canceled it, 200."""
    payment = api.pay(api.create_invoice()["id"], token="tok_pending").json()
    assert payment["cancel_requested_at"] is None
    with connected_simulator():
        services.submit(payment_id=payment["id"])
        first = api.post(f"payments/{payment['id']}/cancel")
        again = api.post(f"payments/{payment['id']}/cancel")
        assert (first.status_code, again.status_code) == (202, 202), first.content
        assert first.json()["status"] == "processing"
        assert first.json()["cancel_requested_at"] == again.json()["cancel_requested_at"] is not None
        services.reconcile(payment_id=payment["id"])
    ended = api.post(f"payments/{payment['id']}/cancel")
    assert (ended.status_code, ended.json()["status"]) == (200, "canceled")
    check_invariants()


def test_a_payment_in_review_is_resolved(api: ApiConsumer) -> None:
    """Its money pays what it can; then it is no longer in review, and says so."""
    payment = capture(api, amount=1000)
    assert payment.status == "review"
    body = {"status": "succeeded", "disposition": "apply", "reason": "a discount was agreed"}
    answer = api.post(f"payments/{payment.id}/resolve", body)
    assert (answer.status_code, answer.json()["status"]) == (200, "succeeded"), answer.content
    invoice = api.get(f"invoices/{payment.invoice_id}").json()
    assert (invoice["status"], invoice["amount_paid"], invoice["amount_due"]) == ("open", 1000, 250)
    document = check_problem(api.post(f"payments/{payment.id}/resolve", body), 409, "forbidden_transition")
    assert "Cannot resolve payment in succeeded status" in document["detail"]
    check_invariants()


def test_a_capture_nobody_told_of_is_booked_by_resolving(api: ApiConsumer) -> None:
    """With its reference, amount and currency; without any money a payment cannot have succeeded."""
    payment = Payment.objects.get(id=api.pay(api.create_invoice()["id"]).json()["id"])
    tell_payment(payment, captured(payment))
    other = Payment.objects.get(id=api.pay(api.create_invoice()["id"]).json()["id"])
    tell_payment(other, captured(other, reference=f"ch_{payment.id}"))
    assert Payment.objects.get(id=other.id).status == "review"
    url = f"payments/{other.id}/resolve"
    check_problem(api.post(url, {"status": "succeeded", "disposition": "apply"}), 409, "no_money_known")
    taken = {"reference": f"ch_{payment.id}", "amount": 1250, "currency": "EUR"}
    check_problem(api.post(url, {"status": "succeeded", "capture": taken}), 409, "reference_taken")
    answer = api.post(url, {"status": "succeeded", "disposition": "apply", "capture": taken | {"reference": "ch_9"}})
    assert answer.status_code == 200, answer.content
    assert api.get(f"invoices/{other.invoice_id}").json()["status"] == "paid"
    check_invariants()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "status"),
        ({"status": "refunded"}, "status"),
        ({"status": "failed", "disposition": "burn"}, "disposition"),
        ({"status": "failed", "capture": {"reference": "ch_1", "amount": 0, "currency": "EUR"}}, "capture.amount"),
        ({"status": "failed", "capture": {"reference": "ch_1", "amount": 1, "currency": "EURO"}}, "capture.currency"),
        ({"status": "failed", "capture": {"amount": 1, "currency": "EUR"}}, "capture.reference"),
        ({"status": "failed", "capture": []}, "capture"),
        ({"status": "failed", "capture": None}, "capture"),
        ({"status": "failed", "amount": 1}, "amount"),
    ],
    ids=str,
)
def test_a_bad_resolution_is_refused_by_the_name_of_its_field(
    api: ApiConsumer, body: dict[str, Any], field: str
) -> None:
    """And the payment stays in review."""
    payment = capture(api, amount=1000)
    document = check_problem(api.post(f"payments/{payment.id}/resolve", body), 422)
    assert field in [error["field"] for error in document["errors"]], document
    assert Payment.objects.get(id=payment.id).status == "review"


def test_money_that_pays_nothing_is_disposed_of(api: ApiConsumer) -> None:
    """The receipt says what has become of it; what is not there to be disposed of is a 409."""
    payment = capture(api, amount=1000)
    receipt = api.get(f"receipts?payment={payment.id}").json()["data"][0]
    assert (receipt["status"], receipt["amount_unapplied"], receipt["amount_applied"]) == ("unapplied", 1000, 0)
    url = f"receipts/{receipt['id']}/dispose"
    check_problem(api.post(url, {"disposition": "apply"}), 409, "not_disposable")
    check_problem(api.post(url, {"disposition": "keep"}), 422)
    check_problem(api.post(url), 422)
    answer = api.post(url, {"disposition": "return", "reason": "not what was asked for"})
    assert answer.status_code == 200, answer.content
    assert (answer.json()["status"], answer.json()["amount_refunding"]) == ("refunding", 1000)
    refund = api.get(f"refunds?receipt={receipt['id']}").json()["data"][0]
    assert (refund["amount_unapplied"], refund["amount"], refund["status"]) == (1000, 1000, "created")
    check_problem(api.post(url, {"disposition": "return"}), 409, "not_disposable")
    check_problem(api.post(f"receipts/rct_{ABSENT}/dispose", {"disposition": "return"}), 404, "receipt_not_found")
    check_invariants()


def test_receipts_are_listed_with_filters_and_read_back(api: ApiConsumer) -> None:
    """Newest first."""
    first, second = capture(api), capture(api, amount=1)
    rows = {payment.id: Receipt.objects.get(payment=payment).id for payment in (first, second)}
    for query, expected in {
        "": [second, first],
        f"payment={first.id}": [first],
        f"invoice={second.invoice_id}": [second],
        "status=applied": [first],
        f"provider_reference=ch_{first.id}": [first],
        "provider=manual": [],
        "received_from=2026-01-01T00:00:00Z": [second, first],
        "received_before=2026-01-01T00:00:00Z": [],
    }.items():
        page = api.get(f"receipts?{query}").json()
        assert [row["id"] for row in page["data"]] == [rows[payment.id] for payment in expected], query
    read = api.get(f"receipts/{rows[first.id]}").json()
    assert read["payment"] == first.id
    assert read["returned_refund"] is None
    check_problem(api.get(f"receipts/rct_{ABSENT}"), 404, "receipt_not_found")


def test_disputes_are_listed_with_filters_and_read_back(api: ApiConsumer) -> None:
    """Newest first; only the provider opens and closes them."""
    first, second = capture(api), capture(api)
    tell_dispute(first, "opened", reference="dp_1", amount=7)
    tell_dispute(second, "lost", reference="dp_2")
    rows = {row.payment_id: row.id for row in Dispute.objects.all()}
    for query, expected in {
        "": [second, first],
        "status=open": [first],
        f"payment={second.id}": [second],
        f"invoice={first.invoice_id}": [first],
        "provider_reference=dp_2": [second],
        "opened_before=2026-01-01T00:00:00Z": [],
    }.items():
        page = api.get(f"disputes?{query}").json()
        assert [row["id"] for row in page["data"]] == [rows[payment.id] for payment in expected], query
    read = api.get(f"disputes/{rows[first.id]}").json()
    assert (read["status"], read["amount"], read["reason"], read["closed_at"]) == ("open", 7, "fraudulent", None)
    check_problem(api.get(f"disputes/dp_{ABSENT}"), 404, "dispute_not_found")
    check_problem(api.post(f"disputes/{rows[first.id]}"), 405)


def test_listing_takes_one_statement(api: ApiConsumer) -> None:
    """Whatever the number of rows; authentication is counted apart."""
    for _ in range(3):
        payment = capture(api)
        assert api.post(f"payments/{payment.id}/refund", {"amount": 1}, key=uuid.uuid4().hex).status_code == 201
        tell_dispute(payment, "opened", reference=f"dp_{payment.id}")
    with CaptureQueriesContext(connection) as authentication:
        api.get("invoices/nonsense")
    for path in ("refunds", "receipts", "disputes"):
        with CaptureQueriesContext(connection) as captured_:
            assert len(api.get(path).json()["data"]) == 3
        assert len(captured_) - len(authentication) == 1, path
