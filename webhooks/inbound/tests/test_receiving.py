"""What becomes of a webhook that arrives, one outcome at a time."""

import json

import pytest
from django.test import Client
from django.utils import timezone

from config.kernel import correlation, ids
from invoices.models import Invoice
from outbox.models import OutboxEvent
from payments.models import Payment, Receipt
from payments.tests.factories import make_payment
from webhooks.inbound.models import ProviderEvent
from webhooks.inbound.tests.sending import ACCOUNT, event, event_about, send, signed, status_of

pytestmark = pytest.mark.django_db


def test_a_capture_is_stored_and_pays_the_invoice() -> None:
    """200 processed, with the id of the row; the invoice is paid by the provider's own doing."""
    payment = make_payment()
    body = event_about(payment)
    response = send(body)
    row = ProviderEvent.objects.get()
    assert json.loads(response.content) == {"status": "processed", "id": row.id}
    assert (row.status, row.outcome, row.error, row.attempts) == ("processed", "applied", "", 1)
    assert (row.provider, row.account, row.event_id) == ("simulated", ACCOUNT, json.loads(body)["id"])
    assert (row.type, row.our_reference, row.charge_reference) == ("charge.succeeded", payment.id, f"ch_{payment.id}")
    assert row.payload == body.decode()
    assert row.available_at is None
    assert row.processed_at is not None
    assert Invoice.objects.get(id=payment.invoice_id).status == "paid"
    paid = OutboxEvent.objects.get(type="invoice.paid")
    assert paid.actor == "provider:simulated"


def test_the_providers_own_name_is_an_address_too() -> None:
    """/webhooks/simulated is /webhooks/payment-provider."""
    assert status_of(send(event(), url="/webhooks/simulated")) == "ignored"


def test_a_trailing_slash_and_any_content_type_are_fine() -> None:
    """Only the bytes count."""
    assert status_of(send(event(), url="/webhooks/payment-provider/", content_type="text/plain")) == "ignored"
    assert status_of(send(event(), content_type="application/x-www-form-urlencoded")) == "ignored"
    assert status_of(send(event(), content_type="multipart/form-data; boundary=x")) == "ignored"


def test_the_second_copy_is_a_duplicate_and_names_the_first() -> None:
    """One row, one effect, whatever the state of the first."""
    payment = make_payment()
    body = event_about(payment)
    first = send(body)
    for _ in range(3):
        again = send(body)
        assert status_of(again) == "duplicate"
        assert json.loads(again.content)["id"] == json.loads(first.content)["id"]
    assert ProviderEvent.objects.count() == 1
    assert Receipt.objects.count() == 1
    assert OutboxEvent.objects.filter(type="invoice.paid").count() == 1


def test_a_duplicate_is_known_by_its_id_whatever_its_body_says() -> None:
    """The provider's event id is the identity: a copy formatted anew changes nothing."""
    payment = make_payment()
    send(event_about(payment, "charge.pending", id="evt_same"))
    assert status_of(send(event_about(payment, "charge.succeeded", id="evt_same"))) == "duplicate"
    assert Receipt.objects.count() == 0


@pytest.mark.parametrize("other", ["evt_1AbCdE", "EVT_1aBcDe", "evt_1aBcDe_", "evt_1aBcD"])
def test_ids_that_differ_in_any_character_are_two_events(other: str) -> None:
    """Case counts: MariaDB's default collation would merge the first two and lose one."""
    assert status_of(send(event(id="evt_1aBcDe"))) == "ignored"
    assert status_of(send(event(id=other))) == "ignored"
    assert set(ProviderEvent.objects.values_list("event_id", flat=True)) == {"evt_1aBcDe", other}


@pytest.mark.parametrize("other", ["evt_1 ", " evt_1", "evt_é", "evt_1\u200b", "evt_ﬀ"])
def test_the_inbox_keeps_ids_apart_that_differ_in_any_byte(other: str) -> None:
    """Whatever an adapter lets through: trailing blanks, accents, ligatures and invisible characters count."""
    now = timezone.now()
    for event_id in ("evt_1", "evt_e", "evt_ff", other):
        ProviderEvent(event_id=event_id, provider="p", account="a", received_at=now, available_at=now).save()
    assert ProviderEvent.objects.get(event_id=other).event_id == other


def test_one_id_in_two_accounts_is_two_events() -> None:
    """Event ids are the provider account's own."""
    assert status_of(send(event(id="evt_1", account="acct_one"))) == "ignored"
    assert status_of(send(event(id="evt_1", account="acct_two"))) == "ignored"


def test_a_type_nobody_handles_is_ignored_with_the_reason() -> None:
    """Kept, so that it can be replayed once something handles it."""
    assert status_of(send(event("payout.created"))) == "ignored"
    row = ProviderEvent.objects.get()
    assert (row.status, row.outcome, row.available_at) == ("ignored", "unhandled", None)


def test_a_stale_event_is_ignored_with_the_reason() -> None:
    """The charge had succeeded when its pending event came."""
    payment = make_payment()
    send(event_about(payment, "charge.succeeded"))
    assert status_of(send(event_about(payment, "charge.pending"))) == "ignored"
    assert ProviderEvent.objects.get(type="charge.pending").outcome == "stale"
    assert Payment.objects.get().status == "succeeded"


