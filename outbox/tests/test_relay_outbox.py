import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest
from django.db import connection

from outbox.models import OutboxEvent
from outbox.tests.support import aggregate, assert_log_is_sound, effects, record

pytestmark = pytest.mark.django_db(transaction=True)

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(tmp_path: pathlib.Path) -> Iterator[Start]:
    """Starts `manage.py relay_outbox` on the test's database; ends what is left of it."""
    started: list[subprocess.Popen[str]] = []

    def begin(*arguments: str, **environment: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "relay_outbox", *arguments],
            cwd=pathlib.Path(__file__).parents[2],
            env={
                **os.environ,
                "DJANGO_SETTINGS_MODULE": "outbox.tests.relay_settings",
                "RELAY_DATABASE": str(connection.settings_dict["NAME"]),
                "RELAY_FILE": str(tmp_path / "sent"),
                **environment,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture(autouse=True)
def a_database_of_files() -> None:
    if "memory" in str(connection.settings_dict["NAME"]):
        pytest.skip("an in-memory database has one process")


def test_once_delivers_what_is_there_and_says_so_in_json(start: Start, tmp_path: pathlib.Path) -> None:
    """Exit 0 when nothing is left, with counts and the standing of every subscriber."""
    ids = record(aggregate(), 30)
    process = start("--once", "--json")
    out, _ = process.communicate(timeout=60)
    report = json.loads(out)
    assert process.returncode == 0
    assert (report["did"]["sequenced"], report["did"]["delivered"]) == (30, 60)
    assert {each["lag"] for each in report["left"]} == {0}
    assert _sent(tmp_path) == effects() == ids


def test_once_exits_3_when_work_is_left(start: Start, tmp_path: pathlib.Path) -> None:
    """A subscriber that was not served leaves nothing undone for the one that was."""
    record(aggregate())
    unwritable = start("--once", RELAY_FILE=str(tmp_path))
    assert unwritable.wait(60) == 1
    assert start("--once", "--subscriber", "effects").wait(60) == 0
    blocked = start("--once", RELAY_FILE="/dev/full")
    assert blocked.wait(60) == 3


@pytest.mark.parametrize(
    "arguments", [["--batch-size", "0"], ["--subscriber", "nobody"], ["--json"], ["--batch-size", "many"]]
)
def test_wrong_usage_exits_2(start: Start, arguments: list[str]) -> None:
    """Before anything is done."""
    assert start(*arguments).wait(60) == 2


def test_an_unreachable_database_exits_4(start: Start) -> None:
    """With --once the operator is told; the long-running relay would try again."""
    process = start("--once", RELAY_DATABASE="no_such_database_anywhere/at_all")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 4
    assert "the database cannot be reached" in err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_scar_sigterm_is_honoured(start: Start, tmp_path: pathlib.Path, number: signal.Signals) -> None:
    """In the middle of a backlog it ends with the batch at hand, with exit 0 and nothing half-done."""
    customers = [aggregate() for _ in range(10)]
    for customer in customers:
        record(customer, 40)
    process = start("--batch-size", "10", RELAY_PAUSE="0.01")
    _wait_until(lambda: len(_sent(tmp_path)) > 20)
    process.send_signal(number)
    asked = time.monotonic()
    assert process.wait(10) == 0
    assert time.monotonic() - asked < 5
    assert len(_sent(tmp_path)) < 400
    assert start("--once").wait(60) == 0
    assert sorted(_sent(tmp_path)) == sorted(set(_sent(tmp_path)))
    _assert_all_delivered_in_order(tmp_path)


def test_the_long_running_relay_reports_each_pass_and_hears_of_new_events(start: Start, tmp_path: pathlib.Path) -> None:
    """Events committed while it idles arrive within a second or so; an idle pass logs nothing."""
    process = start()
    record(aggregate(), 2)
    _wait_until(lambda: len(_sent(tmp_path)) == 2)
    record(aggregate(), 3)
    _wait_until(lambda: len(_sent(tmp_path)) == 5)
    time.sleep(1)
    process.terminate()
    _, err = process.communicate(timeout=20)
    passes = [line for line in err.splitlines() if "delivered" in line]
    assert 2 <= len(passes) <= 8


@pytest.mark.parametrize("kills", [4, pytest.param(24, marks=pytest.mark.long)])
def test_a_relay_killed_at_any_point_loses_nothing_and_repeats_no_effect(
    start: Start, tmp_path: pathlib.Path, kills: int
) -> None:
    """SIGKILL at random points: each effect once, each event sent, first sends in order of their aggregate."""
    customers = [aggregate() for _ in range(30)]
    for customer in customers:
        record(customer, 10)
    for _ in range(kills):
        process = start(RELAY_PAUSE="0.01")
        record(random.choice(customers), 5)
        time.sleep(random.uniform(0.8, 1.5))
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    _wait_until(lambda: start("--once").wait(60) == 0, timeout_seconds=60)
    assert OutboxEvent.objects.count() == 300 + 5 * kills
    assert_log_is_sound()
    _assert_all_delivered_in_order(tmp_path)


def _assert_all_delivered_in_order(tmp_path: pathlib.Path) -> None:
    order = {event.pk: (event.aggregate_id, event.sequence) for event in OutboxEvent.objects.all()}
    assert sorted(effects()) == sorted(order)
    for delivered in (effects(), list(dict.fromkeys(_sent(tmp_path)))):
        assert set(delivered) == set(order)
        reached: dict[str, int] = {}
        for pk in delivered:
            aggregate_id, sequence = order[pk]
            assert sequence == reached.get(aggregate_id, 0) + 1
            reached[aggregate_id] = sequence


def _sent(tmp_path: pathlib.Path) -> list[str]:
    path = tmp_path / "sent"
    return path.read_text().split() if path.exists() else []


def _wait_until(condition: Callable[[], bool], timeout_seconds: float = 30) -> None:
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
