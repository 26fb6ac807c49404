"""manage.py outbox_cursor: what it shows, and how a publisher is sent again what it has had."""

import datetime
import io
import json
import logging
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from pytest_django.fixtures import Settings

from config.kernel import clock
from outbox import services
from outbox.models import SEQUENCER, SHARDS, Cursor, HeldEvent, OutboxEvent
from outbox.services import leases
from outbox.services.leases import LeaseLost
from outbox.tests.support import ACTOR, Unheard, Wire, aggregate, effects, leased, record

pytestmark = pytest.mark.django_db
WHY = ("--reason", "the shop lost its disk")


def run(*arguments: str) -> tuple[int, str]:
    """Exit code and output."""
    out = io.StringIO()
    try:
        call_command("outbox_cursor", *arguments, stdout=out)
    except SystemExit as ended:
        return int(ended.code or 0), out.getvalue()
    except CommandError as error:
        return error.returncode, str(error)
    return 0, out.getvalue()


def rewound(*arguments: str) -> dict[str, Any]:
    code, out = run("rewind", "wire", *arguments, "--json")
    assert code == 0, out
    found: dict[str, Any] = json.loads(out)
    return found


def sent_again() -> list[str]:
    """What a relay sends now."""
    Wire.sent.clear()
    services.drain()
    return list(Wire.sent)


def test_show_tells_how_far_each_has_come() -> None:
    """Shards, lag, age, held and leases of the sequencer and every subscriber, as a table or as JSON."""
    record(aggregate(shard=3), 4)
    services.drain(only=["effects"])
    leased("wire", shard=3)
    code, out = run("show", "--json")
    shown = {each["subscriber"]: each for each in json.loads(out)}
    assert code == 0
    assert shown.keys() == {SEQUENCER, "effects", "wire"}
    assert (shown["effects"]["lag"], shown["wire"]["lag"]) == (0, 4)
    assert (shown["wire"]["shards"], shown["wire"]["leased"], shown[SEQUENCER]["leased"]) == (SHARDS, 1, 0)
    assert shown["wire"]["oldest_age_seconds"] < 60
    header, *rows = run("show")[1].splitlines()
    assert header.split()[:3] == ["subscriber", "shards", "lag"]
    assert [row.split()[0] for row in rows] == [SEQUENCER, "effects", "wire"]


def test_a_rewind_to_the_beginning_sends_everything_again_in_order() -> None:
    """To that publisher, and to nobody else."""
    first, second = record(aggregate(shard=3), 3), record(aggregate(shard=9), 2)
    services.drain()
    assert rewound("--all", *WHY) == {"dry_run": False, "shards": 2, "events": 5, "held": 0}
    again = sent_again()
    assert [pk for pk in again if pk in first] == first
    assert [pk for pk in again if pk in second] == second
    assert len(effects()) == 5


def test_a_dry_run_counts_what_it_would_send_and_moves_nothing(settings: Settings) -> None:
    """Of the events that the publisher hears; no reason is needed for looking."""
    settings.EVENT_PUBLISHERS = {"wire": {"class": "outbox.tests.support.Wire", "events": ["test.*"]}}
    source = aggregate(shard=3)
    record(source, 3)
    record(source, event=Unheard())
    services.drain()
    assert rewound("--all", "--dry-run") == {"dry_run": True, "shards": 1, "events": 3, "held": 0}
    assert sent_again() == []


def test_a_rewind_to_an_event_starts_with_it_and_leaves_other_shards() -> None:
    """What stands before it in its shard, and everything in others, is not sent again."""
    ids = record(aggregate(shard=3), 5)
    record(aggregate(shard=9), 2)
    services.drain()
    assert rewound("--to-event", ids[2], *WHY)["events"] == 3
    assert sent_again() == ids[2:]


def test_a_rewind_to_an_instant_starts_with_the_first_event_since_then() -> None:
    """In each shard by itself; a shard where nothing has happened since does not move."""
    old, new, quiet = record(aggregate(shard=3), 2), record(aggregate(shard=3), 2), record(aggregate(shard=9))
    services.drain()
    yesterday = clock.now() - datetime.timedelta(days=1)
    OutboxEvent.objects.filter(pk__in=old + quiet).update(occurred_at=yesterday)
    since = (clock.now() - datetime.timedelta(hours=1)).isoformat()
    assert rewound("--since", since, *WHY)["events"] == 2
    assert sent_again() == new


def test_a_rewind_may_be_confined_to_the_shard_of_one_aggregate() -> None:
    """Its own events again, and those of others that share the shard."""
    one = aggregate(shard=3)
    ids = record(one, 2)
    record(aggregate(shard=9), 2)
    services.drain()
    assert rewound("--all", "--aggregate", one.pk, *WHY)["shards"] == 1
    assert sent_again() == ids


def test_a_relay_at_work_loses_its_lease_and_moves_nothing() -> None:
    """It may have sent a batch meanwhile; the cursor stays where it was moved back to."""
    ids = record(aggregate(shard=3), 4)
    services.drain()
    lease = leased("wire", shard=3)
    rewound("--to-event", ids[1], *WHY)
    with pytest.raises(LeaseLost):
        leases.give_back(lease=lease, position=4)
    assert Cursor.objects.get(subscriber="wire", shard=3).position == 1
    assert sent_again() == ids[1:]


