"""Events that wait: the schedule, the sweep, the release."""

import datetime
import itertools

import pytest
from django.utils import timezone

from config.api.principals import system
from config.kernel import db, ids
from invoices.models import Invoice
from outbox.models import OutboxEvent
from payments import services as payments
from payments.models import Payment, Receipt
from payments.providers.base import Pending
from payments.services.locks import lock
from payments.services.outcomes import apply_outcome
from payments.tests.factories import make_payment
from webhooks.inbound import services
from webhooks.inbound.models import ProviderEvent
from webhooks.inbound.services.schedule import RETRIES
from webhooks.inbound.tasks import sweep
from webhooks.inbound.tests.sending import event, event_about, send, status_of

START = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
DAY = datetime.timedelta(hours=24)
STRANGER = ids.encode("pay", ids.new_uuid())


def stranger(**changes: str) -> bytes:
    """An event about a payment that does not exist."""
    values = {"reference": STRANGER, "charge": "ch_stranger"} | changes
    return event("charge.succeeded", amount=1250, currency="EUR", **values)


def age(by: datetime.timedelta) -> None:
    """As if every event had come that much earlier and were due now."""
    for row in ProviderEvent.objects.all():
        ProviderEvent.objects.filter(id=row.id).update(received_at=row.received_at - by, available_at=timezone.now())


def test_tries_come_after_growing_delays_from_5_s_on_and_end_at_24_h() -> None:
    """Each delay is as long as the one before or longer, the latest try is at the age limit, none follows."""
    now, tries = START, [START]
    for attempts in range(1, 1000):
        following = RETRIES.next_try(received_at=START, attempts=attempts, now=now)
        if following is None:
            break
        now = following
        tries.append(now)
    delays = [later - earlier for earlier, later in itertools.pairwise(tries)]
    assert delays[0] == datetime.timedelta(seconds=5)
    assert delays[:-1] == sorted(delays[:-1])
    assert tries[-1] - START == DAY
    assert 15 < len(tries) < 40


def test_a_late_sweep_does_not_stretch_the_age() -> None:
    """After an outage of a day there is no further try."""
    assert RETRIES.next_try(received_at=START, attempts=1, now=START + DAY) is None


@pytest.mark.django_db
def test_a_parked_event_is_tried_again_until_it_is_too_old() -> None:
    """Parked, parked again, then dead at 24 hours and left alone."""
    send(stranger())
    age(datetime.timedelta(hours=1))
    assert services.sweep() == 1
    row = ProviderEvent.objects.get()
    assert (row.status, row.attempts) == ("parked", 2)
    assert row.available_at is not None
    assert row.available_at > timezone.now()
    age(datetime.timedelta(hours=22, minutes=58))
    services.sweep()
    assert ProviderEvent.objects.get().status == "parked"
    age(datetime.timedelta(minutes=3))
    services.sweep()
    row = ProviderEvent.objects.get()
    assert (row.status, row.outcome, row.available_at) == ("dead", "unknown_reference", None)
    assert services.sweep() == 0


@pytest.mark.django_db
def test_the_sweep_takes_up_only_what_is_due() -> None:
    """And as much of it as it is told to."""
    for number in range(3):
        send(stranger(charge=f"ch_{number}"))
    assert services.sweep() == 0
    age(datetime.timedelta(0))
    assert services.sweep(limit=2) == 2
    assert services.sweep(limit=2) == 1
    assert services.sweep() == 0


@pytest.mark.django_db
def test_the_task_is_the_sweep() -> None:
    """What beat calls every second."""
    send(stranger())
    age(datetime.timedelta(0))
    sweep()
    assert ProviderEvent.objects.get().attempts == 2


def unsubmitted() -> Payment:
    """A payment whose provider's reference is not known yet."""
    return make_payment()


@db.transaction(idempotent=True)
def answer(payment: Payment, reference: str) -> None:
    """The provider's answer to the charge is recorded."""
    invoice, locked = lock(payment.id)
    apply_outcome(invoice=invoice, payment=locked, outcome=Pending(reference), actor=system("test"))


@db.transaction(idempotent=True)
def hear(*events: OutboxEvent) -> None:
    """As the relay does."""
    services.release_parked(events=events)


def hear_and_sweep(event: OutboxEvent) -> None:
    """What the relay makes due, the sweep takes up."""
    hear(event)
    services.sweep()


@pytest.mark.django_db
def test_scar_gumroad_6193_a_parked_event_is_applied_once_its_payment_is_known() -> None:
    """It named only the provider's charge; the moment that is ours, it pays the invoice, once."""
    payment = unsubmitted()
    assert status_of(send(event_about(payment, reference="", charge="ch_7"))) == "parked"
    answer(payment, "ch_7")
    submitted = OutboxEvent.objects.get(type="payment.submitted")
    for _ in range(3):
        hear_and_sweep(submitted)
    row = ProviderEvent.objects.get()
    assert (row.status, row.outcome, row.attempts) == ("processed", "applied", 2)
    assert Receipt.objects.count() == 1
    assert Invoice.objects.get().status == "paid"
    paid = OutboxEvent.objects.get(type="invoice.paid")
    assert (paid.actor, paid.correlation_id) == ("provider:simulated", row.correlation_id)


@pytest.mark.django_db
def test_the_relay_releases_what_is_parked() -> None:
    """The event table names this consumer, and the relay calls it."""
    from outbox import services as outbox

    payment = unsubmitted()
    send(event_about(payment, reference="", charge="ch_7"))
    answer(payment, "ch_7")
    outbox.drain()
    services.sweep()
    assert ProviderEvent.objects.get().status == "processed"


@pytest.mark.django_db
def test_a_release_leaves_other_parked_events_alone() -> None:
    """Other charges, and other providers' charges of the same name, wait on."""
    payment = unsubmitted()
    send(event_about(payment, reference="", charge="ch_8"))
    answer(payment, "ch_7")
    hear_and_sweep(OutboxEvent.objects.get(type="payment.submitted"))
    row = ProviderEvent.objects.get()
    assert (row.status, row.attempts) == ("parked", 1)


@pytest.mark.django_db
def test_a_batch_releases_what_waits_for_any_of_its_payments() -> None:
    """By our id and by the provider's; once, though two events of the batch speak of the same payment."""
    first, second = unsubmitted(), unsubmitted()
    send(event_about(first, reference="", charge="ch_7"))
    send(event_about(second, reference="", charge="ch_8"))
    answer(first, "ch_7")
    answer(second, "ch_8")
    submitted = list(OutboxEvent.objects.filter(type="payment.submitted"))
    hear(*submitted, submitted[0])
    services.sweep()
    assert list(ProviderEvent.objects.values_list("status", flat=True)) == ["processed", "processed"]


@pytest.mark.django_db
def test_a_release_outside_a_transaction_is_refused() -> None:
    """It is a step of the relay's."""
    with pytest.raises(db.NotInTransaction):
        services.release_parked(events=[OutboxEvent(data={})])


@pytest.mark.django_db
def test_scar_polar_10728_an_event_before_its_row_is_swept_up_too() -> None:
    """Should the release miss it, the next try finds the payment."""
    payment = unsubmitted()
    send(event_about(payment, reference="", charge="ch_7"))
    answer(payment, "ch_7")
    age(datetime.timedelta(0))
    services.sweep()
    assert ProviderEvent.objects.get().status == "processed"
    assert ProviderEvent.objects.get().outcome == payments.EventResult.APPLIED
