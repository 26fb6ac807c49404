"""`manage.py dead_letters`: held events, provider events that nobody could apply, deliveries that did not arrive."""

import getpass
import io
import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django.fixtures import Settings

from config.api.principals import system
from config.kernel import clock, ids
from config.management import actors
from config.management.letters import KINDS
from outbox import services as outbox
from outbox.models import HeldEvent
from outbox.tests.support import PUBLISHERS, Wire, aggregate, record
from payments.tests.factories import make_payment
from webhooks.inbound.models import ProviderEvent, Replay
from webhooks.inbound.tests.breaking import raising_at
from webhooks.inbound.tests.sending import event_about, send
from webhooks.outbound import services as webhooks
from webhooks.outbound.models import Attempt, Delivery

pytestmark = pytest.mark.django_db

BOOKING = "payments_receipt"
"""In the statements that book money."""
ACTOR = system("tests")
NOBODY = "hev_01h455vb4pex5vsknk084sn02q"


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


@pytest.fixture
def undelivered() -> Delivery:
    """A ping that no try of brought to its endpoint."""
    url, everything = "http://127.0.0.1:9/hook", ["*"]
    endpoint = webhooks.create_endpoint(actor=ACTOR, url=url, listens_to=everything, description="", key=None).row
    ping = webhooks.ping(actor=ACTOR, endpoint_id=endpoint.id)
    now = clock.now()
    failed = {"status_code": 500, "error": "answered with 500"}
    Attempt.objects.create(delivery=ping, url=url, answer="out of order", duration_ms=7, started_at=now, **failed)
    Delivery.objects.filter(id=ping.id).update(status="dead", attempts=8, available_at=None, ended_at=now, **failed)
    return Delivery.objects.get()


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


def answers(*arguments: str) -> tuple[int, dict[str, str]]:
    """The exit code, and by id, as they were answered, why each was refused, empty where it was not."""
    code, output = run(*arguments, "--json")
    return code, {letter["id"]: letter["error"] for letter in json.loads(output)}


def missing(id: str) -> str:
    return f"There is no held event, no provider event and no delivery {id}."


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


