"""Old events move to the archive and stay in the log: for staff, the API, the books, and for who reads them again."""

import threading
from collections.abc import Callable

import pytest
from django.db import connection

from config.kernel import clock, db
from config.verification.snapshot import Snapshot
from config.verification.verifying import verify
from config.verification.violations import Report
from invoices.models import Customer, Invoice
from invoices.tests.factories import make_invoice
from outbox import services
from outbox.models import SEQUENCER, ArchivedEvent, Cursor, HeldEvent, OutboxEvent
from outbox.services import archiving, tailing
from outbox.tests.support import (
    ACTOR,
    YEAR,
    Happened,
    Refusals,
    Wire,
    aggregate,
    archive,
    effects,
    on_mariadb,
    record,
    rewind,
)
from tests.api import ApiConsumer
from tests.invariants import CHECKED, check_invariants

pytestmark = pytest.mark.django_db


def violated() -> set[str]:
    """The checks that find something wrong."""
    report = Report(CHECKED, limit=5)
    verify(Snapshot(connection), report, lambda *_: None)
    return set(report.counts)


def rows(model: type[OutboxEvent] | type[ArchivedEvent]) -> list[tuple[object, ...]]:
    return list(model.objects.order_by("shard", "position").values_list(*_FIELDS))


_FIELDS = [field.name for field in OutboxEvent._meta.concrete_fields]


def test_what_has_been_passed_moves_as_it_is() -> None:
    """Every column, and nothing is left behind."""
    record(aggregate(), 3), record(aggregate(), 2)
    services.drain()
    before = rows(OutboxEvent)
    assert archive() == 5
    assert rows(ArchivedEvent) == before
    assert rows(OutboxEvent) == []


def test_what_is_young_stays() -> None:
    """By business time."""
    ids = record(aggregate(), 4)
    services.drain()
    moment = clock.now()
    OutboxEvent.objects.filter(id__in=ids[:2]).update(occurred_at=moment - YEAR)
    assert archive(before=moment - YEAR / 2) == 2
    assert set(OutboxEvent.objects.values_list("id", flat=True)) == set(ids[2:])


def test_what_some_cursor_has_not_passed_stays() -> None:
    """Be it one subscriber's; or nobody has numbered it."""
    record(aggregate(shard=3), 3)
    services.drain(only=["effects"])
    assert archive() == 0
    services.drain()
    record(aggregate(shard=3), 2)
    assert archive() == 3
    assert OutboxEvent.objects.filter(position=None).count() == OutboxEvent.objects.count() == 2


def test_what_was_held_stays_beside_its_record() -> None:
    """While it is, and for good: staff can still look at what it was."""
    first, second = record(aggregate(), 2)
    Refusals.poison = {first}
    services.drain()
    assert HeldEvent.objects.held().count() == 2
    assert archive() == 0
    held = HeldEvent.objects.get(event=first)
    services.skip_held(held_id=held.id, actor=ACTOR, reason="no")
    assert archive() == 0
    assert set(OutboxEvent.objects.values_list("id", flat=True)) == {first, second}


def test_many_move_in_chunks_until_told_to_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each in a transaction of its own."""
    monkeypatch.setattr(archiving, "CHUNK", 2)
    record(aggregate(), 7)
    services.drain()
    asked: list[int] = []

    def stop() -> bool:
        asked.append(ArchivedEvent.objects.count())
        return len(asked) > 2

    assert services.archive(before=clock.now() + YEAR, stop=stop) == 4
    assert asked == [0, 2, 4]
    assert services.archive(before=clock.now() + YEAR, stop=lambda: False, dry_run=True) == 3
    assert archive() == 3
    assert ArchivedEvent.objects.count() == 7


def test_what_is_old_among_what_stays_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A chunk of which nothing may move is passed over."""
    monkeypatch.setattr(archiving, "CHUNK", 2)
    held = record(aggregate(), 3)
    Refusals.poison = {held[0]}
    record(aggregate(), 3)
    services.drain()
    assert archive() == 3


@pytest.mark.parametrize("chunk", [1, 3, 1000])
def test_a_publisher_that_is_moved_back_gets_archived_events_again(chunk: int) -> None:
    """In order, whatever lies where; and then they may be archived again."""
    source = aggregate()
    ids = record(source, 9)
    services.drain()
    OutboxEvent.objects.filter(id__in=[ids[0], ids[4], ids[8]]).update(occurred_at=clock.now() + 2 * YEAR)
    assert archive() in (8, 6, 7)
    Wire.sent.clear()
    rewind()
    services.drain(batch_size=chunk)
    assert Wire.sent == ids
    assert effects() == ids
    check_invariants()
    assert archive() >= 6


@pytest.mark.parametrize("how", ["event", "aggregate", "since"])
def test_a_target_may_be_archived(how: str) -> None:
    """An event, an aggregate, or an instant."""
    source = aggregate()
    ids = record(source, 3)
    moment = OutboxEvent.objects.get(id=ids[1]).occurred_at
    services.drain()
    archive()
    Wire.sent.clear()
    if how == "event":
        rewind(event_id=ids[1])
    elif how == "aggregate":
        rewind(aggregate_id=source.pk)
    else:
        target = services.Target(since=moment)
        assert services.preview_rewind(subscriber="wire", target=target).events == 2
        services.rewind(subscriber="wire", target=target, actor=ACTOR, reason="again")
    services.drain()
    assert Wire.sent == (ids if how == "aggregate" else ids[1:])


