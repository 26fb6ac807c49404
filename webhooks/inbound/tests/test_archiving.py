"""Payloads of old events move to the archive; the event stays known, and can be replayed."""

import datetime

import pytest
from django.test import Client

from config.kernel import clock, ids
from config.management.letters import KINDS
from config.verification import card_numbers
from payments.models import Payment
from payments.tests.factories import make_payment
from tests.admin.world import chief
from tests.invariants import check_invariants
from webhooks.inbound import services
from webhooks.inbound.models import ArchivedPayload, ProviderEvent
from webhooks.inbound.services import archiving, payloads
from webhooks.inbound.tests.breaking import raising_at
from webhooks.inbound.tests.sending import answer_to, event, event_about, send
from webhooks.outbound.tests.support import ACTOR

pytestmark = pytest.mark.django_db
YEAR = datetime.timedelta(days=365)


def archive(*, before: datetime.datetime | None = None) -> int:
    """Everything that may be, unless told otherwise."""
    return services.archive(before=before or clock.now() + YEAR, stop=lambda: False)


def test_the_payload_moves_and_is_still_the_events() -> None:
    """Byte for byte; the rest of the row stays where webhooks are looked up."""
    send(event_about(make_payment()))
    before = ProviderEvent.objects.get()
    assert archive() == 1
    after = ProviderEvent.objects.get()
    assert (after.payload, payloads.of(after)) == ("", before.payload)
    assert (after.status, after.type, after.our_reference) == (before.status, before.type, before.our_reference)
    assert archive() == 0


def test_what_comes_again_is_a_duplicate() -> None:
    """However long ago it came first."""
    body = event_about(make_payment())
    send(body)
    archive()
    assert answer_to(body) == "duplicate"


def test_an_archived_event_is_replayed() -> None:
    """What a bug had kept from being applied takes effect a year later."""
    payment = make_payment()
    with raising_at("payments_receipt", RuntimeError("a bug")):
        send(event_about(payment))
    ProviderEvent.objects.update(status="dead", available_at=None)
    assert archive() == 1
    assert ProviderEvent.objects.get().payload == ""
    services.replay(provider_event_id=ProviderEvent.objects.get().id, actor=ACTOR, reason="mended")
    assert ProviderEvent.objects.get().status == "processed"
    assert Payment.objects.get(id=payment.id).status == "succeeded"
    check_invariants()


def test_what_waits_or_is_young_stays() -> None:
    """Parked events need their payload when what they speak of appears."""
    send(event("charge.succeeded", reference=ids.encode("pay", ids.new_uuid()), charge="ch", amount=1, currency="EUR"))
    assert archive() == 0
    send(event_about(make_payment()))
    assert archive(before=clock.now() - YEAR) == 0
    assert not ProviderEvent.objects.filter(payload="").exists()


def test_many_move_in_chunks_and_the_next_run_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not read again what has been archived; with `dry_run` nothing moves."""
    monkeypatch.setattr(archiving, "CHUNK", 2)
    for _ in range(5):
        send(event_about(make_payment()))
    asked: list[int] = []

    def stop() -> bool:
        asked.append(ArchivedPayload.objects.count())
        return len(asked) == 2

    assert services.archive(before=clock.now() + YEAR, stop=lambda: False, dry_run=True) == 5
    assert services.archive(before=clock.now() + YEAR, stop=stop) == 2
    assert archive() == 3
    assert ArchivedPayload.objects.count() == 5


def test_staff_and_operators_see_the_payload() -> None:
    """On the event's page, in the payment's timeline, in `dead_letters show`."""
    payment = make_payment()
    send(event_about(payment))
    archive()
    row = ProviderEvent.objects.get()
    admin: Client = chief()
    assert payment.id in admin.get(f"/admin/inbound/providerevent/{row.id}/change/").content.decode()
    timeline = admin.get(f"/admin/payments/payment/{payment.id}/change/").context["timeline"].items
    assert any("charge.succeeded" in item.payload and item.kind == "Provider event" for item in timeline)
    shown = KINDS["inbox"].show(row.id)
    assert shown is not None
    assert payment.id in shown["event"]["payload"]


def test_the_archive_is_searched_for_card_numbers() -> None:
    """As every text is."""
    assert ArchivedPayload in [model for model, _ in card_numbers.columns()]