def test_requeueing_all_sends_what_was_held_and_replays_the_inbox(
    held: list[str], parked: ProviderEvent, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first of each line; those behind it follow by themselves. Each knows who and why."""
    monkeypatch.setenv("LOGNAME", "ada")
    Wire.poison = set()
    code, output = run("requeue", "--all", "--reason", "receiver mended", "--json")
    assert (code, [letter["id"] for letter in json.loads(output)]) == (0, [held[0], parked.id])
    outbox.drain()
    assert set(HeldEvent.objects.values_list("status", flat=True)) == {"delivered"}
    row = HeldEvent.objects.get(id=held[0])
    replay = Replay.objects.get()
    assert (row.actor, row.reason) == ("system:dead_letters:ada", "receiver mended")
    assert (replay.actor, replay.reason) == (row.actor, row.reason)


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


def test_a_dry_run_tells_what_would_be_refused(held: list[str], parked: ProviderEvent) -> None:
    """With the exit code that the command itself would have; what it would try has no error."""
    code, refused = answers("requeue", held[0], held[1], NOBODY, parked.id, "--dry-run")
    assert (code, refused[held[0]], refused[parked.id]) == (1, "", "")
    assert "behind another" in refused[held[1]]
    assert NOBODY in refused[NOBODY]
    assert answers("skip", *held, "--dry-run") == (0, dict.fromkeys(held, ""))


def test_every_named_id_gets_a_line_of_its_own(held: list[str]) -> None:
    """In the order they were named, once each; what there is not is refused, and the others are done."""
    strangers = [NOBODY, *(f"{prefix}_01h455vb4pex5vsknk084sn02q" for prefix in ("pev", "whd", "inv")), "hev_x", "-"]
    code, refused = answers("requeue", *strangers, held[0], held[0], "--reason", "receiver mended")
    assert (code, list(refused)) == (1, [*strangers, held[0]])
    assert refused.pop(held[0]) == ""
    assert all(error == missing(id) for id, error in refused.items())
    assert HeldEvent.objects.get(id=held[0]).available_at is not None
    assert run("skip", NOBODY, "--dry-run") == (1, f"{NOBODY}  {missing(NOBODY)}\n1 in all\n")


def test_requeueing_one_that_waits_behind_another_is_refused(held: list[str]) -> None:
    """It says which one must be dealt with first, whether it is named alone or after that one."""
    first, second = held
    sentence = outbox.NotFirstInLine(id=second, first=first).detail
    assert answers("requeue", second, "--reason", "impatient") == (1, {second: sentence})
    assert answers("requeue", first, second, "--reason", "both") == (1, {first: "", second: sentence})
    assert second in run("requeue", second, "--reason", "impatient")[1]


def test_one_that_waits_behind_another_can_be_skipped(held: list[str]) -> None:
    """The one before it still blocks the line."""
    assert answers("skip", held[1], "--reason", "obsolete") == (0, {held[1]: ""})
    assert list(HeldEvent.objects.order_by("id").values_list("status", flat=True)) == ["held", "skipped"]


def test_what_is_no_dead_letter_any_more_is_refused(held: list[str], parked: ProviderEvent) -> None:
    """Whichever kind it is of; nothing is done with it."""
    run("skip", held[0], "--reason", "enough")
    ProviderEvent.objects.filter(id=parked.id).update(status="ignored", available_at=None)
    code, refused = answers("requeue", held[0], parked.id, "--reason", "once more")
    assert code == 1
    assert refused[held[0]] == "It is no dead letter: its status is skipped."
    assert refused[parked.id] == "It is no dead letter: its status is ignored."
    assert not Replay.objects.exists()


def test_what_cannot_be_done_is_said_beside_it_and_the_others_are_done(held: list[str], parked: ProviderEvent) -> None:
    """Exit code 1."""
    code, refused = answers("skip", parked.id, held[0], "--reason", "enough")
    assert (code, refused[held[0]]) == (1, "")
    assert refused[parked.id].startswith("A provider event cannot be skipped")
    assert HeldEvent.objects.get(id=held[0]).status == "skipped"


def test_skipping_all_leaves_provider_events_alone(held: list[str], parked: ProviderEvent) -> None:
    """They cannot be skipped, so that they are not among all."""
    assert answers("skip", "--all", "--reason", "enough") == (0, {held[0]: ""})
    assert ProviderEvent.objects.get(id=parked.id).status == "parked"
    with pytest.raises(CommandError, match="cannot be skipped"):
        run("skip", "--all", "--kind", "inbox", "--reason", "enough")


def test_a_limit_counts_only_what_is_acted_on(held: list[str], parked: ProviderEvent) -> None:
    """One that waits behind another does not use it up."""
    assert answers("requeue", "--all", "--limit", "2", "--dry-run") == (0, {held[0]: "", parked.id: ""})


@pytest.mark.parametrize("command", ["requeue", "skip"])
def test_nothing_matched_is_an_empty_list_in_json(command: str) -> None:
    """Else a sentence; with a status of its own."""
    assert run(command, "--all", "--reason", "why", "--json") == (3, "[]\n")
    assert run(command, "--all", "--reason", "why") == (3, "nothing matched\n")


def test_a_dead_delivery_is_listed_and_requeued(undelivered: Delivery, held: list[str]) -> None:
    """To whom, since when, how often tried, why; then it is due, and knows who and why."""
    endpoint = undelivered.endpoint
    (letter,) = listed("--of", endpoint.id)
    assert letter == listed("--kind", "delivery")[0]
    assert {name: letter[name] for name in ("id", "of", "status", "attempts", "error", "type")} == {
        "id": undelivered.id,
        "of": endpoint.id,
        "status": "dead",
        "attempts": 8,
        "error": "answered with 500",
        "type": "webhook_endpoint.ping",
    }
    assert listed("--of", "whe_nonsense") == listed("--kind", "delivery", "--since", "2199-01-01") == []
    assert undelivered.id in answers("requeue", "--all", "--dry-run")[1]
    assert answers("requeue", undelivered.id, "--reason", "receiver mended") == (0, {undelivered.id: ""})
    row = Delivery.objects.get()
    assert (row.status, row.attempts, row.reason) == ("pending", 0, "receiver mended")
    assert row.actor.startswith("system:dead_letters:")
    assert answers("requeue", row.id, "--reason", "once more")[1][row.id] == (
        "It is no dead letter: its status is pending."
    )


def test_showing_a_delivery_tells_what_was_sent_and_each_try(undelivered: Delivery) -> None:
    """And not what it was signed with."""
    output = run("show", undelivered.id)[1]
    shown = json.loads(output)
    assert (shown["delivery"]["id"], shown["url"]) == (undelivered.id, undelivered.endpoint.url)
    assert shown["body"]["type"] == "webhook_endpoint.ping"
    assert [each["answer"] for each in shown["tries"]] == ["out of order"]
    assert "whsec_" not in output


def test_a_delivery_cannot_be_skipped(undelivered: Delivery, held: list[str]) -> None:
    """It says why, and is not among all; nothing is done with it."""
    code, refused = answers("skip", undelivered.id, "--reason", "enough")
    assert (code, refused) == (1, {undelivered.id: KINDS["delivery"].refused["skip"]})
    assert answers("skip", "--all", "--reason", "enough") == (0, {held[0]: ""})
    with pytest.raises(CommandError, match="cannot be skipped"):
        run("skip", "--all", "--kind", "delivery", "--reason", "enough")
    assert Delivery.objects.get().status == "dead"


def test_a_delivery_to_a_deleted_endpoint_is_no_more_to_be_done(undelivered: Delivery) -> None:
    """Not listed, not among all, and refused when it is named."""
    webhooks.delete(actor=ACTOR, endpoint_id=undelivered.endpoint_id)
    assert listed() == []
    code, refused = answers("requeue", undelivered.id, "--reason", "once more")
    assert code == 1
    assert "deleted status" in refused[undelivered.id]
    assert Delivery.objects.get().status == "dead"


def test_only_the_named_ones_are_read(held: list[str], parked: ProviderEvent, undelivered: Delivery) -> None:
    """One statement for each kind that is named, however many there are."""
    for named in ([held[1]], [parked.id], [undelivered.id], [*held, parked.id, undelivered.id, NOBODY]):
        with CaptureQueriesContext(connection) as asked:
            run("requeue", *named, "--dry-run")
        kinds = {id.partition("_")[0] for id in named}
        assert len(asked) == len(kinds)
        for id in named:
            assert any(ids.decode(id[:3], id).hex in query["sql"] for query in asked)


def test_an_account_without_a_name_is_somebody(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container's user may have none; a long one is cut to what an actor may be."""

    def nameless() -> str:
        raise KeyError("getpwuid(): uid not found: 1001")

    monkeypatch.setenv("LOGNAME", "a" * 300)
    assert len(actors.operator("outbox_cursor").actor) <= 200
    monkeypatch.setattr(getpass, "getuser", nameless)
    assert actors.operator("dead_letters").actor == "system:dead_letters:somebody"


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
        ["requeue", "hev_x", "--reason", "why", "--kind", "held"],
        ["skip", "hev_x", "--reason", "why", "--limit", "1"],
        ["skip", "hev_x", "--dry-run", "--type", "*"],
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