def test_what_happens_to_an_old_aggregate_is_numbered_after_what_is_archived() -> None:
    """Somebody refunds an invoice of last year."""
    source = aggregate()
    ids = record(source, 3)
    services.drain()
    archive()
    more = record(source, 2)
    services.drain()
    assert Wire.sent == [*ids, *more]
    assert archive() == 2
    check_invariants()


def test_an_archived_event_that_fails_again_is_held() -> None:
    """It is back in the log for that."""
    ids = record(aggregate(), 3)
    services.drain()
    archive()
    rewind()
    Wire.poison = {ids[1]}
    services.drain()
    assert [held.event_id for held in HeldEvent.objects.held().order_by("sequence")] == ids[1:]
    Wire.poison = set()
    services.requeue_held(held_id=HeldEvent.objects.get(event=ids[1]).id, actor=ACTOR, reason="again")
    services.drain()
    assert Wire.sent == [*ids, *ids]


def test_a_consumer_that_is_new_hears_of_archived_events() -> None:
    """From the beginning, each once."""
    ids = record(aggregate(), 3)
    services.drain()
    archive()
    Cursor.objects.filter(subscriber="effects").delete()
    Customer.objects.filter(name__startswith="effect:").delete()
    services.drain()
    assert effects() == ids


def test_a_log_whose_events_are_nowhere_is_corrupt() -> None:
    """It is not taken for one that has been archived."""
    ids = record(aggregate(shard=5), 3)
    services.drain()
    archive()
    ArchivedEvent.objects.filter(id=ids[1]).delete()
    rewind()
    progress = services.relay_once()
    assert (progress.delivered, progress.backed_off) == (0, 1)
    assert violated() == {"positions", "event_sequence"}


def test_the_books_are_verified_over_both() -> None:
    """Also what nobody but the archive tells."""
    ids = record(aggregate(), 3)
    services.drain()
    archive()
    check_invariants()
    ArchivedEvent.objects.filter(id=ids[1]).delete()
    assert violated() == {"positions", "event_sequence"}


def test_tailing_goes_on_past_what_has_been_archived() -> None:
    """From before it, it reads what is there, and each once."""
    ids = record(aggregate(shard=5), 4)
    services.drain()
    OutboxEvent.objects.filter(id=ids[1]).update(occurred_at=clock.now() + 2 * YEAR)
    archive()
    left = list(OutboxEvent.objects.order_by("position").values_list("id", flat=True))
    positions = dict.fromkeys(range(64), 0)
    assert [event.id for event in tailing.read_on(positions)] == left
    assert tailing.read_on(positions) == []


def test_the_api_answers_and_lists_both() -> None:
    """Newest first, whatever lies where; filters and cursors hold for both."""
    api = ApiConsumer()
    source = aggregate()
    ids = record(source, 5)
    services.drain()
    OutboxEvent.objects.filter(id=ids[1]).update(occurred_at=clock.now() + 2 * YEAR)
    archive()
    assert 0 < OutboxEvent.objects.count() < 5
    assert api.get(f"events/{ids[0]}").json()["id"] == ids[0]
    listed: list[str] = []
    cursor = ""
    while cursor is not None:
        page = api.get(f"events?aggregate={source.pk}&limit=2" + (f"&cursor={cursor}" if cursor else "")).json()
        listed += [event["id"] for event in page["data"]]
        cursor = page["next_cursor"]
    assert listed == ids[::-1]
    assert api.get("events?aggregate=cus_nobody").json()["data"] == []


def test_an_invoice_shows_its_latest_events_whatever_lies_where() -> None:
    """All archived, or the older of them brought back."""
    invoice = make_invoice()
    _record_of(invoice, 30)
    services.drain()
    archive()
    latest = list(range(31, 11, -1))
    assert [event["sequence"] for event in ApiConsumer().get(f"invoices/{invoice.id}").json()["events"]] == latest
    archiving.restore(shard=services.shard_of(invoice.id), after=0, limit=20)
    assert [event["sequence"] for event in ApiConsumer().get(f"invoices/{invoice.id}").json()["events"]] == latest


@db.transaction(idempotent=False)
def _record_of(invoice: Invoice, count: int) -> None:
    locked = Invoice.objects.select_for_update().get(pk=invoice.pk)
    for number in range(count):
        services.record(source=locked, event=Happened(number=number), actor=ACTOR, reason="because")


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(not on_mariadb(), reason="SQLite has one writer at a time")
def test_archiving_beside_recording_and_relaying_loses_nothing() -> None:
    """Everything as soon as it may, while the publisher is moved back again and again: all arrive, the log is whole."""
    sources = [aggregate() for _ in range(8)]
    ending = threading.Event()
    failures: list[Exception] = []
    threads = [
        threading.Thread(target=_until, args=(ending, failures, step))
        for step in (services.drain, archive, rewind, lambda: record(sources[0], 3), lambda: record(sources[1], 3))
    ]
    for thread in threads:
        thread.start()
    for source in sources * 5:
        record(source, 5)
    ending.set()
    for thread in threads:
        thread.join(60)
    services.drain()
    assert failures == []
    check_invariants()
    assert len(set(effects())) == len(effects()) == OutboxEvent.objects.count() + ArchivedEvent.objects.count()
    rewind()
    Wire.sent.clear()
    services.drain()
    assert len(Wire.sent) == len(effects())
    assert Cursor.objects.exclude(subscriber=SEQUENCER).filter(failures__gt=0).count() == 0


def _until(ending: threading.Event, failures: list[Exception], step: Callable[[], object]) -> None:
    try:
        while not ending.is_set():
            step()
    except Exception as error:
        failures.append(error)
    finally:
        connection.close()
