"""Liveness, and what the service stands on."""

import datetime
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client

from config import health
from config.api.principals import system
from config.celery import app
from config.kernel import clock
from invoices.tests.factories import make_invoice
from outbox.models import OutboxEvent
from payments.providers.base import Succeeded
from payments.services import submission
from payments.tests.factories import make_payment
from tests.concurrency.threads import all_at_once

TOKEN = "a-token-of-more-than-32-characters"


@pytest.fixture(autouse=True)
def nothing_is_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test finds out for itself."""
    monkeypatch.setattr(health, "_latest", health._Latest())


def test_liveness_touches_nothing() -> None:
    """No database is available to this test, and none is asked for."""
    response = Client().get("/health")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})
    assert "no-cache" in response["Cache-Control"]


@pytest.mark.django_db(transaction=True)
def test_every_component_is_reported() -> None:
    """With its status and how long it took."""
    response = Client().get("/health/detailed")
    document = response.json()
    assert response.status_code == 200, document
    assert document["components"].keys() == health.PROBES.keys()
    assert {component["status"] for component in document["components"].values()} == {"ok"}
    assert all(component["latency_ms"] >= 0 for component in document["components"].values())


@pytest.mark.django_db(transaction=True)
def test_a_migration_that_is_not_applied_is_down() -> None:
    """503, naming what to run."""
    recorder = MigrationRecorder(connection)
    recorder.record_unapplied("billing", "0001_initial")
    try:
        response = Client().get("/health/detailed")
    finally:
        recorder.record_applied("billing", "0001_initial")
    component = response.json()["components"]["migrations"]
    assert response.status_code == 503
    assert component["status"] == "down"
    assert "manage.py migrate" in component["detail"]


@pytest.mark.django_db(transaction=True)
def test_events_that_nobody_relays_are_degraded() -> None:
    """The service works, so the answer is a 200; somebody should look whether a worker runs."""
    make_invoice()
    OutboxEvent.objects.update(occurred_at=clock.now() - datetime.timedelta(seconds=health.OUTBOX_LATE_SECONDS + 5))
    response = Client().get("/health/detailed")
    document = response.json()
    assert (response.status_code, document["status"]) == (200, "degraded")
    assert "is a worker running?" in document["components"]["outbox"]["detail"]
    assert document["components"]["outbox"]["subscribers"][0]["lag"] == 1


@pytest.mark.django_db(transaction=True)
def test_payments_in_review_are_counted_and_degraded() -> None:
    """Somebody has to look."""
    payment = make_payment()
    decline = Succeeded(reference="ch_1", amount=payment.amount + 1, currency="EUR", account=payment.provider_account)
    submission.record(payment=payment, outcome=decline, actor=system("test"))
    component = Client().get("/health/detailed").json()["components"]["payments"]
    assert (component["status"], component["review"]) == ("degraded", 1)


@pytest.mark.parametrize(
    ("seconds_ago", "status"), [(1, "ok"), (health.WORKER_LATE_SECONDS + 30, "degraded"), (0, "ok")]
)
def test_a_worker_that_has_gone_quiet_is_degraded(tmp_path: Path, seconds_ago: int, status: str) -> None:
    """By the end of its latest relay, in the files that processes share; nothing is said where none has been."""
    code = f"""
import time, django; django.setup()
from config import health
from config.observability import counters
if {seconds_ago}: counters.TASK_LATEST._made.labels("outbox.relay").set(time.time() - {seconds_ago})
print((health._worker().get("status", "ok")))
"""
    environment = os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    assert subprocess.check_output([sys.executable, "-c", code], env=environment, text=True).strip() == status


@pytest.fixture
def silent_server() -> Iterator[str]:
    """Takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"redis://127.0.0.1:{server.getsockname()[1]}/0"


def detailed_within(seconds: float) -> dict[str, str]:
    started = time.monotonic()
    response = Client().get("/health/detailed")
    assert time.monotonic() - started < seconds
    assert response.status_code == 503
    return {name: component["status"] for name, component in response.json()["components"].items()}


@pytest.mark.django_db(transaction=True)
def test_a_cache_that_is_gone_is_down(settings: Any) -> None:
    """The others are still reported."""
    backend = "config.redis_cache.RedisCache"
    settings.CACHES = {"default": {"BACKEND": backend, "LOCATION": "redis://127.0.0.1:1/0"}}
    statuses = detailed_within(3)
    assert statuses.pop("cache") == "down"
    assert set(statuses.values()) == {"ok"}


@pytest.mark.django_db(transaction=True)
def test_a_broker_that_hangs_is_down_in_bounded_time(silent_server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer takes three seconds at most, however many ask."""
    overrides = app.conf.changes
    assert overrides is not None
    monkeypatch.setitem(overrides, "broker_url", silent_server)
    monkeypatch.setitem(overrides, "broker_write_url", silent_server)
    assert detailed_within(3)["broker"] == "down"
    threads = [thread for thread in threading.enumerate() if thread.name.startswith("health")]
    assert len(threads) <= health.MAX_THREADS


def test_probes_that_hang_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once as many hang as may, a further request is answered at once: nothing can be said, so all is down."""
    monkeypatch.setattr(health, "_free_threads", threading.Semaphore(0))
    assert set(detailed_within(0.5).values()) == {"down"}


@pytest.mark.parametrize(("sent", "status"), [("", 404), ("Bearer wrong", 404), (f"Bearer {TOKEN}", 503)])
def test_details_are_for_who_may_read_the_metrics(
    settings: Any, monkeypatch: pytest.MonkeyPatch, sent: str, status: int
) -> None:
    """They tell what to attack, and asking costs connections: others are told that nothing is here."""
    asked: list[str] = []

    def probe() -> dict[str, Any]:
        asked.append("database")
        return {"status": "down"}

    monkeypatch.setattr(health, "PROBES", {"database": probe})
    settings.METRICS_TOKEN = TOKEN
    assert Client().get("/health/detailed", HTTP_AUTHORIZATION=sent).status_code == status
    assert len(asked) == (status == 503)
    assert Client().get("/health").status_code == 200


@pytest.mark.django_db(transaction=True)
def test_many_callers_at_once_make_one_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """However often a process is asked, its components are asked once a second."""
    looks: list[float] = []

    def slow() -> dict[str, Any]:
        looks.append(time.monotonic())
        time.sleep(0.3)
        return {}

    monkeypatch.setattr(health, "PROBES", {"slow": slow})
    answers = all_at_once([lambda: Client().get("/health/detailed").json()] * 20)
    assert (len(looks), len(answers)) == (1, 20)
    assert all(answer == answers[0] for answer in answers)
    time.sleep(health.FRESH_SECONDS)
    Client().get("/health/detailed")
    assert len(looks) == 2
