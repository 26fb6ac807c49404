"""Every process of docker-compose.yml as a real one: healthy by its own health check, paying, and ending on TERM."""

import re
import socket
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from django.conf import settings
from django.db import connection

from config.embedded.journey import Player
from config.settings.env import INSECURE_WEBHOOK_SECRET
from config.tests.servers import database_url
from tests.containers.processes import LONG_RUNNING, Processes

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.xdist_group("embedded"),
    pytest.mark.skipif("connection.vendor != 'mysql'", reason="the stack is MariaDB and Redis"),
]


@pytest.fixture(scope="module")
def empty_database(django_db_setup: None, django_db_blocker: Any) -> Iterator[str]:
    """The address of one of its own, on the server of the tests."""
    name = f"{connection.settings_dict['NAME']}_stack"
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS `{name}`")
        cursor.execute(f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4")
    yield database_url(name)
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE `{name}`")


@pytest.fixture(scope="module")
def running(empty_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    folder = tmp_path_factory.mktemp("stack")
    processes = Processes(folder, database_url=empty_database, redis_url=settings.CELERY_BROKER_URL)
    processes.run("migrate")
    try:
        for name in LONG_RUNNING:
            processes.start(name)
        yield processes
    finally:
        processes.kill()


@pytest.fixture(scope="module")
def api_key(running: Processes) -> str:
    return running.run("web", "python", "manage.py", "create_api_key", "--name", "shop", "--scope", "all")


@pytest.fixture(scope="module")
def player(running: Processes, api_key: str) -> Iterator[Player]:
    """A back end of the stack, once it stands."""
    for name in ("web", "worker", "simulator"):
        running.wait_until_healthy(name)
    player = Player(base_url=running.web_url, api_key=api_key, webhook_secret=INSECURE_WEBHOOK_SECRET)
    yield player
    player.close()


def wait_for_status(player: Player, invoice: dict[str, Any], status: str) -> None:
    """Until the invoice's payment is in `status`."""
    deadline = time.monotonic() + 20
    while player.invoice(invoice["id"])["payments"][0]["status"] != status:
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize("name", LONG_RUNNING)
def test_a_process_becomes_healthy(running: Processes, name: str) -> None:
    """Its command exists and runs on what the image holds, and its health check tells so."""
    running.wait_until_healthy(name)


def test_the_stack_takes_a_payment_to_paid(running: Processes, player: Player) -> None:
    """Web, worker, relay and simulator find each other by what the file says."""
    assert [answer for _, answer in player.play().webhooks] == ["ignored", "duplicate", "ignored"]


def test_the_stack_counts_into_one_place(running: Processes, player: Player) -> None:
    """What the worker counted, web tells."""
    player.play()
    text = httpx.get(f"{running.web_url}/metrics", trust_env=False).text
    assert re.search(r'quittance_task_seconds_count{.*task="payments.submit"', text)
    assert "quittance_provider_call_seconds_count{" in text


def test_a_worker_that_is_told_to_end_finishes_its_call_first(running: Processes, player: Player) -> None:
    """The provider does not answer for ten seconds; what that means is recorded before the process goes."""
    invoice = player.create_invoice(amount=9_00, currency="EUR")
    payment = player.pay(invoice["id"], payment_method="tok_timeout_before")
    wait_for_status(player, invoice, "processing")
    running.terminate("worker")
    assert running.wait("worker") == 0
    assert player.invoice(invoice["id"])["payments"][0]["status"] == "unknown"
    running.start("worker")
    assert player.wait_until_paid(invoice["id"])["payments"][0]["id"] == payment["id"]


def test_web_that_is_told_to_end_answers_what_it_has_taken_on(running: Processes, api_key: str) -> None:
    """A request whose body was still on its way gets its answer; nobody new is let in."""
    body = b'{"amount": 100, "currency": "EUR"}'
    head = [
        "POST /api/v1/invoices HTTP/1.1",
        "Host: localhost",
        "Connection: close",
        f"Authorization: Bearer {api_key}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    ]
    with socket.create_connection(("127.0.0.1", int(running.web_url.rpartition(":")[2])), 20) as connection:
        connection.sendall("".join(f"{line}\r\n" for line in [*head, ""]).encode() + body[:5])
        time.sleep(0.5)
        running.terminate("web")
        time.sleep(0.5)
        connection.sendall(body[5:])
        answer = connection.recv(65_536)
    assert answer.startswith(b"HTTP/1.1 201 "), answer
    assert running.wait("web") == 0
    running.start("web")
    running.wait_until_healthy("web")


@pytest.mark.parametrize("name", ["beat", "relay", "simulator", "flower"])
def test_a_process_ends_cleanly_on_term(running: Processes, name: str) -> None:
    """In time for what the engine grants it, so that nothing is killed in the middle of its work."""
    running.wait_until_healthy(name)
    started_at = time.monotonic()
    assert running.end(name) == 0
    assert time.monotonic() - started_at < 15
    running.start(name)
