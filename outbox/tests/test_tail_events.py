"""`manage.py tail_events`: what happens, as it happens."""

import datetime
import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection

from config.kernel import clock
from config.tests.servers import database_url
from outbox import services
from outbox.models import OutboxEvent
from outbox.services import tailing
from outbox.tests.support import Happened, aggregate, record
from tests.architecture.source import ROOT
from tests.faults import CONNECTION_LOST


def tail(*arguments: str) -> str:
    """What it printed of the last hour."""
    out = io.StringIO()
    since = (clock.now() - datetime.timedelta(hours=1)).isoformat()
    call_command("tail_events", "--once", "--since", since, *arguments, stdout=out)
    return out.getvalue()


@pytest.mark.django_db
def test_every_numbered_event_is_printed_once_in_the_order_of_its_aggregate() -> None:
    """Of more than one read; what has no number yet is not there yet."""
    customers = [aggregate() for _ in range(3)]
    for _ in range(2):
        for customer in customers:
            record(customer, 300)
    services.drain()
    unnumbered = record(customers[0])
    events = [json.loads(line) for line in tail("--json").splitlines()]
    assert len(events) == 1800 == len({event["id"] for event in events})
    assert unnumbered[0] not in {event["id"] for event in events}
    for customer in customers:
        sequences = [int(event["sequence"]) for event in events if event["subject"] == customer.id]
        assert sequences == list(range(1, 601))


@pytest.mark.django_db
def test_filters_leave_the_others_out() -> None:
    """By type with wildcards, by what they are about."""
    ours, theirs = aggregate(), aggregate()
    record(ours, 2)
    record(theirs)
    services.drain()
    assert len(tail("--aggregate", ours.id).splitlines()) == 2
    assert len(tail("--type", f"{Happened.type[:4]}*").splitlines()) == 3
    assert tail("--type", "invoice.*") == ""
    [line] = tail("--aggregate", theirs.id).splitlines()
    event = OutboxEvent.objects.get(aggregate_id=theirs.id)
    for part in (event.type, theirs.id, "#1", event.actor, event.id):
        assert part in line


@pytest.mark.django_db
def test_a_database_that_goes_away_between_two_shards_costs_no_event() -> None:
    """What had been read by then is read again: it was never handed out."""
    positions = tailing.heads()
    recorded = [*record(aggregate(shard=3)), *record(aggregate(shard=7))]
    services.drain()
    reads: list[str] = []

    def gone_at_the_second(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        reads.extend([sql] if "WHERE shard = " in sql else [])
        if len(reads) == 2:
            raise OperationalError(*CONNECTION_LOST)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(gone_at_the_second), pytest.raises(OperationalError):
        tailing.read_on(positions)
    assert sorted(event.id for event in tailing.read_on(positions)) == sorted(recorded)


@pytest.mark.django_db
def test_without_an_instant_it_begins_now() -> None:
    """What has been is not printed."""
    customer = aggregate()
    record(customer, 2)
    services.drain()
    positions = tailing.heads()
    assert tailing.read_on(positions) == []
    [latest] = record(customer)
    services.drain()
    assert [event.id for event in tailing.read_on(positions)] == [latest]
    assert tailing.read_on(positions) == []


@pytest.mark.django_db
@pytest.mark.parametrize("arguments", [["--since", "soon"], ["--kind", "x"], ["--type"]])
def test_wrong_usage_is_refused(arguments: list[str]) -> None:
    """In a sentence."""
    with pytest.raises(CommandError):
        call_command("tail_events", "--once", *arguments)


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "mysql", reason="processes share a server")
def test_it_prints_live_and_ends_on_term(tmp_path: Path) -> None:
    """As a process, with status 0."""
    customer, out = aggregate(), tmp_path / "out"
    environment = os.environ | {"DATABASE_URL": database_url()}
    with out.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "tail_events", "--json"], cwd=ROOT, stdout=file, env=environment
        )
        printed = _record_until_printed(customer, out)
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    assert printed["subject"] == customer.id


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "mysql", reason="processes share a server")
def test_a_reader_that_has_seen_enough_ends_it_quietly() -> None:
    """As `tail_events … | head -1` does: no traceback."""
    record(aggregate(), 400)
    services.drain()
    since = (clock.now() - datetime.timedelta(hours=1)).isoformat()
    command = f"{sys.executable} manage.py tail_events --once --json --since {since} | head -1"
    environment = os.environ | {"DATABASE_URL": database_url()}
    ended = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60
    )
    assert (ended.returncode, ended.stdout.count("\n"), ended.stderr) == (0, 1, "")


def _record_until_printed(customer: Any, out: Path) -> dict[str, Any]:
    deadline = time.monotonic() + 30
    while not (lines := out.read_text().splitlines()):
        assert time.monotonic() < deadline
        record(customer)
        services.drain()
        time.sleep(0.2)
    found: dict[str, Any] = json.loads(lines[0])
    return found
