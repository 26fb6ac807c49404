import datetime

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from billing.models import User
from config.kernel import clock
from outbox import services
from outbox.models import SEQUENCER, Cursor, HeldEvent, OutboxEvent
from outbox.services import SubscriberStatus
from outbox.tests.support import Wire, aggregate, on_mariadb, record

pytestmark = pytest.mark.django_db


def test_status_tells_lag_age_and_trouble_per_subscriber() -> None:
    """Unsequenced events count for the sequencer, undelivered and held ones for their subscriber."""
    customer = aggregate(shard=2)
    record(customer, 3)
    _age_events(seconds=60)
    before = _status()
    assert before[SEQUENCER].lag == 3
    assert before[SEQUENCER].oldest_age_seconds == pytest.approx(60, abs=20)
    services.drain(only=["effects"])
    behind = _status()["wire"]
    assert (behind.lag, behind.held) == (3, 0)
    assert behind.oldest_age_seconds == pytest.approx(60, abs=20)
    Wire.is_cut = True
    services.drain()
    assert _status()["wire"].backing_off == 1
    Wire.is_cut = False
    Wire.poison = set(OutboxEvent.objects.values_list("pk", flat=True))
    Cursor.objects.update(available_at=None)
    services.drain()
    assert (_status()["wire"].lag, _status()["wire"].held) == (0, 3)
    assert _status()["wire"].oldest_age_seconds == pytest.approx(60, abs=20)


def test_a_long_backlog_is_not_counted_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sequencer's lag stops at a bound; the age is that of the oldest, wherever it waits."""
    monkeypatch.setitem(services.status.__globals__, "MAX_COUNTED", 2)
    oldest = record(aggregate(shard=60))
    record(aggregate(shard=60))
    record(aggregate(shard=1), 3)
    _age_events(seconds=60)
    OutboxEvent.objects.filter(pk__in=oldest).update(occurred_at=clock.now() - datetime.timedelta(hours=1))
    assert _status()[SEQUENCER].lag == 2
    assert _status()[SEQUENCER].oldest_age_seconds == pytest.approx(3600, abs=20)


def test_the_oldest_of_a_long_backlog_is_found_without_reading_it() -> None:
    """One row of each shard is read, also when the log is mostly a backlog."""
    if not on_mariadb():
        pytest.skip("SQLite does not say how much it read")
    record(aggregate(shard=1), 2000)
    before = _rows_read()
    (first,) = OutboxEvent.objects.raw(services.status.__globals__["_FIRST_UNSEQUENCED"])
    assert _rows_read() - before < 1000
    assert first.sequence == 1


def test_status_is_quiet_when_nothing_waits() -> None:
    """No lag, no age."""
    record(aggregate())
    services.drain()
    assert {(each.lag, each.oldest_age_seconds) for each in services.status()} == {(0, None)}


def test_staff_find_events_cursors_and_held_events_but_change_nothing(client: Client) -> None:
    """Every model has a read-only list and page; an event is found by its id and by its aggregate's."""
    customer = aggregate()
    (event,) = record(customer)
    Wire.poison = {event}
    services.drain()
    client.force_login(User.objects.create_superuser(email="staff@example.com", password="pass"))
    held = HeldEvent.objects.get()
    terms = [("outboxevent", event), ("outboxevent", customer.pk), ("heldevent", event), ("heldevent", held.pk)]
    for model, term in terms:
        found = client.get(reverse(f"admin:outbox_{model}_changelist"), {"q": term})
        assert found.context["cl"].result_count == 1
    assert client.get(reverse("admin:outbox_cursor_changelist"), {"q": "wire"}).status_code == 200
    page = client.get(reverse("admin:outbox_heldevent_change", args=[held.pk]), follow=True)
    assert "cannot encode this" in page.content.decode()
    assert client.post(reverse("admin:outbox_heldevent_delete", args=[held.pk]), {"post": "yes"}).status_code == 403


def _status() -> dict[str, SubscriberStatus]:
    return {each.subscriber: each for each in services.status()}


def _rows_read() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SHOW SESSION STATUS LIKE 'Handler_read%'")
        return sum(int(value) for _, value in cursor.fetchall())


def _age_events(*, seconds: int) -> None:
    OutboxEvent.objects.update(occurred_at=clock.now() - datetime.timedelta(seconds=seconds))
