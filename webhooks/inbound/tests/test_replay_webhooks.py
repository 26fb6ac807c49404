"""`manage.py replay_webhooks`."""

import functools
import getpass
import io
import json
import os
import subprocess
import sys
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError

from config.kernel import ids
from invoices.models import Invoice
from payments.tests.factories import make_payment
from tests import commands
from tests.faults import DEADLOCK
from webhooks.inbound.models import ProviderEvent, Replay
from webhooks.inbound.tests.breaking import raising_at
from webhooks.inbound.tests.sending import event, event_about, send

pytestmark = pytest.mark.django_db

run = functools.partial(commands.run, "replay_webhooks")


def run_json(*arguments: str) -> tuple[int, Any]:
    code, output = run("--json", *arguments)
    return code, json.loads(output)


def failed() -> ProviderEvent:
    """An event that a bug has kept from being applied."""
    with raising_at("payments_receipt", RuntimeError("a bug")):
        send(event_about(make_payment()))
    return ProviderEvent.objects.get(status="received")


def parked() -> None:
    stranger = ids.encode("pay", ids.new_uuid())
    send(event("charge.succeeded", reference=stranger, charge="ch_9", amount=1, currency="EUR"))


def test_it_finishes_what_has_not_ended_and_leaves_the_rest() -> None:
    """Exit code 0: all have ended."""
    send(event())
    row = failed()
    code, report = run_json()
    assert (code, report["matched"], report["counts"]) == (0, 1, {"processed": 1})
    assert report["events"][0]["id"] == row.id
    assert (report["events"][0]["before"], report["events"][0]["status"]) == ("received", "processed")
    assert Invoice.objects.get().status == "paid"
    log = Replay.objects.get()
    assert (log.actor, log.reason) == (f"system:replay_webhooks:{getpass.getuser()}", "replayed from the command line")


def test_exit_code_1_says_that_some_did_not_end() -> None:
    """Here one is parked still and one is garbage for ever."""
    parked()
    send(b"garbage")
    code, report = run_json()
    assert (code, report["counts"]) == (1, {"parked": 1, "dead": 1})


def test_exit_code_1_also_for_an_ended_event_whose_replay_failed() -> None:
    """It stays processed, and the operator is told."""
    send(event_about(make_payment()))
    with raising_at("invoices_invoice", RuntimeError("a bug")):
        code, report = run_json("--status", "processed")
    assert code == 1
    assert report["events"][0]["status"] == "processed"
    assert report["events"][0]["error"].startswith("RuntimeError: a bug")


@pytest.mark.django_db(transaction=True)
def test_a_busy_database_fails_one_event_and_not_the_run() -> None:
    """The others are still replayed."""
    send(event())
    row = failed()
    with raising_at("invoices_invoice", OperationalError(*DEADLOCK)):
        code, report = run_json("--status", "all")
    assert code == 1
    assert report["counts"] == {"ignored": 1, "unavailable": 1}
    assert ProviderEvent.objects.get(id=row.id).status == "received"


def test_exit_code_3_says_that_nothing_matched() -> None:
    """Distinct from success."""
    send(event())
    assert run()[0] == 3
    assert run_json("--status", "dead")[1] == {"matched": 0, "dry_run": False, "counts": {}, "events": []}


def test_a_dry_run_changes_nothing() -> None:
    """It only lists."""
    failed()
    code, report = run_json("--dry-run")
    assert (code, report["matched"], report["dry_run"], report["counts"]) == (0, 1, True, {"received": 1})
    assert Replay.objects.count() == 0
    assert ProviderEvent.objects.get().attempts == 1


def test_the_filters_narrow_what_is_replayed() -> None:
    """Status, provider, age, either id, number."""
    send(event(id="evt_early"))
    ProviderEvent.objects.update(received_at="2020-01-01T00:00:00Z")
    send(event(id="evt_late"))
    late = ProviderEvent.objects.get(event_id="evt_late")

    def matched(*arguments: str) -> list[str]:
        return [found["event_id"] for found in run_json("--dry-run", *arguments)[1]["events"]]

    assert matched("--status", "all") == ["evt_early", "evt_late"]
    assert matched("--status", "ignored", "--status", "dead") == ["evt_early", "evt_late"]
    assert matched("--status", "all", "--provider", "simulated") == ["evt_early", "evt_late"]
    assert matched("--status", "all", "--provider", "stripe") == []
    assert matched("--status", "all", "--since", "2026-01-01") == ["evt_late"]
    assert matched("--status", "all", "--since", "2019-12-31T23:59:59+00:00") == ["evt_early", "evt_late"]
    assert matched("--status", "all", "--limit", "1") == ["evt_early"]
    assert matched("--id", late.id) == ["evt_late"]
    assert matched("--id", "evt_early", "--id", late.id) == ["evt_early", "evt_late"]
    assert matched("--id", "EVT_LATE") == []
    assert matched("--id", late.id, "--status", "dead") == []


def test_people_read_one_line_per_event_and_a_sum() -> None:
    """Without --json."""
    row = failed()
    code, output = run("--reason", "INC-7")
    assert code == 0
    assert f"{row.id}  {row.event_id}  charge.succeeded  received → processed\n" in output
    assert output.endswith("1 matched, replayed 1: 1 processed\n")
    assert Replay.objects.get().reason == "INC-7"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_sees_progress_and_a_log_does_not() -> None:
    """On standard error, so that the report can still be piped."""
    send(event())
    send(event())
    terminal, log = Terminal(), io.StringIO()
    call_command("replay_webhooks", "--status", "all", stdout=io.StringIO(), stderr=terminal, no_color=True)
    call_command("replay_webhooks", "--status", "all", stdout=io.StringIO(), stderr=log)
    assert terminal.getvalue() == "\r1/2\r2/2\n"
    assert log.getvalue() == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ["--status", "finished"],
        ["--since", "yesterday"],
        ["--since", "2026-02-30"],
        ["--limit", "0"],
        ["--limit", "many"],
        ["--reason", " "],
    ],
)
def test_wrong_usage_is_refused(arguments: list[str]) -> None:
    """Before anything is replayed."""
    with pytest.raises(CommandError):
        run(*arguments)


def manage(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "ignore", "manage.py", "replay_webhooks", *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True, env=dict(os.environ))


def test_wrong_usage_is_exit_code_2() -> None:
    """As a process, where argparse itself exits."""
    assert manage("--limit", "0").returncode == 2


def test_the_help_documents_the_exit_codes() -> None:
    """An operator's script needs them."""
    text = manage("--help").stdout
    for code in ("0 ", "1 ", "2 ", "3 ", "130 "):
        assert f"\n  {code}" in text
