"""Replaying: any event, from any state, any number of times."""

from collections.abc import Callable

import pytest

from config.api.principals import Principal
from config.kernel import ids
from invoices.models import Invoice
from outbox.models import OutboxEvent
from payments.models import Receipt
from payments.tests.factories import make_payment
from webhooks.inbound import services
from webhooks.inbound.models import ProviderEvent, Replay
from webhooks.inbound.tests.breaking import raising_at
from webhooks.inbound.tests.sending import event, event_about, send

pytestmark = pytest.mark.django_db
STAFF = Principal(kind="staff", id="7")


def processed() -> None:
    send(event_about(make_payment()))


def ignored() -> None:
    send(event("customer.updated"))


def stale() -> None:
    payment = make_payment()
    send(event_about(payment))
    send(event_about(payment, "charge.pending"))


def parked() -> None:
    stranger = ids.encode("pay", ids.new_uuid())
    send(event("charge.succeeded", reference=stranger, charge="ch_9", amount=1, currency="EUR"))


def dead() -> None:
    send(b"garbage")


def failed() -> None:
    with raising_at("payments_receipt", RuntimeError("a bug")):
        send(event_about(make_payment()))


def everything() -> list[object]:
    """All that a replay may change or must not."""
    return [
        sorted(ProviderEvent.objects.values_list("id", "status")),
        sorted(Receipt.objects.values_list("id", "status", "amount")),
        sorted(Invoice.objects.values_list("id", "status", "amount_paid", "event_sequence")),
        sorted(OutboxEvent.objects.values_list("id", flat=True)),
    ]


def replay(row: ProviderEvent) -> Replay:
    return services.replay(provider_event_id=row.id, actor=STAFF, reason="to be sure")


@pytest.mark.parametrize("make", [processed, ignored, stale, parked, dead])
def test_replaying_what_has_been_done_changes_nothing(make: Callable[[], None]) -> None:
    """However often: same states, same money, same events."""
    make()
    before = everything()
    for _ in range(3):
        for row in ProviderEvent.objects.all():
            replay(row)
        assert everything() == before


def test_replaying_a_failed_event_finishes_it() -> None:
    """Once the bug is mended; then it stays processed."""
    failed()
    row = ProviderEvent.objects.get()
    first = replay(row)
    assert (first.status_before, first.status_after, first.outcome) == ("received", "processed", "applied")
    before = everything()
    second = replay(row)
    assert (second.status_before, second.status_after, second.outcome) == ("processed", "processed", "stale")
    assert everything() == before
    assert Receipt.objects.count() == 1


def test_a_dead_event_comes_back_to_life_when_it_can_be_applied() -> None:
    """Dead is a state like any other to a replay."""
    failed()
    ProviderEvent.objects.update(received_at="2020-01-01T00:00:00Z", available_at="2020-01-01T00:00:00Z")
    with raising_at("payments_receipt", RuntimeError("still there")):
        services.sweep()
    row = ProviderEvent.objects.get()
    assert row.status == "dead"
    assert replay(row).status_after == "processed"


def test_a_replay_that_fails_changes_nothing_but_the_log() -> None:
    """A processed event stays processed, a dead one dead; the failure is on record."""
    payment = make_payment()
    send(event_about(payment))
    row = ProviderEvent.objects.get()
    before = everything()
    with raising_at("invoices_invoice", RuntimeError("a bug")):
        log = replay(row)
    assert everything() == before
    assert (log.status_after, log.outcome) == ("processed", "failed")
    assert log.error.startswith("RuntimeError: a bug")


def test_scar_powerstore_187_a_replay_says_who_and_why() -> None:
    """Actor, reason and correlation id stay with the event."""
    dead()
    row = ProviderEvent.objects.get()
    replay(row)
    log = Replay.objects.get()
    assert (log.event_id, log.actor, log.reason) == (row.id, "staff:7", "to be sure")
    assert (log.status_before, log.status_after, log.outcome) == ("dead", "dead", "malformed")


def test_effects_of_a_replay_carry_the_id_the_event_came_with() -> None:
    """So that the original request, its failure and its late effect are found together."""
    failed()
    row = ProviderEvent.objects.get()
    replay(row)
    paid = OutboxEvent.objects.get(type="invoice.paid")
    assert paid.correlation_id == row.correlation_id != ""
    assert paid.actor == "provider:simulated"


@pytest.mark.parametrize("reason", ["", "   ", "x" * 501])
def test_a_replay_without_a_reason_is_refused(reason: str) -> None:
    """Also one that would not fit."""
    dead()
    with pytest.raises(services.ReasonMissing):
        services.replay(provider_event_id=ProviderEvent.objects.get().id, actor=STAFF, reason=reason)
    assert Replay.objects.count() == 0


@pytest.mark.parametrize("id", ["", "pev_nonsense", "pay_01h455vb4pex5vsknk084sn02q", "pev_01h455vb4pex5vsknk084sn02q"])
def test_a_replay_of_nothing_is_refused(id: str) -> None:
    """NotFound, whatever the id looks like."""
    with pytest.raises(services.EventNotFound):
        services.replay(provider_event_id=id, actor=STAFF, reason="to be sure")