def test_a_relay_that_had_looked_before_gets_no_lease() -> None:
    """It would send what comes after the place that it has seen, ahead of what is on its way again."""
    ids = record(aggregate(shard=3), 4)
    services.drain()
    seen = Cursor.objects.get(subscriber="wire", shard=3)
    rewound("--to-event", ids[1], *WHY)
    assert leases.claim(cursor=seen) is None


def test_a_rewind_ends_a_backing_off() -> None:
    """Whoever rewinds wants it now."""
    record(aggregate(shard=3), 2)
    services.drain()
    record(aggregate(shard=3), 1)
    Wire.is_cut = True
    services.drain()
    Wire.is_cut = False
    rewound("--all", *WHY)
    assert len(sent_again()) == 3


def test_events_held_beyond_the_target_are_let_go_and_keep_their_order() -> None:
    """Else the held one would be tried before the earlier ones that are on their way again."""
    source = aggregate(shard=3)
    ids = record(source, 5)
    Wire.poison = {ids[2]}
    services.drain()
    assert list(HeldEvent.objects.order_by("sequence").values_list("event_id", flat=True)) == ids[2:]
    Wire.poison = set()
    assert rewound("--all", *WHY) == {"dry_run": False, "shards": 1, "events": 5, "held": 3}
    assert sent_again() == ids
    assert HeldEvent.objects.held().count() == 0


def test_an_event_held_before_the_target_still_blocks_its_aggregate() -> None:
    """It was not reached: what follows it queues behind it, in order, until it is delivered."""
    source = aggregate(shard=3)
    ids = record(source, 5)
    Wire.poison = {ids[1]}
    services.drain()
    rewound("--to-event", ids[3], *WHY)
    assert sent_again() == []
    Wire.poison = set()
    services.requeue_held(held_id=_held(ids[1]), actor=ACTOR, reason="mended")
    assert sent_again() == ids[1:]


def test_an_event_that_staff_skipped_is_sent_by_a_rewind() -> None:
    """Skipping was for that time; it is held again if it still fails."""
    ids = record(aggregate(shard=3), 2)
    Wire.poison = {ids[0]}
    services.drain()
    services.skip_held(held_id=_held(ids[0]), actor=ACTOR, reason="not needed")
    services.drain()
    Wire.poison = set()
    rewound("--all", *WHY)
    assert sent_again() == ids


def test_nothing_moves_forward() -> None:
    """A target ahead of a cursor is none, and exit 3 says that nothing is sent."""
    ids = record(aggregate(shard=3), 3)
    services.drain(only=["effects"])
    code, out = run("rewind", "wire", "--to-event", ids[2], *WHY)
    assert (code, out[:8]) == (3, "0 events")
    assert Cursor.objects.get(subscriber="wire", shard=3).position == 0


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("nobody", "--all", *WHY), "no subscriber nobody"),
        ((SEQUENCER, "--all", *WHY), "no subscriber sequencer"),
        (("effects", "--all", *WHY), "only publishers"),
        (("wire", "--all"), "--reason"),
        (("wire", "--all", "--reason", " "), "1 to 500 characters"),
        (("wire", *WHY), "one of the arguments"),
        (("wire", "--all", "--since", "2026-11-01", *WHY), "not allowed with"),
        (("wire", "--since", "yesterday", *WHY), "no ISO 8601 instant"),
        (("wire", "--since", "2026-13-01", *WHY), "2026-13-01"),
        (("wire", "--to-event", "evt_nonsense", *WHY), "no event evt_nonsense"),
        (("wire", "--all", "--aggregate", "cus_nobody", *WHY), "cus_nobody"),
        (("wire", "--to-event", "evt_1", "--aggregate", "cus_1", *WHY), "already"),
    ],
)
def test_what_cannot_be_done_is_refused(arguments: tuple[str, ...], complaint: str) -> None:
    """With exit 2 and a sentence, before anything is moved."""
    record(aggregate(shard=3), 2)
    services.drain()
    code, said = run("rewind", *arguments)
    assert code in (1, 2)
    assert complaint in said
    assert sent_again() == []


def test_who_moved_it_and_why_is_in_the_log(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line with fields."""
    monkeypatch.setenv("LOGNAME", "ada")
    caplog.set_level(logging.INFO)
    record(aggregate(shard=3), 2)
    services.drain()
    rewound("--all", *WHY)
    (line,) = [each for each in caplog.records if each.name == "outbox.services.rewinding"]
    fields = vars(line)
    assert fields["actor"] == "system:outbox_cursor:ada"
    assert (fields["subscriber"], fields["reason"], fields["events"]) == ("wire", WHY[1], 2)


def _held(event_id: str) -> str:
    return HeldEvent.objects.get(event_id=event_id).pk


def test_a_subscriber_that_is_gone_is_forgotten(settings: Settings) -> None:
    """It holds nothing back any more, and what was held for it is let go; one in the settings is refused."""
    Wire.poison = set(record(aggregate(), 2))
    services.drain()
    assert run("forget", "wire", *WHY) == (
        2,
        "wire is in the settings, and its relay would begin anew: remove it there first.",
    )
    settings.EVENT_PUBLISHERS = {}
    assert run("forget", "wire", *WHY)[0] == 0
    assert not Cursor.objects.filter(subscriber="wire").exists()
    assert not HeldEvent.objects.exists()
    assert run("forget", "wire", *WHY) == (2, "There is no subscriber wire.")
    assert run("forget", SEQUENCER, *WHY) == (2, "There is no subscriber sequencer.")