def test_scar_statamic_cargo_190_an_event_about_nothing_known_is_parked() -> None:
    """A 200 that forgets the event would lose it."""
    stranger = ids.encode("pay", ids.new_uuid())
    body = event("charge.succeeded", reference=stranger, charge="ch_1", amount=1, currency="EUR")
    assert status_of(send(body)) == "parked"
    row = ProviderEvent.objects.get()
    assert (row.status, row.outcome, row.attempts) == ("parked", "unknown_reference", 1)
    assert row.available_at is not None
    assert (row.available_at - row.received_at).total_seconds() == pytest.approx(5, abs=1)


def test_scar_polar_14274_a_stale_failure_of_one_attempt_leaves_the_next_alone() -> None:
    """An event belongs to one attempt, found by its id."""
    first = make_payment()
    send(event_about(first, "charge.failed", failure_code="insufficient_funds"))
    second = make_payment(invoice=Invoice.objects.get(id=first.invoice_id))
    late = event_about(first, "charge.failed", failure_code="insufficient_funds")
    assert status_of(send(late)) == "ignored"
    assert Payment.objects.get(id=second.id).status == "created"


def test_scar_hyperswitch_10340_pending_after_the_end_changes_nothing() -> None:
    """Final states never leave."""
    payment = make_payment()
    send(event_about(payment, "charge.failed", failure_code="stolen_card"))
    assert status_of(send(event_about(payment, "charge.pending"))) == "ignored"
    assert Payment.objects.get().status == "failed"


def test_scar_hyperswitch_8455_another_amount_than_asked_goes_to_review() -> None:
    """The money is booked, the invoice not marked paid."""
    payment = make_payment()
    assert status_of(send(event_about(payment, amount=100))) == "processed"
    assert Payment.objects.get().status == "review"
    assert Receipt.objects.get().amount == 100
    assert Invoice.objects.get().status != "paid"


def test_the_requests_correlation_id_is_kept_with_the_event_and_its_effects() -> None:
    """From the sender's X-Request-ID to the outbox."""
    payment = make_payment()
    body = event_about(payment)
    send(body, headers=signed(body) | {"X-Request-ID": "req-from-provider"})
    assert ProviderEvent.objects.get().correlation_id == "req-from-provider"
    assert OutboxEvent.objects.get(type="invoice.paid").correlation_id == "req-from-provider"


def test_what_a_webhook_causes_carries_the_id_of_the_payments_request() -> None:
    """The webhook's own stays with the provider event: one id finds all of a payment."""
    with correlation.bind("req-of-the-shop"):
        payment = make_payment()
    body = event_about(payment)
    send(body, headers=signed(body) | {"X-Request-ID": "req-from-provider"})
    assert ProviderEvent.objects.get().correlation_id == "req-from-provider"
    assert OutboxEvent.objects.get(type="invoice.paid").correlation_id == "req-of-the-shop"


CARD = "4242424242424242"


@pytest.mark.parametrize("note", [CARD, f"card {CARD[:4]} {CARD[4:8]} {CARD[8:12]} {CARD[12:]}", int(CARD)])
def test_card_numbers_in_a_payload_are_masked_and_the_event_still_counts(note: object) -> None:
    """Masked, never refused; what is stored still parses and can be replayed."""
    payment = make_payment()
    assert status_of(send(event_about(payment, note=note))) == "processed"
    stored = ProviderEvent.objects.get().payload
    digits = "".join(character for character in json.dumps(json.loads(stored)["data"]["note"]) if character.isdigit())
    assert digits == "4242"


def test_an_identifier_that_looks_like_a_card_number_survives() -> None:
    """Some providers number their charges; masked, the stored event could not be applied again."""
    other = "5555555555554444"
    body = event("charge.succeeded", reference="not-ours", charge=CARD, amount=1, currency="EUR", note=other)
    assert status_of(send(body)) == "parked"
    data = json.loads(ProviderEvent.objects.get().payload)["data"]
    assert data["charge"] == CARD
    assert data["note"] == "************4444"


@pytest.mark.parametrize("method", ["get", "head", "put", "patch", "delete", "options"])
def test_other_methods_are_405(method: str) -> None:
    """With the one that is allowed, as a problem document."""
    response = getattr(Client(), method)("/webhooks/payment-provider")
    assert response.status_code == 405
    assert response.headers["Allow"] == "POST"
    assert response.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("name", ["nobody", "Simulated", "payment-provider2", "%F0%9F%92%B3"])
def test_a_provider_nobody_configured_is_404(name: str) -> None:
    """As a problem document, whether or not the body is signed."""
    response = send(event(), url=f"/webhooks/{name}")
    assert response.status_code == 404
    assert json.loads(response.content)["code"] == "unknown_webhook_endpoint"
    assert ProviderEvent.objects.count() == 0


def test_the_manual_provider_sends_nothing() -> None:
    """Nobody can sign for it."""
    assert send(event(), url="/webhooks/manual").status_code == 400


def test_a_body_over_the_cap_is_413() -> None:
    """And is not stored."""
    body = event(note="x" * 1024 * 1024)
    assert send(body).status_code == 413
    assert ProviderEvent.objects.count() == 0
