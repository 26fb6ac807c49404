"""`manage.py dead_letters`: held events and provider events that nobody could apply."""

import io
import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pytest_django.fixtures import Settings

from outbox import services as outbox
from outbox.models import HeldEvent
from outbox.tests.support import PUBLISHERS, Wire, aggregate, record
from payments.tests.factories import make_payment
from webhooks.inbound.models import ProviderEvent, Replay
from webhooks.inbound.tests.breaking import raising_at
from webhooks.inbound.tests.sending import event_about, send

pytestmark = pytest.mark.django_db

BOOKING = "payments_receipt"
"""In the statements that book money."""


@pytest.fixture
def held(settings: Settings) -> list[str]:
    """Ids of two held events of one aggregate: the first was refused, the second waits behind it."""
    settings.EVENT_CONSUMERS, settings.EVENT_PUBLISHERS, settings.OUTBOX_HELD_ATTEMPTS = {}, PUBLISHERS, 1
    Wire.reset()
    events = record(aggregate(), 2)
    Wire.poison = set(events[:1])
    outbox.drain()
    return [HeldEvent.objects.get(event=event).id for event in events]


@pytest.fixture
def parked() -> ProviderEvent:
    """Of a payment that nobody knows."""
    send(event_about(make_payment(), "charge.succeeded", reference="pay_01h455vb4pex5vsknk084sn02q"))
    return ProviderEvent.objects.get(status="parked")


def run(*arguments: str) -> tuple[int, str]:
    """The command's exit code and standard output."""
    out = io.StringIO()
    try:
        call_command("dead_letters", *arguments, stdout=out)
    except SystemExit as end:
        return int(end.code or 0), out.getvalue()
    return 0, out.getvalue()


def listed(*arguments: str) -> list[dict[str, Any]]:
    code, output = run("list", "--json", *arguments)
    found: list[dict[str, Any]] = json.loads(output)
    assert code == (0 if found else 3)
    return found


def test_both_kinds_are_listed_with_what_one_decides_by(held: list[str], parked: ProviderEvent) -> None:
    """Whose, since when, how often tried, why; and which of them only wait behind another."""
    first, second, third = listed()
    assert [letter["id"] for letter in (first, second, third)] == [*held, parked.id]
    assert (first["kind"], first["of"], first["status"], first["attempts"]) == ("held", "wire", "given up", 1)
    assert "ValueError" in first["error"]
    assert (second["status"], second["attempts"]) == ("waits behind another", 0)
    assert (third["kind"], third["of"], third["type"]) == ("inbox", "simulated", "charge.succeeded")


def test_filters_leave_the_others_out(held: list[str], parked: ProviderEvent) -> None:
    """By kind, by whose, by type, by time; nothing found is a status of its own."""
    assert [letter["id"] for letter in listed("--kind", "inbox")] == [parked.id]
    assert [letter["id"] for letter in listed("--of", "wire")] == held
    assert [letter["id"] for letter in listed("--type", "charge.*")] == [parked.id]
    assert len(listed("--limit", "2")) == 2
    assert listed("--since", "2199-01-01") == []
    assert run("list", "--of", "nobody") == (3, "nothing matched\n")


def test_showing_one_tells_everything(held: list[str], parked: ProviderEvent) -> None:
    """With its payload; what is not there is said."""
    shown = json.loads(run("show", held[0])[1])
    assert (shown["held"]["id"], shown["held"]["status"]) == (held[0], "held")
    assert shown["event"]["id"].startswith("evt_")
    assert "charge.succeeded" in json.loads(run("show", parked.id)[1])["event"]["payload"]
    for nobody in ("hev_nonsense", "inv_01h455vb4pex5vsknk084sn02q"):
        with pytest.raises(CommandError, match=nobody):
            run("show", nobody)


def test_requeueing_all_sends_what_was_held_and_replays_the_inbox(held: list[str], parked: ProviderEvent) -> None:
    """The first of each line; those behind it follow by themselves. Each knows who and why."""
    Wire.poison = set()
    code, output = run("requeue", "--all", "--reason", "receiver mended", "--json")
    assert (code, [letter["id"] for letter in json.loads(output)]) == (0, [held[0], parked.id])
    outbox.drain()
    assert set(HeldEvent.objects.values_list("status", flat=True)) == {"delivered"}
    row = HeldEvent.objects.get(id=held[0])
    assert (row.actor, row.reason) == ("system:dead_letters", "receiver mended")
    assert Replay.objects.get().reason == "receiver mended"


def test_skipping_lets_the_line_go_on(held: list[str]) -> None:
    """For good: that one is never sent."""
    assert run("skip", held[0], "--reason", "a test customer")[0] == 0
    outbox.drain()
    assert list(HeldEvent.objects.order_by("id").values_list("status", flat=True)) == ["skipped", "delivered"]


def test_a_dry_run_changes_nothing(held: list[str], parked: ProviderEvent) -> None:
    """It needs no reason, and names what it would take."""
    code, output = run("requeue", "--all", "--dry-run")
    assert (code, held[0] in output, held[1] in output, parked.id in output) == (0, True, False, True)
    assert not Replay.objects.exists()
    assert HeldEvent.objects.get(id=held[0]).given_up_at is not None


def test_what_cannot_be_done_is_said_beside_it_and_the_others_are_done(held: list[str], parked: ProviderEvent) -> None:
    """Exit code 1."""
    code, output = run("skip", "--all", "--reason", "enough", "--json")
    refused = {letter["id"]: letter["error"] for letter in json.loads(output)}
    assert code == 1
    assert refused[held[0]] == ""
    assert refused[parked.id].startswith("a provider event cannot be skipped")
    assert HeldEvent.objects.get(id=held[0]).status == "skipped"


def test_a_replay_that_fails_again_is_a_failure() -> None:
    """With what went wrong."""
    with raising_at(BOOKING, ValueError("broken")):
        send(event_about(make_payment(), "charge.succeeded"))
    event = ProviderEvent.objects.get()
    ProviderEvent.objects.filter(id=event.id).update(status="dead", available_at=None)
    with raising_at(BOOKING, ValueError("still broken")):
        code, output = run("requeue", event.id, "--reason", "again")
    assert code == 1
    assert "still broken" in output


@pytest.mark.parametrize(
    "arguments",
    [
        ["requeue", "--reason", "why"],
        ["requeue", "--all"],
        ["requeue", "hev_x", "--all", "--reason", "why"],
        ["skip", "--all", "--reason", "  "],
        ["list", "--kind", "post"],
        ["list", "--limit", "0"],
        ["list", "--since", "soon"],
        [],
    ],
)
def test_wrong_usage_is_refused(arguments: list[str]) -> None:
    """Before anything is touched."""
    with pytest.raises(CommandError):
        run(*arguments)
