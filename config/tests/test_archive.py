"""`manage.py archive`, and the tasks that do the same every hour."""

import datetime
import functools
import itertools
import json
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.cache import cache
from django.core.management.base import CommandError
from django.db import OperationalError
from pytest_django.fixtures import Settings

from config.kernel import clock
from config.management.commands import archive
from outbox import services as outbox
from outbox import tasks as outbox_tasks
from outbox.models import ArchivedEvent, OutboxEvent
from payments.tests.factories import make_payment
from tests import commands
from webhooks.inbound import tasks as inbound_tasks
from webhooks.inbound.models import ArchivedPayload, ProviderEvent
from webhooks.inbound.tests.sending import event_about, send
from webhooks.outbound import tasks as outbound_tasks
from webhooks.outbound.models import ArchivedDelivery, Delivery
from webhooks.outbound.tests.support import happen, make_endpoint

pytestmark = pytest.mark.django_db
run = functools.partial(commands.run, "archive")
NOTHING = {"deliveries": 0, "payloads": 0, "events": 0}


@pytest.fixture(autouse=True)
def last_year() -> None:
    """One delivery that has ended, one provider event, and events, all of a year ago."""
    long_ago = clock.now() - datetime.timedelta(days=366)
    make_endpoint()
    happen()
    send(event_about(make_payment()))
    outbox.drain()
    Delivery.objects.update(status="delivered", available_at=None, created_at=long_ago, ended_at=long_ago)
    ProviderEvent.objects.update(received_at=long_ago)
    OutboxEvent.objects.update(occurred_at=long_ago)


def run_json(*arguments: str) -> Any:
    code, output = run("--json", *arguments)
    assert code == 0, output
    return json.loads(output)


def test_everything_old_moves_deliveries_before_their_events() -> None:
    """By the days that are given; as configured without."""
    events = OutboxEvent.objects.count()
    everything = {"deliveries": 1, "payloads": 1, "events": events}
    assert run_json("--older-than", "367") == NOTHING
    assert run_json() == {"deliveries": 1, "payloads": 1, "events": 0}
    Delivery.objects.all().delete()
    assert run_json("--older-than", "365") == {"deliveries": 0, "payloads": 0, "events": events}
    moved = [ArchivedDelivery.objects.count(), ArchivedPayload.objects.count(), ArchivedEvent.objects.count()]
    assert moved == list(everything.values())


def test_a_dry_run_moves_nothing() -> None:
    """An event whose delivery would go first is counted too."""
    events = OutboxEvent.objects.count()
    code, output = run("--older-than", "365", "--dry-run")
    assert (code, output) == (
        0,
        f"deliveries: 1 would be moved\npayloads: 1 would be moved\nevents: {events} would be moved\n",
    )
    assert OutboxEvent.objects.count() == events
    assert run_json("payloads", "--older-than", "365", "--dry-run") == {"payloads": 1}


def test_only_what_is_named_moves() -> None:
    """And a name that is none is a usage error."""
    assert run_json("payloads", "--older-than", "365") == {"payloads": 1}
    assert Delivery.objects.count() == 1
    with pytest.raises(CommandError, match="'everything' is none of deliveries, payloads, events"):
        run("everything")
    for days, problem in (("0", "'0' is no positive number"), ("36501", "36,501 days are more than 36,500")):
        with pytest.raises(CommandError, match=problem):
            run("--older-than", days)


def test_it_can_be_told_to_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 3: the rest is for another time."""
    monkeypatch.setattr("config.management.commands.archive.time.monotonic", itertools.count(0, 10).__next__)
    code, _ = run("--older-than", "365", "--max-seconds", "1")
    assert code == 3
    assert ArchivedEvent.objects.count() == 0


def test_a_database_that_is_away_is_exit_code_4(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is half moved."""

    def away(**_: Any) -> int:
        raise OperationalError(2002, "gone")

    monkeypatch.setitem(archive.KINDS, "deliveries", away)
    assert run("--older-than", "365")[0] == 4


def test_the_tasks_do_it_as_configured(settings: Settings) -> None:
    """Each after its days; 0 is never; one at a time; all in the beat's schedule."""
    settings.ARCHIVE_AFTER_DAYS = {"deliveries": 0, "payloads": 365, "events": 367}
    assert outbound_tasks.archive() == outbox_tasks.archive() == 0
    cache.set("archiving:payloads", "somebody")
    assert inbound_tasks.archive() == 0
    cache.delete("archiving:payloads")
    assert inbound_tasks.archive() == 1
    settings.ARCHIVE_AFTER_DAYS = {"deliveries": 365, "payloads": 365, "events": 365}
    events = OutboxEvent.objects.count()
    assert (outbound_tasks.archive(), outbox_tasks.archive()) == (1, events)
    scheduled = {entry["task"] for entry in django_settings.CELERY_BEAT_SCHEDULE.values()}
    assert {"outbox.archive", "webhooks.inbound.archive", "webhooks.outbound.archive"} <= scheduled
