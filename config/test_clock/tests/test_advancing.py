"""The test clock: one offset for all processes, moved forward only."""

import datetime
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from config.kernel import clock
from config.test_clock import services
from config.test_clock.models import Offset
from config.tests.servers import database_url
from payments.tasks import sweep

ROOT = Path(__file__).parents[3]
DAY = datetime.timedelta(days=1)
MOMENT = datetime.timedelta(seconds=5)


@pytest.fixture
def test_clock_on(settings: LazySettings) -> None:
    """Where TEST_CLOCK is true."""
    settings.TEST_CLOCK = True


def ahead() -> datetime.timedelta:
    """How far business time is ahead of the wall, to a moment."""
    found = clock.now() - clock.wall()
    return datetime.timedelta(hours=round(found / datetime.timedelta(hours=1)))


@pytest.mark.django_db
@pytest.mark.usefixtures("test_clock_on")
def test_advancing_takes_effect_at_once_and_adds_up() -> None:
    """In this process without waiting for a request; wall time stays."""
    wall = clock.wall()
    moved = services.advance(by=DAY)
    assert moved.new - moved.old == DAY
    services.advance(by=2 * DAY)
    assert ahead() == 3 * DAY
    assert clock.wall() - wall < MOMENT


@pytest.mark.django_db
def test_without_a_test_clock_time_is_real_and_costs_no_query(
    settings: LazySettings, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    """An offset left in the database moves nothing."""
    settings.TEST_CLOCK = True
    services.advance(by=DAY)
    settings.TEST_CLOCK = False
    with django_assert_num_queries(0):
        assert ahead() == datetime.timedelta(0)
    with pytest.raises(services.TestClockOff):
        services.advance(by=DAY)


@pytest.mark.django_db
@pytest.mark.usefixtures("test_clock_on")
@pytest.mark.parametrize("by", [datetime.timedelta(0), -DAY, datetime.timedelta.max, services.MOST + DAY])
def test_the_clock_neither_stands_still_nor_goes_back_nor_ends(by: datetime.timedelta) -> None:
    """Refused, and nothing moves."""
    with pytest.raises(services.CannotAdvance):
        services.advance(by=by)
    assert not Offset.objects.exists()


@pytest.mark.django_db
@pytest.mark.usefixtures("test_clock_on")
def test_the_limit_is_over_all_advances() -> None:
    """Many steps lead no further than one."""
    services.advance(by=services.MOST)
    with pytest.raises(services.CannotAdvance):
        services.advance(by=DAY)
    assert ahead() == services.MOST


@pytest.mark.django_db
@pytest.mark.usefixtures("test_clock_on")
@pytest.mark.parametrize("begin", [lambda: Client().get("/nowhere"), lambda: sweep.apply()])
def test_each_request_and_each_task_reads_the_offset_once(
    begin: Callable[[], object], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    """What another process has advanced is seen by the next one, and costs it one query."""
    assert ahead() == datetime.timedelta(0)
    Offset.objects.create(ahead_by=DAY)
    assert ahead() == datetime.timedelta(0)
    begin()
    assert ahead() == DAY
    with django_assert_num_queries(0):
        assert ahead() == DAY


@pytest.mark.django_db
@pytest.mark.usefixtures("test_clock_on")
def test_a_process_without_requests_or_tasks_reads_it_again_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A relay runs for days."""
    monkeypatch.setattr(services, "HELD_SECONDS", 0.0)
    assert ahead() == datetime.timedelta(0)
    Offset.objects.create(ahead_by=DAY)
    assert ahead() == DAY


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("test_clock_on")
def test_advances_at_the_same_moment_are_all_counted() -> None:
    """The first ones make the row together."""

    def advance() -> None:
        services.advance(by=DAY)
        connection.close()

    threads = [threading.Thread(target=advance) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Offset.objects.get().ahead_by == 8 * DAY


@pytest.mark.django_db
@pytest.mark.usefixtures("test_clock_on")
def test_the_command_tells_both_times(capsys: pytest.CaptureFixture[str]) -> None:
    """As text, and for programs."""
    call_command("advance_clock", days=3, hours=2)
    old, new = (datetime.datetime.fromisoformat(each) for each in capsys.readouterr().out.strip().split(" → "))
    assert new - old == datetime.timedelta(days=3, hours=2)
    call_command("advance_clock", minutes=1, json=True)
    shown = json.loads(capsys.readouterr().out)
    assert datetime.datetime.fromisoformat(shown["old"]) - new < MOMENT


@pytest.mark.django_db
@pytest.mark.usefixtures("test_clock_on")
@pytest.mark.parametrize("options", [{}, {"days": -1}, {"days": 10**12}, {"days": 40_000}])
def test_the_command_refuses_in_a_sentence(options: dict[str, int]) -> None:
    """No traceback for nothing, for the past, or for the end of time."""
    with pytest.raises(CommandError, match=r"only goes forward|more than"):
        call_command("advance_clock", **options)


TELL = """
import django
django.setup()
from config.kernel import clock
print(round((clock.now() - clock.wall()).total_seconds() / 86400))
"""


def assert_that_processes_share_the_time_of(url: str) -> None:
    run("manage.py", "advance_clock", "--days", "3", url=url)
    run("manage.py", "advance_clock", "--days", "4", "--hours", "1", url=url)
    assert run("-c", TELL, url=url) == "7"
    assert run("-c", TELL, url=url, test_clock="false") == "0"


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif("connection.vendor != 'mysql'", reason="an in-memory database is one process's")
def test_two_processes_on_one_database_share_the_time() -> None:
    """What commands advance, another process has."""
    assert_that_processes_share_the_time_of(database_url())
    Offset.objects.all().delete()


@pytest.mark.long
def test_two_processes_on_one_sqlite_share_the_time(tmp_path: Path) -> None:
    """As in the embedded run, whose data another process may advance."""
    url = f"sqlite:///{tmp_path / 'clock.sqlite3'}"
    run("manage.py", "migrate", "--verbosity", "0", url=url)
    assert_that_processes_share_the_time_of(url)


def test_the_command_refuses_where_there_is_no_test_clock(tmp_path: Path) -> None:
    """With a sentence, before it has looked for a table."""
    url = f"sqlite:///{tmp_path / 'empty.sqlite3'}"
    ended = start("manage.py", "advance_clock", "--days", "3", url=url, test_clock="")
    assert ended.returncode == 1
    assert ended.stderr.startswith("CommandError: Business time can only be moved where TEST_CLOCK is true")


def run(*arguments: str, url: str, test_clock: str = "true") -> str:
    ended = start(*arguments, url=url, test_clock=test_clock)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.strip()


def start(*arguments: str, url: str, test_clock: str) -> "subprocess.CompletedProcess[str]":
    settings = {"DJANGO_SETTINGS_MODULE": "config.settings.test", "DATABASE_URL": url, "TEST_CLOCK": test_clock}
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env=os.environ | settings, capture_output=True, text=True, timeout=60
    )
