"""Old deliveries move to the archive, each with its tries."""

import datetime

import pytest

from config.kernel import clock
from outbox import services as outbox
from outbox.models import ArchivedEvent, OutboxEvent
from tests.admin.world import chief
from webhooks.outbound import services
from webhooks.outbound.models import ArchivedDelivery, Attempt, Delivery
from webhooks.outbound.services import archiving
from webhooks.outbound.states import DeliveryStatus
from webhooks.outbound.tests.receivers import Receiver, Say
from webhooks.outbound.tests.support import ACTOR, deliver, happen, make_endpoint, the_delivery

pytestmark = pytest.mark.django_db
YEAR = datetime.timedelta(days=365)


def archive(*, before: datetime.datetime | None = None) -> int:
    """Everything that may be, unless told otherwise."""
    return services.archive(before=before or clock.now() + YEAR, stop=lambda: False)


def test_a_delivery_moves_with_all_its_tries(receiver: Receiver) -> None:
    """As they went, oldest first."""
    make_endpoint(receiver.url)
    happen()
    receiver.answer = lambda _: Say(500)
    deliver()
    Delivery.objects.update(available_at=clock.now())
    receiver.answer = lambda _: Say(200)
    deliver()
    before = the_delivery()
    assert archive() == 1
    after = ArchivedDelivery.objects.get()
    assert (Delivery.objects.count(), Attempt.objects.count()) == (0, 0)
    assert [each["status_code"] for each in after.tries] == [500, 200]
    assert {each["url"] for each in after.tries} == {receiver.url}
    assert (after.id, after.event_id, after.status) == (before.id, before.event_id, "delivered")
    assert after.id in chief().get(f"/admin/outbound/archiveddelivery/{after.id}/change/").content.decode()


def test_what_is_to_be_sent_or_is_young_stays() -> None:
    """A dead one goes; one that is sent again is pending, whatever became of it long ago."""
    make_endpoint()
    happen(4)
    pending, again, dead, young = Delivery.objects.order_by("id")
    long_ago = clock.now() - YEAR
    gone = {"status": DeliveryStatus.DEAD, "available_at": None}
    Delivery.objects.filter(id__in=[again.id, dead.id]).update(ended_at=long_ago, created_at=long_ago, **gone)
    Delivery.objects.filter(id=young.id).update(ended_at=clock.now(), created_at=long_ago, **gone)
    services.resend(actor=ACTOR, delivery_id=again.id)
    assert archive(before=clock.now() - YEAR / 2) == 1
    assert set(Delivery.objects.values_list("id", flat=True)) == {pending.id, again.id, young.id}


def test_many_move_in_chunks_until_told_to_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    """With `dry_run` nothing moves."""
    monkeypatch.setattr(archiving, "CHUNK", 2)
    make_endpoint()
    happen(5)
    Delivery.objects.update(status=DeliveryStatus.DEAD, available_at=None, ended_at=clock.now())
    asked: list[int] = []

    def stop() -> bool:
        asked.append(ArchivedDelivery.objects.count())
        return len(asked) == 4

    assert services.archive(before=clock.now() + YEAR, stop=lambda: False, dry_run=True) == 5
    assert services.archive(before=clock.now() + YEAR, stop=stop) == 4
    assert asked == [0, 0, 2, 4]
    assert archive() == 1


def test_an_event_stays_as_long_as_a_delivery_of_it() -> None:
    """What is sent is made of it: a paused endpoint may still want it after years."""
    make_endpoint()
    happen(2)
    first = Delivery.objects.order_by("id")[0]
    everything = outbox.archive(before=clock.now() + YEAR, stop=lambda: False)
    assert set(OutboxEvent.objects.values_list("id", flat=True)) == set(
        Delivery.objects.values_list("event", flat=True)
    )
    Delivery.objects.filter(id=first.id).update(status=DeliveryStatus.DEAD, available_at=None, ended_at=clock.now())
    archive()
    assert outbox.archive(before=clock.now() + YEAR, stop=lambda: False) == 1
    assert ArchivedEvent.objects.count() == everything + 1
