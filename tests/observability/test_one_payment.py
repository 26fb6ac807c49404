"""One payment followed by its id, from the client's request to the event that says it is paid, in the logs."""

import json
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.embedded.runs import Run, until

ID = "checkout-4711/try:1"
Line = dict[str, Any]

pytestmark = [
    pytest.mark.xdist_group("embedded"),
    pytest.mark.skipif(sys.platform != "linux", reason="processes are counted in /proc"),
]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Web, worker, beat and simulator as `make run` starts them, with JSON logs."""
    run = Run(tmp_path_factory.mktemp("observed") / "data", LOG_FORMAT="json")
    try:
        yield run.wait_until_ready()
    finally:
        run.clean_up()


@pytest.fixture(scope="module")
def paid(run: Run) -> dict[str, Any]:
    """The invoice, paid by a client that sent its X-Request-ID and an API key."""
    with client_of(run) as client:
        invoice: dict[str, Any] = client.post("invoices", json={"amount": 1250, "currency": "EUR"}).json()
        headers = {"X-Request-ID": ID, "Idempotency-Key": "k1"}
        response = client.post(f"invoices/{invoice['id']}/pay", json={}, headers=headers)
        assert (response.status_code, response.headers["X-Request-ID"]) == (201, ID)
        assert until(lambda: client.get(f"invoices/{invoice['id']}").json()["status"] == "paid", seconds=30)
        assert until(lambda: published(run, "invoice.paid"), seconds=30)
        invoice = client.get(f"invoices/{invoice['id']}").json()
    return invoice


def client_of(run: Run) -> httpx.Client:
    headers = {"Authorization": f"Bearer {run.credentials['api_key']}"}
    return httpx.Client(base_url=f"{run.credentials['base_url']}/api/v1/", headers=headers, timeout=30, trust_env=False)


def lines_of(run: Run, process: str, **wanted: Any) -> list[Line]:
    """The JSON lines of one process that have all of `wanted`."""
    return [line for line in _parsed(run, process) if wanted.items() <= line.items()]


def _parsed(run: Run, process: str) -> Iterator[Line]:
    for text in (run.data_dir / "logs" / f"{process}.log").read_text().splitlines():
        if text.startswith("{"):
            yield json.loads(text)


def published(run: Run, type: str) -> list[Line]:
    """What the log publisher wrote about the request."""
    return [line for line in _parsed(run, "worker") if (line.get("type"), line.get("correlationid")) == (type, ID)]


def test_the_request_has_one_line(run: Run, paid: dict[str, Any]) -> None:
    """Who asked what, how it ended, and which payment it made."""
    (line,) = lines_of(run, "web", event="request", correlation_id=ID)
    assert (line["method"], line["path"], line["status"]) == ("POST", f"/api/v1/invoices/{paid['id']}/pay", 201)
    assert line["principal"].startswith("api_key:key_")
    assert (line["payment_id"], line["invoice_id"]) == (paid["payments"][0]["id"], paid["id"])
    assert line["duration_ms"] > 0


def test_every_event_of_the_payment_is_stored_with_the_id(run: Run, paid: dict[str, Any]) -> None:
    """Whether the request, the worker or the provider's webhook caused it."""
    with sqlite3.connect(run.data_dir / "quittance.sqlite3") as database:
        rows = database.execute("SELECT type FROM outbox_outboxevent WHERE correlation_id = ?", [ID]).fetchall()
    assert {"payment.requested", "payment.processing", "payment.succeeded", "receipt.created", "invoice.paid"} <= {
        row[0] for row in rows
    }


def test_the_task_carries_the_id_into_the_worker(run: Run, paid: dict[str, Any]) -> None:
    """Its line names the task and the message."""
    (line,) = lines_of(run, "worker", event="task", task="payments.submit", correlation_id=ID)
    assert line["state"] == "SUCCESS"
    assert line["task_id"]
    assert line["duration_ms"] > 0


def test_the_call_to_the_provider_has_one_line(run: Run, paid: dict[str, Any]) -> None:
    """Provider, operation and outcome, for which payment and in which task."""
    (line,) = lines_of(run, "worker", event="provider call", correlation_id=ID)
    assert (line["provider"], line["operation"], line["outcome"]) == ("simulated", "charge", "succeeded")
    assert line["payment_id"] == paid["payments"][0]["id"]
    assert line["task"] == "payments.submit"


def test_the_provider_is_sent_the_id(run: Run, paid: dict[str, Any]) -> None:
    """As it tells itself."""
    assert lines_of(run, "simulator", request_id=ID, method="POST", status=200)


def test_the_webhook_has_its_own_id_and_names_the_payments(run: Run, paid: dict[str, Any]) -> None:
    """Its line and its request's: whoever follows either id finds the other."""
    of_payment = {"payment_correlation_id": ID, "payment_id": paid["payments"][0]["id"]}
    (webhook,) = lines_of(run, "web", event="webhook", type="charge.succeeded", **of_payment)
    (request,) = lines_of(run, "web", event="request", correlation_id=webhook["correlation_id"], **of_payment)
    assert webhook["correlation_id"] not in ("", ID)
    assert webhook["provider"] == "simulated"
    assert webhook["outcome"] in ("processed", "ignored")
    assert request["path"] == "/webhooks/payment-provider"
    assert webhook["provider_event_id"] == request["provider_event_id"]


def test_the_event_that_says_it_is_paid_is_published_with_the_id(run: Run, paid: dict[str, Any]) -> None:
    """Once, to the log publisher."""
    (event,) = published(run, "invoice.paid")
    assert event["subject"] == paid["id"]


def test_no_process_wrote_a_secret(run: Run, paid: dict[str, Any]) -> None:
    """Neither the credentials of the run nor its keys are in any log."""
    secrets = {run.credentials[name] for name in ("api_key", "webhook_secret", "admin_password")}
    secrets |= {line.partition("=")[2] for line in (run.data_dir / "env").read_text().splitlines() if "KEY" in line}
    logs = "".join(path.read_text() for path in Path(run.data_dir / "logs").glob("*.log"))
    assert len(secrets) == 6
    assert [secret for secret in secrets if secret in logs] == []


def test_any_web_process_tells_what_the_worker_counted(run: Run, paid: dict[str, Any]) -> None:
    """The provider was called by the worker, and /metrics is served by the web server."""
    text = httpx.get(f"{run.credentials['base_url']}/metrics", trust_env=False).text
    call = 'quittance_provider_call_seconds_count{operation="charge",outcome="succeeded",provider="simulated"}'
    assert f"{call} 2.0" in text
    assert 'quittance_payment_events_total{event="succeeded",failure_code="",provider="simulated"} 2.0' in text
    assert "quittance_database_up 1.0" in text
