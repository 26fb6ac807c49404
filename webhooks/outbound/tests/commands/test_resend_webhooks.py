"""`manage.py resend_webhooks`: named deliveries sent again, or all that match."""

import functools
import json
from typing import Any

import pytest
from django.core.management import CommandError
from django.db import OperationalError, connection

from config.kernel import clock, ids
from tests import commands
from tests.faults import CONNECTION_LOST
from webhooks.outbound import services
from webhooks.outbound.models import Delivery, Endpoint
from webhooks.outbound.services.messages import PING
from webhooks.outbound.tests.receivers import Receiver
from webhooks.outbound.tests.support import ACTOR, deliver, happen, make_endpoint

pytestmark = pytest.mark.django_db(transaction=True)

run = functools.partial(commands.run, "resend_webhooks")


def resend(*arguments: str) -> tuple[int, dict[str, Any]]:
    code, out = run("--json", "--reason", "their database was lost", *arguments)
    return code, json.loads(out)


def deliveries(endpoint: Endpoint, count: int, *, status: str = "dead") -> list[Delivery]:
    """So many to `endpoint`, that have ended so, oldest first."""
    known = set(endpoint.deliveries.values_list("id", flat=True))
    happen(count)
    made = endpoint.deliveries.exclude(id__in=known).order_by("id")
    ended_at = clock.now()
    made.update(status=status, available_at=None, ended_at=ended_at, attempts=8, error="answered with 500")
    return list(made)


def pending() -> set[str]:
    return set(Delivery.objects.filter(status="pending").values_list("id", flat=True))


def test_the_dead_are_sent_again_under_their_old_ids(receiver: Receiver) -> None:
    """With all their tries before them, and who wanted it and why on each."""
    endpoint = make_endpoint(receiver.url)
    delivered = deliveries(endpoint, 1, status="delivered")
    dead = deliveries(endpoint, 2)
    code, report = resend()
    assert (code, report["matched"], report["resent"], report["waiting"]) == (0, 2, 2, 0)
    assert pending() == {each.id for each in dead}
    one = Delivery.objects.get(id=dead[0].id)
    assert (one.attempts, one.reason, one.ended_at) == (0, "their database was lost", None)
    assert one.actor.startswith("system:resend_webhooks:")
    assert deliver() == 2
    assert receiver.ids == [each.event_id for each in dead]
    assert delivered[0].event_id not in receiver.ids


def test_filters_leave_the_others_out() -> None:
    """By endpoint, type, status and time."""
    first, second = make_endpoint(), make_endpoint()
    deliveries(first, 1)
    [other] = Delivery.objects.filter(endpoint=second)
    Delivery.objects.filter(id=other.id).update(status="delivered", available_at=None)
    [late] = deliveries(first, 1)
    then = late.created_at.isoformat()
    everything = ("--dry-run", "--status", "all")
    for arguments, count in [
        (("--endpoint", first.id), 2),
        (("--endpoint", "whe_nobody"), 0),
        (("--since", then), 2),
        (("--before", then), 2),
        (("--before", then, "--since", then), 0),
        (("--type", "customer.cr*"), 4),
        (("--type", PING), 0),
        (("--type", PING, "--type", "customer.created"), 4),
    ]:
        assert resend(*everything, *arguments)[1]["resent"] == count, arguments
    assert resend("--dry-run", "--status", "delivered")[1]["resent"] == 1
    assert resend("--dry-run", "--status", "delivered", "--status", "dead")[1]["resent"] == 3
    assert pending() == set(second.deliveries.filter(status="pending").values_list("id", flat=True))
    assert resend("--endpoint", first.id, "--since", then)[1]["resent"] == 1
    assert late.id in pending()


def test_a_delivery_or_an_event_can_be_named() -> None:
    """Whatever their status; an event is sent to everybody it went to, and what is nobody's is said with status 1."""
    first, second = make_endpoint(), make_endpoint()
    [delivery] = deliveries(first, 1, status="delivered")
    Delivery.objects.filter(endpoint=second).update(status="delivered", available_at=None)
    assert resend("--dry-run", delivery.id)[1]["resent"] == 1
    code, report = resend("--dry-run", str(delivery.event_id), delivery.id)
    assert (code, report["resent"], report["unknown"]) == (0, 2, [])
    strangers = [ids.new("whd"), ids.new("evt"), "nonsense"]
    code, report = resend(delivery.id, *strangers)
    assert (code, report["resent"], report["unknown"]) == (1, 1, strangers)
    assert pending() == {delivery.id}


def test_a_dry_run_changes_nothing_and_the_limit_takes_the_oldest_first() -> None:
    """It says how many there are besides."""
    dead = deliveries(make_endpoint(), 3)
    assert run("--dry-run", "--limit", "2") == (0, "2 of 3 would be sent again\n")
    assert pending() == set()
    assert run("--reason", "why not", "--limit", "2") == (0, "2 of 3 will be sent again\n")
    assert pending() == {each.id for each in dead[:2]}


def test_what_has_to_wait_or_stays_is_said() -> None:
    """A paused endpoint gets it when it is resumed, a deleted one never."""
    paused, deleted = make_endpoint(), make_endpoint()
    [named] = deliveries(deleted, 1)
    Delivery.objects.filter(endpoint=paused).update(status="dead", available_at=None)
    services.pause(actor=ACTOR, endpoint_id=paused.id)
    services.delete(actor=ACTOR, endpoint_id=deleted.id)
    assert run("--reason", "why not") == (
        0,
        "1 not sent, as their endpoint has been deleted\n"
        "1 of 2 will be sent again, 1 of them once their endpoint is enabled\n",
    )
    assert resend(named.id)[0] == 1


def test_nothing_that_matches_is_status_3() -> None:
    """And said."""
    assert run("--reason", "why not") == (3, "nothing matched\n")


@pytest.mark.parametrize(
    "arguments", [[], ["--reason", " "], ["--dry-run", "--type", "invoice.payd"], ["--dry-run", "--status", "lost"]]
)
def test_wrong_usage_is_refused(arguments: list[str]) -> None:
    """A reason is needed for whatever changes something."""
    with pytest.raises(CommandError):
        run(*arguments)


def test_a_database_that_is_away_is_status_4() -> None:
    """As of outbox_cursor."""

    def gone(*_: object) -> None:
        raise OperationalError(*CONNECTION_LOST)

    with connection.execute_wrapper(gone):
        assert run("--reason", "why not") == (4, "")
