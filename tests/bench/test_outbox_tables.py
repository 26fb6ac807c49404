"""What the relay is measured over is an outbox as the product leaves it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection

from bench import servers
from bench.hot_paths import Shop
from bench.outbox_tables import OutboxTables
from config.tests.servers import database_url
from outbox.models import OutboxEvent

ROOT = Path(__file__).resolve().parents[2]

pytestmark = [
    pytest.mark.long,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "mysql", reason="the benchmark runs on MariaDB"),
]


@pytest.fixture
def tables(transactional_db: None) -> Iterator[OutboxTables]:
    [settle] = Shop().webhooks(1)
    settle()
    paid = OutboxEvent.objects.get(type="invoice.paid").aggregate_id
    name = settings.DATABASES["default"]["NAME"]
    yield OutboxTables(database_url(name), name=f"{name}_outbox", like=paid)
    with connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE {name}_outbox")


def relay(tables: OutboxTables) -> dict[str, Any]:
    """One process until nothing is left: what it did and what is left."""
    command = [sys.executable, "manage.py", "relay_outbox", "--once", "--json"]
    environment = os.environ | {"DATABASE_URL": tables.url}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return report


def shards(tables: OutboxTables) -> list[tuple[int, int, int]]:
    """Of each: how many events, the lowest and the highest position."""
    with servers.connect(tables.url) as other, other.cursor() as cursor:
        cursor.execute("SELECT COUNT(*), MIN(position), MAX(position) FROM outbox_outboxevent GROUP BY shard")
        return list(cursor.fetchall())


def test_only_what_was_not_delivered_before_is_relayed(tables: OutboxTables) -> None:
    """It follows what was, without a gap in any shard, and both may be filled in again."""
    relay(tables)
    tables.deliver(200)
    tables.record(50)
    did = relay(tables)["did"]
    assert (did["sequenced"], did["held"], did["backed_off"]) == (50, 0, 0)
    tables.deliver(100)
    tables.record(7)
    again = relay(tables)
    assert again["did"]["sequenced"] == 7
    assert {each["lag"] for each in again["left"]} == {0}
    assert sum(count for count, _, _ in shards(tables)) == 357
    assert all((lowest, highest) == (1, count) for count, lowest, highest in shards(tables))


def test_an_emptied_outbox_starts_at_its_beginning(tables: OutboxTables) -> None:
    """Positions count from one again."""
    relay(tables)
    tables.deliver(100)
    tables.empty()
    tables.record(30)
    assert relay(tables)["did"]["sequenced"] == 30
    assert all((lowest, highest) == (1, count) for count, lowest, highest in shards(tables))
