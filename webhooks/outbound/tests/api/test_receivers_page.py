"""docs/webhooks.md: its code is run against real deliveries, its figures are compared with ours."""

import re
import sqlite3
import time
from typing import Any

import pytest
from django.conf import settings
from django.urls import resolve

from config.outgoing import retry_after
from config.settings.env import BASE_DIR
from outbox.services import catalogue
from tests.api import ApiConsumer
from webhooks.outbound import services
from webhooks.outbound.models import Endpoint
from webhooks.outbound.services import endpoints, schedule, signing
from webhooks.outbound.tests.api.asking import shown
from webhooks.outbound.tests.api.test_deliveries import listening
from webhooks.outbound.tests.receivers import Receiver
from webhooks.outbound.tests.support import deliver, happen

PAGE = (BASE_DIR / "docs" / "webhooks.md").read_text(encoding="utf-8")
FLAT = " ".join(PAGE.split())


@pytest.fixture(scope="module")
def code() -> dict[str, Any]:
    """What the page's blocks of Python define."""
    found: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        exec(compile(block, "docs/webhooks.md", "exec"), found)
    return found


def accepted(code: dict[str, Any], secret: str, body: bytes, headers: dict[str, str]) -> tuple[bool, bool]:
    """By the package, and by the older pair."""
    lower = {name.lower(): value for name, value in headers.items()}
    return code["read"](secret, body, headers) is not None, code["is_genuine"](secret, body, lower)


def test_a_delivery_is_accepted_with_its_secret_and_with_no_other(
    api: ApiConsumer, receiver: Receiver, code: dict[str, Any]
) -> None:
    """After a rotation with either secret, by both recipes."""
    path = listening(api, url=receiver.url)
    new = shown(api.post(f"{path}/rotate"))["secret"]
    happen(1)
    deliver()
    [message] = receiver.received
    [_, old] = services.valid_secrets(Endpoint.objects.get())
    for secret in (new, old):
        assert accepted(code, secret, message.body, message.headers) == (True, True)
    assert accepted(code, signing.new_secret(), message.body, message.headers) == (False, False)
    assert code["read"](new, message.body, message.headers)["type"] == "customer.created"


@pytest.mark.parametrize(
    "changed",
    [
        {"body": b"{}"},
        {"timestamp": "1"},
        {"signature": ""},
        {"signature": "v1"},
        {"signature": "v1,é"},
        {"signature": "sha256="},
        {"timestamp": ""},
        {"timestamp": "soon"},
        {"timestamp": "9" * 5000},
        {"body": b"\xff"},
    ],
)
def test_what_was_tampered_with_is_refused_and_breaks_nothing(code: dict[str, Any], changed: dict[str, Any]) -> None:
    """Whatever stands in the headers."""
    secret, body = signing.new_secret(), b'{"type": "invoice.paid"}'
    headers = signing.headers(message_id="evt_1", timestamp=int(time.time()), body=body, secrets=[secret])
    assert accepted(code, secret, body, headers) == (True, True)
    sent = {
        name: changed.get(name.lower().removeprefix("x-").removeprefix("webhook-"), value)
        for name, value in headers.items()
    }
    assert accepted(code, secret, changed.get("body", body), sent) == (False, False)


def test_an_old_message_is_refused(code: dict[str, Any]) -> None:
    """Five minutes are borne; what was recorded by somebody is of no use to him later."""
    secret, body = signing.new_secret(), b"{}"
    for age, verdict in ((290, True), (310, False), (-310, False)):
        headers = signing.headers(message_id="evt_1", timestamp=int(time.time()) - age, body=body, secrets=[secret])
        assert accepted(code, secret, body, headers) == (verdict, verdict)


def test_a_message_without_signatures_is_refused(code: dict[str, Any]) -> None:
    """As anybody may send it."""
    assert accepted(code, signing.new_secret(), b"{}", {}) == (False, False)


@pytest.fixture
def database(code: dict[str, Any]) -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:")
    connection.executescript(code["TABLES"])
    return connection


def test_repetitions_and_what_is_older_are_no_news(
    api: ApiConsumer, receiver: Receiver, code: dict[str, Any], database: sqlite3.Connection
) -> None:
    """A message of another object is, whatever its sequence."""
    listening(api, url=receiver.url)
    happen(1)
    deliver()
    [message] = receiver.received
    document, id = message.document, message.headers["webhook-id"]
    assert code["is_news"](database, id, document)
    assert not code["is_news"](database, id, document)
    assert code["is_news"](database, "evt_3", document | {"sequence": 3})
    assert not code["is_news"](database, "evt_2", document | {"sequence": 2})
    assert code["is_news"](database, "evt_other", document | {"sequence": 1, "data": {"customer": "cus_other"}})


def test_every_type_of_event_tells_which_object_it_is_about(code: dict[str, Any], database: sqlite3.Connection) -> None:
    """In the field that the recipe reads; so does a ping."""
    types = {name: entry["data"]["properties"] for name, entry in catalogue.describe().items()}
    for name, fields in {**types, services.PING: ["endpoint"]}.items():
        message = {"type": name, "sequence": 1, "data": dict.fromkeys(fields, name)}
        assert code["is_news"](database, name, message), name


def test_the_page_has_the_figures_of_the_code() -> None:
    """Schedule, time, overlap, days."""
    units = {5: "5 s", 300: "5 min", 1800: "30 min", 7200: "2 h", 18_000: "5 h", 36_000: "10 h"}
    *delays, last = (units[each] for each in schedule.RETRIES.delays_seconds)
    assert f"at once, then {', '.join(delays)} and {last} after the try before" in FLAT
    assert f"{len(delays) + 2} times over about {round(sum(schedule.RETRIES.delays_seconds) / 3600)} hours" in FLAT
    assert (schedule.JITTER, retry_after.MAX_SECONDS, schedule.MAX_RETRY_AFTER_SECONDS) == (0.2, 86_400, 86_400)
    assert f"within {settings.WEBHOOK_TIMEOUT_SECONDS:.0f} seconds" in FLAT
    assert (settings.WEBHOOK_DISABLE_AFTER_DAYS, endpoints.MAX_SECRETS) == (5, 5)
    assert (services.DEFAULT_OVERLAP_SECONDS, services.MAX_OVERLAP_SECONDS) == (86_400, 7 * 86_400)


def test_every_call_on_the_page_exists() -> None:
    """Paths are written with … for the endpoints'."""
    calls = re.findall(r"`(GET|POST|DELETE) (…|/webhook-deliveries)/\{id\}([\w/]*)", PAGE)
    assert len(calls) >= 9
    for method, start, rest in calls:
        path = f"/api/v1{start.replace('…', '/webhook-endpoints')}/x{rest}"
        assert hasattr(resolve(path).func.view_class, method.lower()), (method, path)  # type: ignore[attr-defined]
