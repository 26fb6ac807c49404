"""`manage.py listen`: what happens, posted to a URL of one's own."""

import datetime
import json
import signal

import pytest
from django.core.management import CommandError
from django.utils import timezone
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from config.embedded.environment import free_port
from outbox.models import Cursor, OutboxEvent
from outbox.tests.publishers.cutting import CuttingProxy
from tests import commands
from webhooks.outbound.models import Delivery, Endpoint
from webhooks.outbound.services import signing
from webhooks.outbound.tests.commands.conftest import Start, cut, through
from webhooks.outbound.tests.receivers import Receiver, Say
from webhooks.outbound.tests.support import deliver, happen, make_endpoint

pytestmark = pytest.mark.django_db(transaction=True)


def listen(url: str, *arguments: str) -> list[str]:
    """What it printed of the last hour."""
    since = (timezone.now() - datetime.timedelta(hours=1)).isoformat()
    code, out = commands.run("listen", "--once", "--since", since, "--forward-to", url, *arguments)
    assert code == 0
    return out.splitlines()


def test_it_sends_what_real_deliveries_send(receiver: Receiver) -> None:
    """Byte for byte, under the same id, and signed so that the standard's own package accepts it with its secret."""
    make_endpoint(receiver.url, listens_to=("customer.created",))
    happen()
    deliver()
    greeting, line = listen(receiver.url, "--events", "customer.*")
    delivered, forwarded = receiver.received
    assert forwarded.body == delivered.body
    assert forwarded.headers.keys() == delivered.headers.keys()
    assert forwarded.headers["webhook-id"] == delivered.headers["webhook-id"]
    secret = next(word for word in greeting.split() if word.startswith("whsec_"))
    assert Webhook(secret).verify(forwarded.body, forwarded.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(signing.new_secret()).verify(forwarded.body, forwarded.headers)
    event = OutboxEvent.objects.get(type="customer.created")
    for part in ("customer.created", event.id, "→ 200", " ms"):
        assert part in line


def test_it_needs_no_endpoint_and_leaves_nothing(receiver: Receiver) -> None:
    """Neither rows nor cursors move."""
    happen(2)
    before = list(Cursor.objects.order_by("id").values())
    assert len(listen(receiver.url)) == 3
    assert len(receiver.ids) == len(set(receiver.ids)) == 2
    assert (Endpoint.objects.count(), Delivery.objects.count()) == (0, 0)
    assert list(Cursor.objects.order_by("id").values()) == before


def test_only_what_is_wanted_is_sent(receiver: Receiver) -> None:
    """By type, wildcards included."""
    make_endpoint()
    happen()
    assert len(listen(receiver.url, "--events", "invoice.*", "webhook_endpoint.cr*")) == 2
    assert receiver.received[0].document["type"] == "webhook_endpoint.created"


def test_what_a_receiver_does_not_take_is_said_and_not_sent_again(receiver: Receiver) -> None:
    """Whether it refuses or is not there; the next event goes on as before."""
    happen(2)
    receiver.answer = lambda _: Say(500 if len(receiver.received) == 1 else 200)
    _, first, second = listen(receiver.url)
    assert "→ 500" in first
    assert "→ 200" in second
    assert len(set(receiver.ids)) == 2
    _, *lines = listen(f"http://127.0.0.1:{free_port()}/")
    assert len(lines) == 2
    assert all("→ no connection: Connection refused" in line for line in lines)


def test_a_secret_can_be_kept_and_lines_can_be_json(receiver: Receiver) -> None:
    """The first says with what everything is signed, the others what was sent and what came of it."""
    secret = signing.new_secret()
    happen()
    greeting, line = map(json.loads, listen(receiver.url, "--secret", secret, "--print-json"))
    assert greeting == {"secret": secret, "forward_to": receiver.url}
    [received] = receiver.received
    assert Webhook(secret).verify(received.body, received.headers) == line["sent"]
    assert (line["id"], line["status_code"], line["error"]) == (receiver.ids[0], 200, "")
    assert line["duration_ms"] >= 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["--secret", "whsec_short"],
        ["--secret", signing.new_secret().removeprefix("whsec_")],
        ["--secret", "whsec_" + "?" * 44],
        ["--events", "invoice.payd"],
        ["--since", "soon"],
        ["--forward-to", "ftp://localhost/"],
        ["--forward-to", "http://user:password@localhost/"],
    ],
)
def test_wrong_usage_is_refused(arguments: list[str]) -> None:
    """Before anything is read or sent."""
    with pytest.raises(CommandError):
        commands.run("listen", "--once", "--forward-to", "http://localhost/", *arguments)


def test_it_waits_for_a_database_that_goes_away_and_ends_on_term(
    receiver: Receiver, start: Start, line: CuttingProxy
) -> None:
    """What happens meanwhile is sent when it is back; what was sent before is not."""
    happen()
    running = start("listen", "--forward-to", receiver.url, "--events", "customer.*", database=through(line))
    running.until(lambda: "Forwarding" in running.said)
    happen()
    running.until(lambda: len(receiver.received) == 1)
    with cut(line):
        running.until(lambda: "trying again" in running.said)
        happen()
    running.until(lambda: running.said.count("→ 200") == 2)
    assert running.end(signal.SIGTERM) == 0
    assert receiver.ids == list(OutboxEvent.objects.order_by("id").values_list("id", flat=True))[1:]
